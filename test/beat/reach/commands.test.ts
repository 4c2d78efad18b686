import { describe, expect, it } from "vitest";
import { beatCommands, refusalOf } from "../../../src/beat/reach/commands.ts";
import { type Ask, createRemoteSteering } from "../../../src/beat/reach/remote-steering.ts";
import type { BeatSteering, RemoteSteering } from "../../../src/beat/steer/steering.ts";
import { silence } from "../../../src/remote/command.ts";
import { stubSteering } from "../../helper/steering-stub.ts";

/** As a mailbox or a door runs a command, and all of it as JSON. */
function askOf(steering: BeatSteering): Ask {
  return async (method, args) => {
    try {
      const answer = await beatCommands[method]?.run({ steering }, JSON.parse(JSON.stringify(args)) as typeof args);
      return answer === silence ? silence : (JSON.parse(JSON.stringify(answer)) as unknown);
    } catch (error) {
      return JSON.parse(JSON.stringify(refusalOf(error))) as unknown;
    }
  };
}

function startStage(options: Parameters<typeof stubSteering>[0] = {}) {
  const steering = stubSteering(options);
  const ask = askOf(steering);
  const remote = createRemoteSteering(ask, { scope: steering.scope, label: steering.label });
  return { steering, ask, remote };
}

/** Every method once, with something to tell apart. */
async function callAll(steering: BeatSteering | RemoteSteering): Promise<readonly unknown[]> {
  const range = { entry: "tick", fromAt: -1000, toAt: 2000 };
  const author = { by: "alice@here", reason: "a try" };
  const answers = [];
  answers.push(await steering.status());
  answers.push(await steering.list({ match: "ti", offset: 10, limit: 1000 }));
  answers.push(await steering.show("tick"));
  answers.push(await steering.history("tick", 5));
  answers.push(await steering.upcoming(3));
  answers.push(await steering.pause({ entries: ["tick", "tock"], ...author }));
  answers.push(await steering.resume({ entries: ["tick"], by: "bob@here", catchUp: true }));
  answers.push(await steering.run({ entry: "tick", ...author }));
  answers.push(await steering.previewBackfill(range));
  answers.push(await steering.startBackfill({ ...range, perSecond: 0.5, ...author }));
  answers.push(await steering.backfills());
  answers.push(await steering.stopBackfill("b1", "bob@here"));
  answers.push(await steering.resumeBackfill("b1", "bob@here"));
  return answers;
}

describe("steering from outside", () => {
  it("tells a beat the same, and is answered the same, as steering it inside its process", async () => {
    const inside = stubSteering();
    const { steering, remote } = startStage();
    expect(await callAll(remote)).toEqual(await callAll(inside));
    expect(steering.told).toEqual(inside.told);
  });

  it("throws what the beat throws, with its code and its hint", async () => {
    const { remote } = startStage();
    const unknown = {
      name: "LovageError",
      code: "usage",
      message: "there is no entry tack",
      hint: "did you mean tick?",
    };
    await expect(remote.show("tack")).rejects.toMatchObject(unknown);
    const standby = startStage({ leader: "there:2" }).remote;
    await expect(standby.backfills()).rejects.toMatchObject({ code: "standby", hint: "ask there:2" });
    expect(await standby.status()).toMatchObject({ leads: false, leader: "there:2", term: null });
  });

  it("takes a mistake of beat's own, and what is no answer at all, for errors too", async () => {
    const answering = (answer: unknown): RemoteSteering =>
      createRemoteSteering(async () => answer, { scope: null, label: null });
    await expect(answering(refusalOf(new TypeError("x is not"))).status()).rejects.toMatchObject({
      code: "usage",
      message: "x is not",
    });
    for (const strange of [undefined, null, [], "ok", { hint: "no error" }]) {
      await expect(answering(strange).status()).rejects.toThrow("the beat's answer cannot be read");
    }
  });
});

describe("a command to beat", () => {
  it("is passed over by beats of another scope or with another label", async () => {
    const { ask, steering } = startStage();
    expect(await ask("beat_status", { scope: "other" })).toBe(silence);
    expect(await ask("beat_pause", { scope: "other", entries: "tick", by: "a@b" })).toBe(silence);
    expect(await ask("beat_status", { scope: "proj", label: "there:2" })).toBe(silence);
    expect(await ask("beat_status", {})).toHaveProperty("ok.label", "here:1");
    expect(await ask("beat_status", { scope: null, label: null })).toHaveProperty("ok.scope", "proj");
    expect(steering.told).toEqual([]);
  });

  it("changes nothing without the name of a scope", async () => {
    const { ask, steering } = startStage();
    const answer = { error: "the argument scope should be text", code: "usage", hint: null };
    expect(await ask("beat_pause", { entries: ["tick"], by: "a@b" })).toEqual(answer);
    expect(await ask("beat_run", { scope: null, entry: "tick", by: "a@b" })).toEqual(answer);
    expect(steering.told).toEqual([]);
  });

  it("with arguments that make no sense is refused, and never reaches the beat", async () => {
    const { ask, steering } = startStage();
    const who = { scope: "proj", by: "a@b" };
    const range = { ...who, entry: "tick", fromAt: 0, toAt: 1 };
    const wrong: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
      ["beat_list", { offset: -1, limit: 1 }, "offset should be a whole number"],
      ["beat_list", { offset: 0, limit: 1001 }, "limit should be a whole number from 1 to 1000"],
      ["beat_list", { offset: 0, limit: 1, match: 5 }, "match should be text"],
      ["beat_show", { entry: ["tick"] }, "entry should be text"],
      ["beat_history", { entry: "tick" }, "limit should be"],
      ["beat_upcoming", { limit: 0.5 }, "limit should be"],
      ["beat_pause", { ...who, entries: [] }, "entries should name at least one entry"],
      ["beat_pause", { ...who, entries: [1] }, "entries should be a list of texts"],
      ["beat_pause", { scope: "proj", entries: ["tick"] }, "by should be text"],
      ["beat_pause", { ...who, entries: ["tick"], reason: "x".repeat(501) }, "reason has more than 500 characters"],
      ["beat_resume", { ...who, entries: ["tick"], catchUp: "yes" }, "catchUp should be true or false"],
      ["beat_run", { ...who, entry: "" }, "entry should be text"],
      ["beat_backfill_preview", { ...range, fromAt: "2026" }, "fromAt should be a whole number"],
      ["beat_backfill_preview", { ...range, toAt: 9e15 }, "toAt should be a whole number"],
      ["beat_backfill", { ...range, perSecond: 0 }, "perSecond should be a number above 0"],
      ["beat_backfill", { ...range, perSecond: null }, "perSecond should be a number above 0"],
      ["beat_backfill_stop", who, "id should be text"],
    ];
    for (const [method, args, reason] of wrong) {
      expect(await ask(method, args)).toMatchObject({
        error: expect.stringContaining(reason) as unknown,
        code: "usage",
      });
    }
    expect(steering.told).toEqual([]);
  });
});
