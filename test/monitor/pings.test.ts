import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import {
  EventStream,
  type LovageEvent,
  type MissedCause,
  type Occasion,
  type OccurrenceSent,
} from "../../src/event.ts";
import { DeadMansSwitch } from "../../src/monitor/dead-mans-switch.ts";
import { Pings } from "../../src/monitor/pings.ts";
import type { EntryPing } from "../../src/schedule/entry.ts";
import { type PingTarget, pingTarget } from "../helper/ping-target.ts";
import { freePort } from "../helper/port.ts";
import { waitUntil } from "../helper/wait.ts";

const at = Date.UTC(2026, 10, 23, 12);
const knocking = { limitMs: 20_000, tries: 3, retry: { firstMs: 2, mostMs: 4 } };

interface Stage extends AsyncDisposable {
  readonly events: EventStream;
  readonly seen: LovageEvent[];
  readonly pings: Pings;
}

/** Every entry is pinged at `/its-name`, and at `/its-name/fail`. */
function stage(
  target: Pick<PingTarget, "url">,
  pingOf?: (entry: string) => EntryPing | null,
  limitMs = knocking.limitMs,
): Stage {
  const events = new EventStream();
  const seen: LovageEvent[] = [];
  events.subscribe((event) => seen.push(event));
  const usual = (entry: string): EntryPing => ({
    success: `${target.url}/${entry}`,
    failure: `${target.url}/${entry}/fail`,
  });
  const tools = { events, emit: events.emit, clock: systemClock };
  const pings = new Pings({ ...tools, pingOf: pingOf ?? usual, knocking: { ...knocking, limitMs } });
  return { events, seen, pings, [Symbol.asyncDispose]: () => pings.stop() };
}

function sent(entry: string, occurrence: OccurrenceSent["occurrence"] = "scheduled"): LovageEvent {
  return { type: "occurrence-sent", entry, task: "t", taskId: "1", queue: "celery", dueAt: at, sentAt: at, occurrence };
}

function missed(entry: string, cause: MissedCause, occurrence: Occasion = "scheduled"): LovageEvent {
  const span = { count: 1, atLeast: false, fromAt: at, toAt: at };
  return { type: "occurrences-missed", occurrence, entry, cause, ...span, reason: "because" };
}

async function heard(target: PingTarget, ...paths: readonly string[]): Promise<void> {
  const detail = (): string => target.paths.join(" ");
  await waitUntil(() => target.paths.length >= paths.length, { what: `pings at ${paths.join(" ")}`, detail });
  expect(target.paths).toEqual(paths);
}

