import { describe, expect, it } from "vitest";
import { App } from "../../../src/app/app.ts";
import { Control } from "../../../src/app/control.ts";
import { BeatNode, beatNodeName, everyBeat } from "../../../src/beat/reach/node.ts";
import { createRemoteSteering } from "../../../src/beat/reach/remote-steering.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import { openBroker } from "../../../src/broker/open.ts";
import { LovageError } from "../../../src/error.ts";
import { EventStream, type LovageEvent } from "../../../src/event.ts";
import { readEvents, type TaskEvent } from "../../../src/protocol/task-event.ts";
import { ManualClock } from "../../helper/manual-clock.ts";
import { type SteeringStub, stubSteering, type StubOptions } from "../../helper/steering-stub.ts";
import { waitUntil } from "../../helper/wait.ts";

const { conf } = new App("proj", { timezone: "Europe/Berlin" });
const name = "beat@here";

interface Stage extends AsyncDisposable {
  readonly node: BeatNode;
  readonly clock: ManualClock;
  readonly events: EventStream;
  readonly steering: SteeringStub;
  readonly log: LovageEvent[];
  readonly heard: TaskEvent[];
  /** The content of each answer. */
  readonly ask: (method: string, args?: Readonly<Record<string, unknown>>, to?: string) => Promise<readonly unknown[]>;
}

interface StageOptions extends StubOptions {
  readonly hostname?: string;
  /** What stands in for the broker before it listens. */
  readonly wrap?: (broker: Broker) => Broker;
}

async function startStage({ hostname = name, wrap = (broker) => broker, ...stub }: StageOptions = {}): Promise<Stage> {
  const clock = new ManualClock(2_000_000);
  const broker = await openBroker("memory://", { clock });
  const events = new EventStream();
  const log: LovageEvent[] = [];
  events.subscribe((event) => void log.push(event));
  const heard: TaskEvent[] = [];
  await broker.listen("celeryev", (envelope) => void heard.push(...readEvents(envelope)));
  const steering = stubSteering(stub);
  const node = new BeatNode({ hostname, steering, broker: wrap(broker), events, clock, settings: conf });
  await node.start();
  await clock.settle();
  const control = new Control({ broker: async () => broker, conf }, clock);
  const ask: Stage["ask"] = async (method, args = {}, to) => {
    const whom = to === undefined ? { pattern: everyBeat } : { destination: [to] };
    const replies = control.broadcast(method, args, { ...whom, reply: true });
    await clock.advance(1500);
    return (await replies).flatMap((reply) => Object.values(reply));
  };
  const stop = async (): Promise<void> => {
    const stopped = node.stop();
    await clock.advance(1000);
    await stopped;
    await broker.close();
  };
  return { node, clock, events, steering, log, heard, ask, [Symbol.asyncDispose]: stop };
}

