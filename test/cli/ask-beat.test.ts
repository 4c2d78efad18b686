import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { Door } from "../../src/beat/reach/door.ts";
import { BeatNode } from "../../src/beat/reach/node.ts";
import { openBroker } from "../../src/broker/open.ts";
import { type AskOptions, type AskedBeat, askBeat, type Wanted } from "../../src/cli/ask-beat.ts";
import { systemClock } from "../../src/clock.ts";
import { EventStream } from "../../src/event.ts";
import { type SteeringStub, stubSteering, type StubOptions } from "../helper/steering-stub.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Stage {
  readonly options: AskOptions;
  /** A beat on the broker of the stage. */
  readonly onBroker: (stub: StubOptions, hostname?: string) => Promise<SteeringStub>;
  /** A beat on the record of the stage. */
  readonly onRecord: (stub: StubOptions) => Promise<SteeringStub>;
  /** All places at its door are taken by clients that say nothing. */
  readonly crowd: () => Promise<void>;
  readonly ask: (options?: Partial<AskOptions>, wanted?: Wanted) => Promise<AskedBeat | null>;
}

function createStage(): Stage {
  const folder = temporaryFolder();
  cleanups.push(() => folder[Symbol.asyncDispose]());
  const url = `sqlite:///${folder.file("broker.sqlite")}`;
  const record = folder.file("beat-record");
  const options = { broker: url, schedule: record, color: false };
  const onBroker: Stage["onBroker"] = async (stub, hostname = "beat@here") => {
    const broker = await openBroker(url);
    const steering = stubSteering(stub);
    const events = new EventStream();
    const node = new BeatNode({ hostname, steering, broker, events, clock: systemClock, settings: new App("x").conf });
    let isOnline = false;
    const heard = await broker.listen("celeryev", () => {
      isOnline = true;
    });
    await node.start();
    cleanups.push(async () => {
      await node.stop();
      await broker.close();
    });
    await waitUntil(() => isOnline, { what: "the beat to be online" });
    await heard.close();
    return steering;
  };
  const onRecord: Stage["onRecord"] = async (stub) => {
    writeFileSync(record, "");
    const steering = stubSteering(stub);
    const door = new Door({ record, steering, emit: () => undefined, idleMs: 60_000 });
    await door.start();
    cleanups.push(() => door.stop());
    return steering;
  };
  const crowd: Stage["crowd"] = async () => {
    const sockets = Array.from({ length: 256 }, () => connect(`${record}-socket`).on("error", () => undefined));
    cleanups.push(() => sockets.forEach((socket) => socket.destroy()));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
  };
  const ask: Stage["ask"] = async (more, wanted) => {
    const asked = await askBeat({ ...options, ...more }, wanted);
    if (asked !== null) cleanups.push(asked.close);
    return asked;
  };
  return { options, onBroker, onRecord, crowd, ask };
}

const run = { entry: "tick", by: "alice@here", reason: null };

describe("a command that looks for the running beat", () => {
  it("is told at once when nobody can be there, and makes no files by looking", async () => {
    const { ask, options } = createStage();
    expect(await ask()).toBeNull();
    expect(await ask({ broker: "memory://" })).toBeNull();
    expect(await openBroker(options.broker ?? "").then(async (broker) => broker.close())).toBeUndefined();
    expect(await ask({ timeout: 0.1 })).toBeNull();
  });

  it("finds the one on the beat-record, whatever the broker does", async () => {
    const { ask, onRecord } = createStage();
    const steering = await onRecord({ scope: "shop" });
    const asked = await ask({ broker: "redis://127.0.0.1:1/0" });
    expect(asked).toMatchObject({ via: "record", leader: "here:1", status: { scope: "shop", leads: true } });
    expect(await asked?.steering.run(run)).toMatchObject({ taskId: "id-1" });
    expect(steering.told).toEqual([{ method: "run", with: run }]);
  });

  it("finds the leader over the broker when the one on the record stands by", async () => {
    const { ask, onRecord, onBroker } = createStage();
    const standby = await onRecord({ label: "here:2", leader: "here:1" });
    await onBroker({ label: "here:2", leader: "here:1" });
    const leader = await onBroker({ label: "here:1" });
    const asked = await ask();
    expect(asked).toMatchObject({ via: "broker", leader: "here:1", status: { label: "here:1", leads: true } });
    expect(await asked?.steering.run(run)).toMatchObject({ taskId: "id-1" });
    await expect(asked?.steering.show("tack")).rejects.toMatchObject({ code: "usage", hint: "did you mean tick?" });
    expect(leader.told.map(({ method }) => method)).toEqual(["run", "show"]);
    expect(standby.told).toEqual([]);
    expect(await ask({}, "anyone")).toMatchObject({ via: "record", leader: "here:1", status: { leads: false } });
  });

  it("asks over the broker when the door of the record is crowded, and says what is wrong with it when nobody is there", async () => {
    const { ask, onRecord, onBroker, crowd } = createStage();
    await onRecord({ label: "here:1" });
    await crowd();
    for (const broker of [undefined, "redis://127.0.0.1:1/0"]) {
      const refusal = ask(broker === undefined ? { timeout: 0.1 } : { broker });
      await expect(refusal).rejects.toMatchObject({
        code: "store",
        message: expect.stringContaining("ended before it answered") as unknown,
      });
    }
    await onBroker({ label: "here:1" });
    expect(await ask()).toMatchObject({ via: "broker", leader: "here:1" });
  });

  it("asks over the broker at once with --remote, and takes the leader of the newest term", async () => {
    const { ask, onRecord, onBroker } = createStage();
    await onRecord({ label: "here:3" });
    await onBroker({ label: "there:1", term: 7 }, "beat@old");
    await onBroker({ label: "there:2", term: 8 }, "beat-2@new");
    expect(await ask({ remote: true })).toMatchObject({ via: "broker", leader: "there:2" });
  });

  it("says who stands by for whom when no leader answers, but a standby will do to tell how it is", async () => {
    const { ask, onBroker } = createStage();
    await onBroker({ label: "here:2", leader: "gone:1" });
    await onBroker({ label: "here:3", leader: null }, "beat-3@here");
    const message = /no beat that leads answers: .*here:2 stands by for gone:1/;
    await expect(ask()).rejects.toMatchObject({ code: "standby", message: expect.stringMatching(message) as unknown });
    expect(await ask({}, "anyone")).toMatchObject({ via: "broker", status: { leads: false } });
  });

  it("says so too when the only one is that on the record", async () => {
    const { ask, onRecord } = createStage();
    await onRecord({ label: "here:2", leader: "gone:1" });
    await expect(ask()).rejects.toMatchObject({ code: "standby" });
  });

  it("does not guess between schedules, and speaks only to the one that is named", async () => {
    const { ask, onRecord, onBroker } = createStage();
    await onBroker({ scope: "shop", label: "here:1" });
    const bank = await onBroker({ scope: "bank", label: "here:2" });
    await expect(ask()).rejects.toMatchObject({
      code: "usage",
      message: "there are beats of several schedules: bank, shop",
    });
    const asked = await ask({ scope: "bank" });
    expect(asked).toMatchObject({ leader: "here:2" });
    await asked?.steering.run(run);
    expect(bank.told).toHaveLength(1);
    expect(await ask({ scope: "third", timeout: 0.2 })).toBeNull();
    await onRecord({ scope: "shop" });
    await expect(ask({ scope: "bank" })).rejects.toThrow("the beat of this record is here:1, of scope shop");
  });
});