describe("pings of entries", () => {
  it("fetch the success URL for what is on its queue, and the failure URL for what is not", async () => {
    await using target = await pingTarget();
    await using on = stage(target);
    on.events.emit(sent("a"));
    on.events.emit(sent("b", "missed"));
    on.events.emit({ type: "occurrence-duplicate", occurrence: "scheduled", entry: "c", dueAt: at, taskId: "1" });
    for (const cause of ["missed", "refused", "stale"] as const) on.events.emit(missed(cause, cause));
    await waitUntil(() => target.paths.length === 6, { what: "six pings" });
    expect(target.paths.toSorted()).toEqual(["/a", "/b", "/c", "/missed/fail", "/refused/fail", "/stale/fail"]);
  });

  it("say nothing of runs by hand, of what its owner has left out, and of entries without a URL", async () => {
    await using target = await pingTarget();
    const pingOf = (entry: string): EntryPing | null =>
      entry === "without" ? null : { success: `${target.url}/${entry}`, failure: null };
    await using on = stage(target, pingOf);
    on.events.emit(sent("a", "manual"));
    on.events.emit(sent("a", "backfill"));
    on.events.emit(missed("a", "paused"));
    on.events.emit(missed("a", "overlap"));
    on.events.emit(missed("a", "refused"));
    on.events.emit(sent("without"));
    on.events.emit(sent("last"));
    await heard(target, "/last");
  });

  it.each(["manual", "backfill"] as const)(
    "say nothing of a run by hand (%s) that is refused, or was on its queue already",
    async (occurrence) => {
      await using target = await pingTarget();
      await using on = stage(target);
      on.events.emit(missed("a", "refused", occurrence));
      on.events.emit(missed("a", "stale", occurrence));
      on.events.emit({ type: "occurrence-duplicate", occurrence, entry: "a", dueAt: at, taskId: "1" });
      on.events.emit(sent("last"));
      await heard(target, "/last");
    },
  );

  it("try three times, and tell when none was taken", async () => {
    await using target = await pingTarget();
    target.answers.set("/a", [500, 503]);
    target.answers.set("/b", [500, 429, 502]);
    await using on = stage(target);
    on.events.emit(sent("a"));
    on.events.emit(sent("b"));
    const failed = await waitUntil(() => on.seen.find(({ type }) => type === "ping-failed"), { what: "a failed ping" });
    await waitUntil(() => target.paths.length === 6, { what: "three tries each" });
    expect(failed).toEqual({ type: "ping-failed", entry: "b", url: `${target.url}/b`, reason: "status 502" });
  });

  it("do not repeat what the server calls wrong", async () => {
    await using target = await pingTarget();
    target.answers.set("/a", [404]);
    await using on = stage(target);
    on.events.emit(sent("a"));
    const failed = await waitUntil(() => on.seen.find(({ type }) => type === "ping-failed"), { what: "a failed ping" });
    expect([failed, target.paths]).toMatchObject([{ reason: "status 404" }, ["/a"]]);
  });

  it("give up on a server that does not answer, and say why on one that is not there", async () => {
    await using target = await pingTarget();
    target.answers.set("/slow", [null, null, null]);
    const nobody = `http://127.0.0.1:${await freePort()}/`;
    const pingOf = (entry: string): EntryPing => ({
      success: entry === "slow" ? `${target.url}/slow` : nobody,
      failure: null,
    });
    await using on = stage(target, pingOf, 300);
    on.events.emit(sent("slow"));
    on.events.emit(sent("nobody"));
    const reasons = await waitUntil(
      () => {
        const failed = on.seen.flatMap((event) => (event.type === "ping-failed" ? [event.reason] : []));
        return failed.length === 2 ? failed : null;
      },
      { what: "two failed pings" },
    );
    expect(reasons).toEqual([expect.stringContaining("ECONNREFUSED"), "no answer within 0.3 s"]);
  });

  it("keep one waiting for each entry and kind, the newest, and one on its way", async () => {
    await using target = await pingTarget();
    target.answers.set("/1", [null]);
    let number = 0;
    const pingOf = (): EntryPing => {
      number += 1;
      return { success: `${target.url}/${number}`, failure: `${target.url}/${number}/fail` };
    };
    await using on = stage(target, pingOf);
    for (let index = 0; index < 5; index += 1) on.events.emit(sent("a"));
    on.events.emit(missed("a", "missed"));
    on.events.emit(sent("a"));
    await waitUntil(() => target.paths.length === 1, { what: "the first" });
    target.release();
    await heard(target, "/1", "/6/fail", "/7");
  });

  it("are two at once at most on one host, and all go out in the end", async () => {
    await using target = await pingTarget();
    const names = Array.from({ length: 40 }, (_, index) => `e${index}`);
    for (const name of names) target.answers.set(`/${name}`, [null]);
    await using on = stage(target);
    for (const name of names) on.events.emit(sent(name));
    await waitUntil(() => target.open.now === 2, { what: "two pings" });
    target.release();
    await waitUntil(() => target.paths.length === 40, { what: "all pings" });
    expect([target.open.most, new Set(target.paths).size]).toEqual([2, 40]);
  });

  it("go out to others while a host hangs, and it is tried once only while others wait", async () => {
    const hosts = await Promise.all(Array.from({ length: 6 }, () => pingTarget()));
    const [well, ...hanging] = hosts;
    if (well === undefined) throw new Error("no host");
    for (const host of hanging) for (const path of ["/a", "/b"]) host.answers.set(path, [null, null, null]);
    const pingOf = (entry: string): EntryPing => {
      const [host = "", path = ""] = entry.split(" ");
      return { success: `${hosts[Number(host)]?.url}/${path}`, failure: null };
    };
    await using on = stage(well, pingOf, 200);
    for (const path of ["a", "b"]) for (const host of [1, 2, 3, 4, 5]) on.events.emit(sent(`${host} ${path}`));
    on.events.emit(sent("0 a"));
    await heard(well, "/a");
    const reasons = on.seen.flatMap((event) => (event.type === "ping-failed" ? [event.reason] : []));
    expect(reasons[0]).toBe("no answer within 0.2 s");
    for (const host of hosts) await host[Symbol.asyncDispose]();
  });

  it("bring the login of their URL along, and tell nobody the password", async () => {
    await using target = await pingTarget();
    target.answers.set("/a", [401]);
    const { host } = new URL(target.url);
    await using on = stage(target, () => ({ success: `http://u:secret@${host}/a`, failure: null }));
    on.events.emit(sent("a"));
    const failed = await waitUntil(() => on.seen.find(({ type }) => type === "ping-failed"), { what: "a failed ping" });
    expect(target.logins).toEqual(["u:secret"]);
    expect(failed).toEqual({ type: "ping-failed", entry: "a", url: `http://u:***@${host}/a`, reason: "status 401" });
  });

  it("hold up a stop for a second at most, and take no more from then on", async () => {
    await using target = await pingTarget();
    target.answers.set("/a", [null, null, null]);
    const on = stage(target);
    on.events.emit(sent("a"));
    on.events.emit(sent("a"));
    await waitUntil(() => target.open.now === 1, { what: "the ping" });
    const startedAt = systemClock.monotonic();
    await on.pings.stop();
    expect(systemClock.monotonic() - startedAt).toBeLessThan(3000);
    on.events.emit(sent("b"));
    await on.pings.stop();
    expect(target.paths).not.toContain("/b");
  });

  it("that are on their way when beat stops are waited for", async () => {
    await using target = await pingTarget();
    const on = stage(target);
    on.events.emit(sent("a"));
    on.events.emit(sent("b"));
    await on.pings.stop();
    expect([target.paths.toSorted(), on.seen.length]).toEqual([["/a", "/b"], 2]);
  });
});

