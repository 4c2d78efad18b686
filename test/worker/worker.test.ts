// The worker as a whole, in one process: what it takes, when it runs it, and what it leaves behind.
import { describe, expect, it } from "vitest";
import type { App } from "../../src/app/app.ts";
import { signals } from "../../src/app/worker-signals.ts";
import { type Delivery, rejectedQueue } from "../../src/broker/consumer.ts";
import type { LovageEvent } from "../../src/event.ts";
import { envelopeOf } from "../helper/envelope.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { waitUntil } from "../helper/wait.ts";
import { startWorkerStage, type WorkerStage } from "../helper/worker-stage.ts";

interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}

function gate(): Gate {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const add = (app: App): void => {
  app.task("proj.add", (x: number, y: number) => x + y);
};

async function stateOf(stage: WorkerStage, id: string): Promise<string> {
  const [meta] = await stage.meta(id);
  return meta?.state ?? "PENDING";
}

async function untilState(stage: WorkerStage, id: string, state: string): Promise<void> {
  await waitUntil(async () => (await stateOf(stage, id)) === state, { what: `${id} to be ${state}` });
}

function typesOf(stage: WorkerStage): string[] {
  return stage.monitored.map(({ type }) => type);
}

function logged<Type extends LovageEvent["type"]>(
  stage: WorkerStage,
  type: Type,
): readonly Extract<LovageEvent, { type: Type }>[] {
  return stage.log.filter((event): event is Extract<LovageEvent, { type: Type }> => event.type === type);
}

describe("a worker", () => {
  it("runs a task, keeps its result, acknowledges its message and tells monitors", async () => {
    await using stage = await startWorkerStage({ define: add });
    const { id } = await stage.app.sendTask("proj.add", [2, 3]);
    await untilState(stage, id, "SUCCESS");
    expect((await stage.meta(id))[0]).toMatchObject({ result: 5, traceback: null, children: [] });
    await waitUntil(() => typesOf(stage).length === 3, { what: "three events" });
    expect(typesOf(stage)).toEqual(["task-received", "task-started", "task-succeeded"]);
    expect(stage.monitored[0]?.fields).toMatchObject({ uuid: id, name: "proj.add", args: "[2, 3]", kwargs: "{}" });
    expect(stage.monitored[2]?.fields).toMatchObject({ uuid: id, result: "5" });
    expect(stage.worker.totals()).toEqual({ "proj.add": 1 });
    await stage.worker.stop();
    expect(await stage.broker.depth("celery")).toBe(0);
  });

  it("keeps the error of a task that throws", async () => {
    await using stage = await startWorkerStage({
      define: (app) => {
        app.task("proj.fail", () => {
          throw new TypeError("boom");
        });
      },
    });
    const { id } = await stage.app.sendTask("proj.fail");
    await untilState(stage, id, "FAILURE");
    const [meta] = await stage.meta(id);
    expect(meta?.result).toMatchObject({ exc_type: "TypeError", exc_message: ["boom"] });
    expect(meta?.traceback).toContain("boom");
    expect(logged(stage, "task-failed")[0]).toMatchObject({ task: "proj.fail", id, expected: false });
  });

  it("sets an unknown task aside, says what it may have meant, and fails it for whoever waits", async () => {
    await using stage = await startWorkerStage({ define: add });
    const { id } = await stage.app.sendTask("proj.ad", [1]);
    await untilState(stage, id, "FAILURE");
    expect((await stage.meta(id))[0]?.result).toEqual({
      exc_type: "NotRegistered",
      exc_message: ["proj.ad"],
      exc_module: "celery.exceptions",
    });
    const [event] = logged(stage, "task-unknown");
    expect(event).toMatchObject({ task: "proj.ad", id, queue: "celery", near: "proj.add" });
    expect(event?.bytes).toBeGreaterThan(0);
    await waitUntil(async () => (await stage.broker.depth(rejectedQueue("celery"))) === 1, { what: "it set aside" });
  });

  it("refuses content other than JSON by its name, and keeps it", async () => {
    await using stage = await startWorkerStage({ define: add });
    const pickled = { ...envelopeOf("p", { task: "proj.add" }), contentType: "application/x-python-serialize" };
    await stage.broker.publish([pickled]);
    await waitUntil(() => logged(stage, "message-refused").length === 1, { what: "the refusal" });
    expect(logged(stage, "message-refused")[0]?.reason).toContain("pickle");
    await waitUntil(async () => (await stage.broker.depth(rejectedQueue("celery"))) === 1, { what: "it set aside" });
  });

  it("does not run what has expired", async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    let runs = 0;
    await using stage = await startWorkerStage({
      clock,
      define: (app) => {
        app.task("proj.count", () => {
          runs += 1;
        });
      },
    });
    const expires = new Date(clock.now() - 1000);
    const { id } = await stage.app.sendTask("proj.count", [], {}, { expires });
    await clock.advance(100);
    await untilState(stage, id, "REVOKED");
    expect((await stage.meta(id))[0]?.result).toMatchObject({ exc_type: "TaskRevokedError", exc_message: ["expired"] });
    expect(runs).toBe(0);
    expect(stage.monitored.at(-1)).toEqual({
      type: "task-revoked",
      fields: { uuid: id, terminated: false, signum: null, expired: true },
    });
  });

  it("holds a task until its eta without holding up others", async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    await using stage = await startWorkerStage({ clock, define: add, concurrency: 1, prefetchMultiplier: 1 });
    const eta = new Date(clock.now() + 60_000);
    const late: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      late.push((await stage.app.sendTask("proj.add", [1, index], {}, { eta })).id);
    }
    const { id } = await stage.app.sendTask("proj.add", [2, 2]);
    await clock.advance(10);
    await untilState(stage, id, "SUCCESS");
    expect(stage.worker.scheduled().map((request) => request.id)).toEqual(late);
    expect(await stateOf(stage, late[0] ?? "")).toBe("PENDING");
    await clock.advance(59_000);
    expect(await stateOf(stage, late[0] ?? "")).toBe("PENDING");
    await clock.advance(1_500);
    for (const each of late) await untilState(stage, each, "SUCCESS");
  });

  it("drops what is revoked while it waits, at once", async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    await using stage = await startWorkerStage({ clock, define: add });
    const { id } = await stage.app.sendTask("proj.add", [1, 1], {}, { eta: new Date(clock.now() + 60_000) });
    await clock.advance(10);
    await waitUntil(() => stage.worker.scheduled().length === 1, { what: "it to wait" });
    stage.worker.revoke([id]);
    await clock.advance(10);
    await untilState(stage, id, "REVOKED");
    expect(stage.worker.scheduled()).toEqual([]);
    expect(stage.worker.revoked()).toEqual([id]);
  });

  it("drops a task that was revoked before it came", async () => {
    await using stage = await startWorkerStage({ define: add });
    const taskId = "11111111-1111-4111-8111-111111111111";
    stage.worker.revoke([taskId]);
    await stage.app.sendTask("proj.add", [1, 1], {}, { taskId });
    await untilState(stage, taskId, "REVOKED");
    expect(logged(stage, "task-discarded")[0]).toMatchObject({ id: taskId, reason: "revoked" });
  });

  it("ends a running task when it is revoked with terminate", async () => {
    await using stage = await startWorkerStage({
      define: (app) => {
        app.task("proj.wait", () => new Promise<never>(() => undefined));
      },
    });
    const { id } = await stage.app.sendTask("proj.wait");
    await waitUntil(() => stage.worker.active().length === 1, { what: "it to run" });
    expect(stage.worker.revoke([id], { terminate: true })).toEqual([id]);
    await untilState(stage, id, "REVOKED");
    expect((await stage.meta(id))[0]?.result).toMatchObject({ exc_message: ["terminated"] });
  });

  it("acknowledges early by default: a task that runs is not given to anybody else", async () => {
    const held = gate();
    await using stage = await startWorkerStage({
      define: (app) => {
        app.task("proj.hold", () => held.opened);
      },
    });
    await stage.app.sendTask("proj.hold");
    await waitUntil(() => stage.worker.active().length === 1, { what: "it to run" });
    expect(stage.worker.active()[0]?.acknowledged).toBe(true);
    held.open();
  });

  it("with acksLate holds the message until the end, and gives it back on a cold stop", async () => {
    await using stage = await startWorkerStage({
      define: (app) => {
        app.task("proj.hold", () => new Promise<never>(() => undefined), { acksLate: true });
      },
    });
    const { id } = await stage.app.sendTask("proj.hold");
    await waitUntil(() => stage.worker.active().length === 1, { what: "it to run" });
    expect(stage.worker.active()[0]?.acknowledged).toBe(false);
    await stage.worker.kill();
    expect(await stage.broker.depth("celery")).toBe(1);
    expect(await stateOf(stage, id)).toBe("PENDING");
  });

  it("fails what runs on a cold stop when it was acknowledged before", async () => {
    await using stage = await startWorkerStage({
      define: (app) => {
        app.task("proj.hold", () => new Promise<never>(() => undefined));
      },
    });
    const { id } = await stage.app.sendTask("proj.hold");
    await waitUntil(() => stage.worker.active().length === 1, { what: "it to run" });
    await stage.worker.kill();
    expect((await stage.meta(id))[0]).toMatchObject({ state: "FAILURE", result: { exc_type: "WorkerLostError" } });
  });

  it("on a warm stop finishes what runs and gives back the rest", async () => {
    const held = gate();
    await using stage = await startWorkerStage({
      concurrency: 1,
      define: (app) => {
        app.task("proj.hold", async () => {
          await held.opened;
          return "done";
        });
      },
    });
    const first = await stage.app.sendTask("proj.hold");
    await waitUntil(() => stage.worker.active().length === 1, { what: "it to run" });
    const second = await stage.app.sendTask("proj.hold");
    await waitUntil(() => stage.worker.reserved().length === 1, { what: "the second to wait" });
    const stopping = stage.worker.stop();
    held.open();
    await stopping;
    expect(await stateOf(stage, first.id)).toBe("SUCCESS");
    expect(await stateOf(stage, second.id)).toBe("PENDING");
    expect(await stage.broker.depth("celery")).toBe(1);
  });

  it("never runs more at once than it has slots, nor holds more than its prefetch", async () => {
    const held = gate();
    let running = 0;
    let most = 0;
    await using stage = await startWorkerStage({
      concurrency: 3,
      prefetchMultiplier: 2,
      define: (app) => {
        app.task(
          "proj.hold",
          async () => {
            running += 1;
            most = Math.max(most, running);
            await held.opened;
            running -= 1;
          },
          { acksLate: true },
        );
      },
    });
    const ids: string[] = [];
    for (let index = 0; index < 20; index += 1) ids.push((await stage.app.sendTask("proj.hold")).id);
    await waitUntil(() => stage.worker.active().length === 3 && stage.worker.reserved().length === 3, { what: "six" });
    expect(await stage.broker.depth("celery")).toBe(14);
    held.open();
    for (const id of ids) await untilState(stage, id, "SUCCESS");
    expect(most).toBe(3);
  });

  it("keeps a task within its rate limit, and others run meanwhile", async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    const ran: string[] = [];
    await using stage = await startWorkerStage({
      clock,
      concurrency: 10,
      define: (app) => {
        app.task("proj.slow", (name: string) => void ran.push(name), { rateLimit: "1/m" });
        app.task("proj.quick", (name: string) => void ran.push(name));
      },
    });
    for (const name of ["a", "b", "c"]) await stage.app.sendTask("proj.slow", [name]);
    await stage.app.sendTask("proj.quick", ["q"]);
    await clock.advance(100);
    await waitUntil(() => ran.length === 2, { what: "one of each" });
    expect(ran.toSorted()).toEqual(["a", "q"]);
    await clock.advance(60_000);
    await waitUntil(() => ran.length === 3, { what: "the next" });
    stage.worker.setRateLimit("proj.slow", null);
    await clock.advance(100);
    await waitUntil(() => ran.length === 4, { what: "the last, without a limit" });
    expect(ran.at(-1)).toBe("c");
  });

  it("refuses to limit a task that it does not know", async () => {
    await using stage = await startWorkerStage({ define: add });
    expect(() => stage.worker.setRateLimit("proj.ad", "1/m")).toThrow("unknown task proj.ad");
    expect(() => stage.worker.setTimeLimit("nope", 1, null)).toThrow("unknown task nope");
  });

  it("sends a retry back with the same id, and keeps the state RETRY until it ran again", async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    const seen: number[] = [];
    await using stage = await startWorkerStage({
      clock,
      define: (app) => {
        app.task("proj.flaky", function () {
          seen.push(this.request.retries);
          if (this.request.retries < 2) this.retry({ exc: new Error("again"), countdown: 30 });
          return "at last";
        });
      },
    });
    const { id } = await stage.app.sendTask("proj.flaky");
    await clock.advance(10);
    await untilState(stage, id, "RETRY");
    expect((await stage.meta(id))[0]?.result).toMatchObject({ exc_type: "Error", exc_message: ["again"] });
    await clock.advance(31_000);
    await waitUntil(() => seen.length === 2, { what: "the second run" });
    await clock.advance(31_000);
    await untilState(stage, id, "SUCCESS");
    expect(seen).toEqual([0, 1, 2]);
    expect(typesOf(stage).filter((type) => type === "task-retried")).toHaveLength(2);
  });

  it("gives up when the retries are used up", async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    await using stage = await startWorkerStage({
      clock,
      define: (app) => {
        app.task(
          "proj.flaky",
          () => {
            throw new RangeError("never works");
          },
          { autoretryFor: [RangeError], maxRetries: 2, defaultRetryDelay: 1 },
        );
      },
    });
    const { id } = await stage.app.sendTask("proj.flaky");
    for (let round = 0; round < 5; round += 1) await clock.advance(1500);
    await untilState(stage, id, "FAILURE");
    expect(typesOf(stage).filter((type) => type === "task-started")).toHaveLength(3);
  });

  it("runs the links of a task with its result, and lists them as children", async () => {
    const got: unknown[] = [];
    await using stage = await startWorkerStage({
      define: (app) => {
        add(app);
        app.task("proj.note", (value: unknown) => void got.push(value));
      },
    });
    const link = stage.app.signature("proj.note");
    const { id } = await stage.app.sendTask("proj.add", [2, 3], {}, { link });
    await waitUntil(() => got.length === 1, { what: "the link to run" });
    expect(got).toEqual([5]);
    await untilState(stage, id, "SUCCESS");
    expect((await stage.meta(id))[0]?.children).toHaveLength(1);
  });

  it("keeps nothing of a task whose result is ignored, but for its error where asked to", async () => {
    await using stage = await startWorkerStage({
      define: (app) => {
        app.task("proj.quiet", () => 1, { ignoreResult: true });
        app.task(
          "proj.loud",
          () => {
            throw new Error("heard");
          },
          { ignoreResult: true, storeErrorsEvenIfIgnored: true },
        );
      },
    });
    const quiet = await stage.app.sendTask("proj.quiet");
    const loud = await stage.app.sendTask("proj.loud");
    await untilState(stage, loud.id, "FAILURE");
    await waitUntil(() => logged(stage, "task-succeeded").length === 1, { what: "the quiet one" });
    expect(await stateOf(stage, quiet.id)).toBe("PENDING");
  });

  it("reports STARTED where asked to, with process and node", async () => {
    const held = gate();
    await using stage = await startWorkerStage({
      define: (app) => {
        app.task("proj.hold", () => held.opened, { trackStarted: true });
      },
    });
    const { id } = await stage.app.sendTask("proj.hold");
    await untilState(stage, id, "STARTED");
    expect((await stage.meta(id))[0]?.result).toEqual({ pid: process.pid, hostname: "celery@stage" });
    held.open();
    await untilState(stage, id, "SUCCESS");
  });

  it("grows with its pool: more slots, more prefetch", async () => {
    const held = gate();
    await using stage = await startWorkerStage({
      concurrency: 1,
      prefetchMultiplier: 1,
      define: (app) => {
        app.task("proj.hold", () => held.opened, { acksLate: true });
      },
    });
    for (let index = 0; index < 6; index += 1) await stage.app.sendTask("proj.hold");
    await waitUntil(() => stage.worker.active().length === 1, { what: "one to run" });
    await stage.worker.resizePool(4);
    expect(stage.worker.prefetchCount).toBe(4);
    await waitUntil(() => stage.worker.active().length === 4, { what: "four to run" });
    held.open();
  });

  it("consumes from a queue that is added later, and no longer from one that is cancelled", async () => {
    await using stage = await startWorkerStage({ define: add });
    await stage.worker.addQueue({ name: "extra", exchange: "extra", exchangeType: "direct", routingKey: "extra" });
    const { id } = await stage.app.sendTask("proj.add", [1, 1], {}, { queue: "extra" });
    await untilState(stage, id, "SUCCESS");
    expect(await stage.worker.cancelQueue("extra")).toBe(true);
    await stage.app.sendTask("proj.add", [1, 1], {}, { queue: "extra" });
    const other = await stage.app.sendTask("proj.add", [1, 1]);
    await untilState(stage, other.id, "SUCCESS");
    expect(await stage.broker.depth("extra")).toBe(1);
  });

  it("puts the time limit of remote control on tasks that come after", async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    await using stage = await startWorkerStage({
      clock,
      define: (app) => {
        app.task("proj.wait", () => new Promise<never>(() => undefined));
      },
    });
    stage.worker.setTimeLimit("proj.wait", 5, null);
    const { id } = await stage.app.sendTask("proj.wait");
    await clock.advance(10);
    await waitUntil(() => stage.worker.active().length === 1, { what: "it to run" });
    await clock.advance(6000);
    await untilState(stage, id, "FAILURE");
    expect((await stage.meta(id))[0]?.result).toMatchObject({ exc_type: "TimeLimitExceeded", exc_message: [5] });
  });

  it("gets through thousands of expired tasks in a row, kept or not, and then runs what comes after", async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    for (const taskIgnoreResult of [true, false]) {
      await using stage = await startWorkerStage({
        clock,
        prefetchMultiplier: 0,
        settings: { taskIgnoreResult },
        define: (app) => {
          app.task("proj.late", () => 1);
          app.task("proj.note", () => 2, { ignoreResult: false });
        },
      });
      const at = clock.now();
      const etas = { eta: new Date(at + 1000), expires: new Date(at + 500) };
      const batch = Array.from({ length: 6000 }, () =>
        stage.app.createEnvelope({ task: "proj.late", args: [], kwargs: {}, options: etas }, at),
      );
      await stage.broker.publish(batch);
      await waitUntil(() => stage.worker.scheduled().length === 6000, { what: "all to wait for their eta" });
      const { id } = await stage.app.sendTask("proj.note", [], {}, { ignoreResult: false, eta: new Date(at + 2000) });
      await clock.advance(5000);
      await untilState(stage, id, "SUCCESS");
      await waitUntil(() => logged(stage, "task-discarded").length === 6000, { what: "all to be discarded" });
    }
  });

  it("takes a limit of 0 for none", async () => {
    await using stage = await startWorkerStage({ define: add, settings: { taskTimeLimit: 0, taskSoftTimeLimit: 0 } });
    stage.worker.setTimeLimit("proj.add", 0, 0);
    const { id } = await stage.app.sendTask("proj.add", [1, 2]);
    await untilState(stage, id, "SUCCESS");
  });

  it("holds a task to its time limit while what listens to its start does not come to an end", async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    await using stage = await startWorkerStage({
      clock,
      define: (app) => {
        app.task("proj.held", () => 1, { timeLimit: 3, beforeStart: () => new Promise<void>(() => undefined) });
      },
    });
    const { id } = await stage.app.sendTask("proj.held");
    await clock.advance(10);
    await waitUntil(() => stage.worker.active().length === 1, { what: "it to run" });
    await clock.advance(4000);
    await untilState(stage, id, "FAILURE");
  });

  it("sends the failure signal of a task that could not send it itself, and calls its errbacks", async () => {
    const failed: string[] = [];
    const handler = ({ sender }: { readonly sender: string }): void => void failed.push(sender);
    signals.taskFailure.connect(handler, { sender: "proj.stuck" });
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    const called: unknown[] = [];
    await using stage = await startWorkerStage({
      clock,
      define: (app) => {
        app.task("proj.stuck", () => new Promise<never>(() => undefined), { timeLimit: 1 });
        app.task("proj.errback", (id: string) => void called.push(id));
      },
    });
    const linkError = stage.app.signature("proj.errback");
    const { id } = await stage.app.sendTask("proj.stuck", [], {}, { linkError });
    await clock.advance(10);
    await waitUntil(() => stage.worker.active().length === 1, { what: "it to run" });
    await clock.advance(2000);
    await waitUntil(() => called.length === 1, { what: "the errback" });
    signals.taskFailure.disconnect(handler);
    expect(failed).toEqual(["proj.stuck"]);
    expect(called).toEqual([id]);
  });

  it("refuses to terminate with a signal that would open a debugger", async () => {
    await using stage = await startWorkerStage({ define: add });
    expect(() => stage.worker.revoke(["x"], { terminate: true, signal: "SIGUSR1" })).toThrow("SIGUSR1");
  });

  it("on a warm stop gives back at once what has not begun, before what runs has ended", async () => {
    const held = gate();
    await using stage = await startWorkerStage({
      concurrency: 1,
      define: (app) => {
        app.task("proj.hold", () => held.opened);
      },
    });
    for (let index = 0; index < 4; index += 1) await stage.app.sendTask("proj.hold");
    await waitUntil(() => stage.worker.reserved().length === 3, { what: "three to wait" });
    const stopping = stage.worker.stop();
    await waitUntil(async () => (await stage.broker.depth("celery")) === 3, { what: "three to be back" });
    expect(stage.worker.active()).toHaveLength(1);
    held.open();
    await stopping;
  });

  it("keeps a message whose body nobody can read, and fails its task", async () => {
    await using stage = await startWorkerStage({ define: add });
    const bodies = ['{"a": 1}', "null", "", "not JSON", "[5, {}, {}]", "[[], [1], {}]"];
    const batch = bodies.map((body, index) => ({ ...envelopeOf(`b${index}`, { task: "proj.add" }), body }));
    await stage.broker.publish(batch);
    await waitUntil(async () => (await stage.broker.depth(rejectedQueue("celery"))) === bodies.length, {
      what: "all to be set aside",
    });
    for (const { id } of batch) expect(await stateOf(stage, id)).toBe("FAILURE");
    const { id } = await stage.app.sendTask("proj.add", [1, 2]);
    await untilState(stage, id, "SUCCESS");
  });

  it("says of a message that names no task what is to be done about it", async () => {
    await using stage = await startWorkerStage({ define: add });
    const first = { ...envelopeOf("one"), task: "", headers: {} };
    await stage.broker.publish([first]);
    await waitUntil(() => logged(stage, "message-refused").length === 1, { what: "the refusal" });
    expect(logged(stage, "message-refused")[0]?.reason).toContain("task_protocol = 2");
  });

  it("does not run again what has succeeded before, where the settings ask for that", async () => {
    let runs = 0;
    await using stage = await startWorkerStage({
      settings: { workerDeduplicateSuccessfulTasks: true, taskAcksLate: true },
      define: (app) => {
        app.task("proj.count", () => {
          runs += 1;
        });
      },
    });
    const plain = envelopeOf("once", { task: "proj.count", args: [] });
    await stage.broker.publish([plain]);
    await untilState(stage, plain.id, "SUCCESS");
    await stage.broker.publish([envelopeOf("once", { task: "proj.count", args: [], queue: "aside" })]);
    const aside = { name: "aside", exchange: "", exchangeType: "direct", routingKey: "aside" } as const;
    const taken: Delivery[] = [];
    const onDelivery = (delivery: Delivery): void => void taken.push(delivery);
    const options = { label: "other", prefetch: 1, onDelivery, onUnreadable: () => undefined };
    const other = await stage.broker.consume([aside], options);
    await waitUntil(() => taken.length === 1, { what: "another to take it" });
    await other.close();
    await stage.worker.addQueue(aside);
    await waitUntil(() => logged(stage, "task-discarded").length === 1, { what: "the second to be dropped" });
    expect(runs).toBe(1);
  });
});
