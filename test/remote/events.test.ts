import { describe, expect, it } from "vitest";
import type { Broker } from "../../src/broker/broker.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import { LamportClock } from "../../src/protocol/lamport.ts";
import { readEvents, type TaskEvent } from "../../src/protocol/task-event.ts";
import { EventDispatcher } from "../../src/remote/event-dispatcher.ts";
import { ManualClock } from "../helper/manual-clock.ts";

interface Stage {
  readonly events: EventDispatcher;
  readonly clock: ManualClock;
  readonly messages: Envelope[];
  readonly heard: () => readonly TaskEvent[];
}

async function startStage(options: { readonly enabled?: boolean; readonly broker?: Broker } = {}): Promise<Stage> {
  const broker = options.broker ?? new MemoryBroker();
  const messages: Envelope[] = [];
  await broker.listen("celeryev", (envelope) => void messages.push(envelope));
  const clock = new ManualClock(1_795_252_734_000);
  const lamport = new LamportClock();
  const enabled = options.enabled ?? true;
  const events = new EventDispatcher({ broker, clock, lamport, hostname: "w1@h", exchange: "celeryev", enabled });
  await events.start();
  return { events, clock, messages, heard: () => messages.flatMap(readEvents) };
}

const keysOf = (messages: readonly Envelope[]): readonly string[] =>
  messages.map(({ destination }) => destination.routingKey);

/** Stands for a broker that is away, or slow to answer. */
function brokerThat(publish: (batch: readonly Envelope[]) => Promise<never[]>): Broker {
  const memory = new MemoryBroker();
  return Object.assign(Object.create(memory) as Broker, {
    publish,
    listen: async () => ({ close: async () => undefined }),
  });
}

describe("events of the worker", () => {
  it("go out at once, without -E too", async () => {
    const { events, clock, messages, heard } = await startStage({ enabled: false });
    events.send("worker-online", { freq: 2 });
    await clock.settle();
    expect(keysOf(messages)).toEqual(["worker.online"]);
    expect(heard()).toMatchObject([
      { type: "worker-online", hostname: "w1@h", pid: process.pid, clock: 1, timestamp: 1_795_252_734, freq: 2 },
    ]);
  });
});

describe("events of tasks", () => {
  it("wait for a second and go out together", async () => {
    const { events, clock, messages, heard } = await startStage();
    events.send("task-received", { uuid: "a" });
    await clock.advance(600);
    events.send("task-started", { uuid: "a" });
    await clock.advance(399);
    expect(messages).toEqual([]);
    await clock.advance(1);
    expect(keysOf(messages)).toEqual(["task.multi"]);
    expect(heard().map(({ type, clock }) => [type, clock])).toEqual([
      ["task-received", 1],
      ["task-started", 2],
    ]);
    await clock.advance(5000);
    expect(messages.length).toBe(1);
  });

  it("do not wait once there are a hundred", async () => {
    const { events, clock, messages, heard } = await startStage();
    for (let index = 0; index < 250; index += 1) events.send("task-started", { uuid: String(index) });
    await clock.settle();
    expect(messages.map((message) => readEvents(message).length)).toEqual([100, 100]);
    await clock.advance(1000);
    expect(heard().map(({ uuid }) => uuid)).toEqual(Array.from({ length: 250 }, (_, index) => String(index)));
  });

  it("are not sent unless they were asked for, and from then on", async () => {
    const { events, clock, heard } = await startStage({ enabled: false });
    events.send("task-started", { uuid: "before" });
    events.enable();
    events.send("task-started", { uuid: "during" });
    events.disable();
    events.send("task-started", { uuid: "after" });
    await clock.advance(2000);
    expect(heard().map(({ uuid }) => uuid)).toEqual(["during"]);
  });

  it("that are no data are left out, and nothing throws", async () => {
    const { events, clock, heard } = await startStage();
    events.send("task-started", { uuid: "good" });
    events.send("task-succeeded", { uuid: "bad", result: 1n });
    await clock.advance(1000);
    expect(heard().map(({ uuid }) => uuid)).toEqual(["good"]);
  });

  it("that are left go out when the worker stops, and none after it", async () => {
    const { events, clock, heard } = await startStage();
    events.send("task-succeeded", { uuid: "last" });
    await events.stop();
    await events.stop();
    events.send("task-succeeded", { uuid: "late" });
    events.send("worker-heartbeat", {});
    await clock.advance(5000);
    expect(heard().map(({ uuid }) => uuid)).toEqual(["last"]);
    expect(clock.sleepers).toBe(0);
  });
});

describe("while the broker is away", () => {
  it("events are dropped, and those that come later are sent", async () => {
    let isAway = true;
    const sent: string[] = [];
    const broker = brokerThat(async (batch) => {
      if (isAway) throw new Error("away");
      sent.push(...keysOf(batch));
      return [];
    });
    const { events, clock } = await startStage({ broker });
    events.send("worker-online", {});
    await clock.settle();
    isAway = false;
    events.send("worker-heartbeat", {});
    await clock.settle();
    expect(sent).toEqual(["worker.heartbeat"]);
  });

  it("only so many wait for an answer that does not come, and stopping does not wait for it", async () => {
    const asked: (readonly Envelope[])[] = [];
    let answer: (value: never[]) => void = () => undefined;
    const broker = brokerThat((batch) => {
      asked.push(batch);
      return new Promise((resolve) => (answer = resolve));
    });
    const { events, clock } = await startStage({ broker });
    for (let index = 0; index < 500; index += 1) {
      events.send("worker-heartbeat", { index });
      if (index === 0) await clock.settle();
    }
    answer([]);
    await clock.settle();
    expect(asked.map((batch) => batch.length)).toEqual([1, 100]);
    const newest = readEvents(asked[1]!.at(-1)!);
    expect(newest).toMatchObject([{ index: 499 }]);
    const stopping = events.stop();
    await clock.advance(2000);
    await stopping;
  });
});