describe("a beat on its broker", () => {
  it("answers the questions of Celery's tools that mean something to it", async () => {
    const upcoming = [
      { entry: "tick", task: "proj.tick", args: [1], kwargs: { a: 2 }, dueAt: 1_795_252_821_500, taskId: "id-1" },
    ];
    await using stage = await startStage({ upcoming });
    expect(await stage.ask("ping")).toEqual([{ ok: "pong" }]);
    expect(await stage.ask("ping", {}, name)).toEqual([{ ok: "pong" }]);
    expect(await stage.ask("scheduled")).toEqual([
      [
        {
          eta: "2026-11-21T10:20:21.500000+01:00",
          priority: 6,
          request: {
            id: "id-1",
            name: "proj.tick",
            args: [1],
            kwargs: { a: 2 },
            type: "proj.tick",
            hostname: name,
            time_start: null,
            acknowledged: false,
            delivery_info: { exchange: "", routing_key: null, priority: null, redelivered: false },
            worker_pid: null,
          },
        },
      ],
    ]);
    expect(stage.steering.told).toEqual([{ method: "upcoming", with: 100 }]);
    expect(await stage.ask("stats")).toMatchObject([
      { pid: process.pid, uptime: 1004, clock: expect.stringMatching(/^\d+$/) as unknown, beat: { leads: true } },
    ]);
  });

  it("that stands by has nothing scheduled, and says who leads", async () => {
    await using stage = await startStage({ leader: "there:2" });
    expect(await stage.ask("scheduled")).toEqual([[]]);
    expect(await stage.ask("stats")).toMatchObject([{ beat: { leads: false, leader: "there:2" } }]);
    expect(await stage.ask("beat_list", { offset: 0, limit: 1 })).toEqual([
      { error: "here:1 stands by", code: "standby", hint: "ask there:2" },
    ]);
  });

  it("is steered from any machine, by those who mean its schedule", async () => {
    await using stage = await startStage();
    const remote = createRemoteSteering(async (method, args) => (await stage.ask(method, args, name))[0], {
      scope: "proj",
      label: "here:1",
    });
    expect(await remote.pause({ entries: ["tick"], by: "alice@there", reason: null })).toMatchObject([
      { entry: "tick" },
    ]);
    await expect(remote.show("tack")).rejects.toMatchObject({ code: "usage", hint: "did you mean tick?" });
    expect(stage.steering.told[0]).toMatchObject({ method: "pause", with: { by: "alice@there" } });
    expect(stage.log).toMatchObject([{ type: "control-received", outcome: "done" }]);
    expect(await stage.ask("beat_status", { scope: "other" })).toEqual([]);
    expect(await stage.ask("beat_status", { scope: null })).toHaveLength(1);
    expect(stage.log).toHaveLength(1);
  });

  it("passes over in silence what is said to all workers, and never ends by it", async () => {
    await using stage = await startStage();
    const commands = ["shutdown", "hello", "active", "registered", "revoke", "rate_limit", "add_consumer", "toString"];
    for (const method of commands) expect(await stage.ask(method)).toEqual([]);
    expect(stage.log).toEqual([]);
    expect(await stage.ask("ping")).toEqual([{ ok: "pong" }]);
  });

  it("tells who addresses it by its name what it knows, and monitors that there is nothing in its hands", async () => {
    await using stage = await startStage();
    const [told] = await stage.ask("shutdown", {}, name);
    expect(told).toEqual({
      error: expect.stringMatching(/^beat@here is a beat and knows no shutdown: there are ping, /) as unknown,
    });
    for (const method of ["active", "reserved", "revoked", "registered", "active_queues"]) {
      expect(await stage.ask(method, {}, name)).toEqual([[]]);
    }
    expect(await stage.ask("conf", {}, name)).toEqual([{}]);
  });

  it("tells monitors that it is there, how much it sent, and that it goes", async () => {
    const stage = await startStage();
    stage.events.emit({
      type: "occurrence-sent",
      entry: "tick",
      task: "proj.tick",
      taskId: "id-1",
      queue: "celery",
      dueAt: 1,
      sentAt: 2,
      occurrence: "scheduled",
    });
    await stage.clock.advance(20_100);
    await stage[Symbol.asyncDispose]();
    expect(stage.heard.map(({ type }) => type)).toEqual([
      "worker-online",
      "worker-heartbeat",
      "worker-heartbeat",
      "worker-offline",
    ]);
    expect(stage.heard[0]).toMatchObject({ hostname: name, active: 0, processed: 0, sw_ident: "lovage", freq: 10 });
    expect(stage.heard[1]).toMatchObject({ processed: 1 });
  });

  it("asks the broker again until it answers, and says once why it cannot be reached", async () => {
    let isAway = true;
    const wrap = (broker: Broker): Broker => ({
      ...boundTo(broker),
      listen: async (exchange, onMessage) => {
        if (isAway) throw new LovageError("broker", "the broker is away");
        return broker.listen(exchange, onMessage);
      },
    });
    await using stage = await startStage({ wrap });
    await stage.clock.advance(5000);
    expect(stage.log).toEqual([{ type: "failure", where: "remote control", reason: "the broker is away" }]);
    expect(stage.heard).toEqual([]);
    isAway = false;
    await stage.clock.advance(60_000);
    await waitUntil(() => stage.heard.length > 0, { what: "the node to be online" });
    expect(await stage.ask("ping")).toEqual([{ ok: "pong" }]);
    expect(stage.log).toHaveLength(1);
  });

  it("stops soon although the broker hangs", async () => {
    const wrap = (broker: Broker): Broker => ({ ...boundTo(broker), listen: () => new Promise(() => undefined) });
    const stage = await startStage({ wrap });
    const stopped = stage.node.stop();
    await stage.clock.advance(300);
    await stopped;
    await stage[Symbol.asyncDispose]();
  });
});

/** A broker as plain methods, some of which can be replaced. */
function boundTo(broker: Broker): Broker {
  return {
    url: broker.url,
    leases: broker.leases,
    publish: (batch, guard) => broker.publish(batch, guard),
    consume: (queues, options) => broker.consume(queues, options),
    listen: (exchange, onMessage) => broker.listen(exchange, onMessage),
    depth: (queue) => broker.depth(queue),
    purge: (queue) => broker.purge(queue),
    close: () => broker.close(),
  };
}

describe("the node name of a beat", () => {
  it("is beat@ and the host, unless it is given another that begins with beat", () => {
    expect(beatNodeName(undefined)).toMatch(/^beat@./);
    expect(beatNodeName("eu-1")).toBe("beat@eu-1");
    expect(beatNodeName("beat-eu@h1")).toBe("beat-eu@h1");
    expect(beatNodeName("beat2@%h")).toMatch(/^beat2@[^%]+$/);
  });

  it("cannot be taken for a worker's", () => {
    expect(() => beatNodeName("celery@h1")).toThrow("a beat's name begins with beat");
    expect(() => beatNodeName("celery@h1")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("write beat-celery@h1") as unknown }),
    );
    expect(() => beatNodeName("beat%x@h1")).toThrow("stands for nothing");
  });
});