describe("the dead-man's switch", () => {
  it("pings while all is well, and is silent while it is not", async () => {
    await using target = await pingTarget();
    let isWell = false;
    let asked = 0;
    const events = new EventStream();
    const one = new DeadMansSwitch({
      url: `${target.url}/beat`,
      everyMs: 10,
      isWell: () => {
        asked += 1;
        return isWell;
      },
      clock: systemClock,
      emit: events.emit,
      knocking,
    });
    await one.start();
    await waitUntil(() => asked > 3, { what: "some looks" });
    expect(target.paths).toEqual([]);
    isWell = true;
    await waitUntil(() => target.paths.length > 2, { what: "some pings" });
    isWell = false;
    const before = asked;
    await waitUntil(() => asked > before + 3, { what: "more looks" });
    const silent = target.paths.length;
    await waitUntil(() => asked > before + 6, { what: "still more looks" });
    expect(target.paths.length).toBe(silent);
    await one.stop();
  });

  it("says that its URL is not reached, goes on, and stops at once", async () => {
    await using target = await pingTarget();
    target.answers.set("/beat", [500, 500, 500, 200, null]);
    const events = new EventStream();
    const seen: LovageEvent[] = [];
    events.subscribe((event) => seen.push(event));
    const url = `http://u:secret@${new URL(target.url).host}/beat`;
    const one = new DeadMansSwitch({
      url,
      everyMs: 5,
      isWell: () => true,
      clock: systemClock,
      emit: events.emit,
      knocking: { ...knocking, limitMs: 60_000 },
    });
    await one.start();
    await waitUntil(() => target.paths.length === 5, { what: "five pings" });
    await one.stop();
    const shown = url.replace("secret", "***");
    expect(seen).toEqual([{ type: "ping-failed", entry: "--ping", url: shown, reason: "status 500" }]);
    expect(target.logins[0]).toBe("u:secret");
  });
});
