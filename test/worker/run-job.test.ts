import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { currentTask } from "../../src/app/current.ts";
import type { TaskContext } from "../../src/app/task-context.ts";
import {
  Ignore,
  Reject,
  Retry,
  SoftTimeLimitExceeded,
  TaskRevokedError,
  TimeLimitExceeded,
} from "../../src/app/task-errors.ts";
import type { TaskRequest } from "../../src/app/task-request.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import type { Failure, Job, Outcome, Retried, Success } from "../../src/worker/job.ts";
import { runJob, type RunHooks } from "../../src/worker/run-job.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const nothingFollows = { callbacks: null, errbacks: null, chain: null, chord: null };
const startAt = Date.UTC(2026, 10, 21, 12);

function newApp(settings: object = {}): App {
  return new App("proj", { broker: "memory://", ...settings });
}

interface JobParts extends Partial<Omit<Job, "body">> {
  readonly args?: readonly unknown[];
  readonly kwargs?: object;
  readonly embed?: object;
  readonly body?: string;
}

function jobOf(task: string, { args = [], kwargs = {}, embed = {}, ...parts }: JobParts = {}): Job {
  return {
    id: "one",
    task,
    body: JSON.stringify([args, kwargs, { ...nothingFollows, ...embed }]),
    headers: { id: "one", task, retries: 0, root_id: "root", parent_id: null },
    delivery: {
      queue: "sums",
      exchange: "",
      routingKey: "sums",
      priority: 3,
      redelivered: false,
      replyTo: "inbox",
      correlationId: "one",
    },
    hostname: "celery@here",
    timeLimitMs: null,
    softTimeLimitMs: null,
    ...parts,
  };
}

interface Watched extends RunHooks {
  readonly heard: unknown[];
}

function hooks(more: Partial<RunHooks> = {}): Watched {
  const heard: unknown[] = [];
  return {
    heard,
    onStart: (pid, at) => void heard.push(["start", pid, at]),
    onState: (state, metaText) => void heard.push([state, metaText]),
    clock: systemClock,
    ...more,
  };
}

interface Stopper {
  readonly stop: (reason: Error) => void;
  readonly onStop: NonNullable<RunHooks["onStop"]>;
}

/** Ends a run as a pool does. */
function stopper(): Stopper {
  let listener: (reason: Error) => void = () => undefined;
  const onStop = (heard: (reason: Error) => void): void => {
    listener = heard;
  };
  return { stop: (reason) => listener(reason), onStop };
}

function as<State extends Outcome["state"]>(outcome: Outcome, state: State): Extract<Outcome, { state: State }> {
  expect(outcome.state).toBe(state);
  return outcome as Extract<Outcome, { state: State }>;
}

async function failureOf(app: App, job: Job, more: Partial<RunHooks> = {}): Promise<Failure> {
  return as(await runJob(app, job, hooks(more)), "FAILURE");
}

async function successOf(app: App, job: Job, more: Partial<RunHooks> = {}): Promise<Success> {
  return as(await runJob(app, job, hooks(more)), "SUCCESS");
}

async function retryOf(app: App, job: Job, clock: Clock = new ManualClock(startAt)): Promise<Retried> {
  return as(await runJob(app, job, hooks({ clock })), "RETRY");
}

describe("a job that succeeds", () => {
  it("gives its result as JSON and as Python would show it", async () => {
    const app = newApp();
    app.task("proj.echo", async (value: unknown) => ({ value, none: null }));
    const outcome = await successOf(app, jobOf("proj.echo", { args: [["a", 1.5, true]] }));
    expect(outcome).toMatchObject({
      id: "one",
      pid: process.pid,
      resultText: '{"value": ["a", 1.5, true], "none": null}',
      resultRepr: "{'value': ['a', 1.5, True], 'none': None}",
      children: [],
    });
    expect(outcome).not.toHaveProperty("embed");
    expect(outcome).not.toHaveProperty("abandoned");
    expect(JSON.parse(JSON.stringify(outcome))).toEqual(outcome);
  });

  it("gives null where its function gives nothing", async () => {
    const app = newApp();
    app.task("proj.nothing", () => undefined);
    expect((await successOf(app, jobOf("proj.nothing"))).resultText).toBe("null");
  });

  it("measures its run on the clock that does not jump, and says when it began", async () => {
    const app = newApp();
    const clock = new ManualClock(startAt);
    app.task("proj.slow", async () => {
      await clock.sleep(250);
      clock.jump(-3_600_000);
    });
    const watched = hooks({ clock });
    const running = runJob(app, jobOf("proj.slow"), watched);
    await clock.advance(250);
    expect(await running).toMatchObject({ startedAt: startAt, runtimeMs: 250 });
    expect(watched.heard).toEqual([["start", process.pid, startAt]]);
  });

  it("hands on what is to follow it", async () => {
    const app = newApp();
    app.task("proj.one", () => 1);
    const callback = { task: "proj.next", args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false };
    const outcome = await successOf(app, jobOf("proj.one", { embed: { callbacks: [callback] } }));
    expect(outcome.embed).toEqual({ ...nothingFollows, callbacks: [callback] });
  });

  it("fails when its result cannot be sent, and says where in it", async () => {
    const app = newApp();
    app.task("proj.map", () => ({ user: { tags: new Set([1]) } }));
    const outcome = await failureOf(app, jobOf("proj.map"));
    expect(outcome.exception).toMatchObject({ exc_type: "EncodeError", exc_module: "kombu.exceptions" });
    expect(outcome.exception.exc_message).toEqual([
      "the result of proj.map cannot be sent: result.user.tags is a Set (send [...set])",
    ]);
  });
});

describe("a job that fails", () => {
  it("gives the error, its repr and where it was thrown", async () => {
    const app = newApp();
    app.task("proj.boom", () => {
      throw new TypeError("boom");
    });
    const outcome = await failureOf(app, jobOf("proj.boom"));
    expect(outcome).toMatchObject({
      exception: { exc_type: "TypeError", exc_message: ["boom"], exc_module: "builtins" },
      exceptionRepr: "TypeError('boom')",
      expected: false,
    });
    expect(outcome.traceback).toContain("run-job.test.ts");
    expect(outcome).not.toHaveProperty("error");
  });

  it("is expected when the task says so", async () => {
    const app = newApp();
    const run = (): never => {
      throw new RangeError("too far");
    };
    app.task("proj.boom", run, { throws: [RangeError] });
    expect((await failureOf(app, jobOf("proj.boom"))).expected).toBe(true);
  });

  it("does so when its task is not registered, or its body cannot be read", async () => {
    const app = newApp();
    app.task("proj.one", () => 1);
    const watched = hooks();
    const unknown = as(await runJob(app, jobOf("proj.none"), watched), "FAILURE");
    expect(unknown.exception).toEqual({
      exc_type: "NotRegistered",
      exc_message: ["proj.none"],
      exc_module: "celery.exceptions",
    });
    const unreadable = as(await runJob(app, jobOf("proj.one", { body: "[1, 2]" }), watched), "FAILURE");
    expect(unreadable.exceptionRepr).toContain("should be [args, kwargs, embed]");
    expect(watched.heard).toEqual([]);
  });

  it("does so with whatever was thrown", async () => {
    const app = newApp();
    app.task("proj.text", () => Promise.reject("just a text"));
    expect((await failureOf(app, jobOf("proj.text"))).exceptionRepr).toBe("Error('just a text')");
  });
});

describe("keyword arguments", () => {
  function sum(x: number, y: number, z = 100): number[] {
    return [x, y, z];
  }

  it("reach the parameters of those names", async () => {
    const app = newApp();
    app.task("proj.sum", sum, { params: ["x", "y", "z"] });
    const text = async (parts: JobParts) => (await successOf(app, jobOf("proj.sum", parts))).resultText;
    expect(await text({ args: [1], kwargs: { y: 2 } })).toBe("[1, 2, 100]");
    expect(await text({ kwargs: { z: 3, y: 2, x: 1 } })).toBe("[1, 2, 3]");
  });

  it("are a TypeError in Python's words when they do not fit", async () => {
    const app = newApp();
    app.task("proj.sum", sum, { params: ["x", "y", "z"] });
    const message = async (parts: JobParts) => (await failureOf(app, jobOf("proj.sum", parts))).exceptionRepr;
    expect(await message({ args: [1, 2], kwargs: { w: 3 } })).toBe(
      `TypeError("proj.sum() got an unexpected keyword argument 'w'")`,
    );
    expect(await message({ args: [1, 2], kwargs: { x: 3 } })).toBe(
      `TypeError("proj.sum() got multiple values for argument 'x'")`,
    );
    expect(await message({ kwargs: { z: 3 } })).toBe(
      `TypeError("proj.sum() missing 2 required positional arguments: 'x' and 'y'")`,
    );
    expect(await message({ kwargs: { x: 3 } })).toBe(
      `TypeError("proj.sum() missing 1 required positional argument: 'y'")`,
    );
  });

  it("are one object after the other arguments where the names are not known", async () => {
    const app = newApp();
    app.task("proj.all", (...all: unknown[]) => all);
    const { resultText } = await successOf(app, jobOf("proj.all", { args: [1], kwargs: { y: 2 } }));
    expect(resultText).toBe('[1, {"y": 2}]');
  });
});

describe("the request", () => {
  it("says what the message says, custom headers and beat's among it", async () => {
    const app = newApp({ timezone: "Asia/Taipei" });
    let seen: TaskRequest | undefined;
    app.task("proj.look", function (this: TaskContext) {
      seen = this.request;
    });
    const headers = {
      retries: 2,
      eta: "2026-11-21T12:00:00",
      expires: "2026-11-22T00:00:00+00:00",
      group: "g",
      group_index: 4,
      parent_id: "above",
      root_id: "root",
      origin: "gen1@there",
      argsrepr: "(1,)",
      kwargsrepr: "{}",
      trace: "t",
      periodic_task_name: "nightly",
      scheduled_at: "2026-11-21T11:59:00+00:00",
      occurrence: "missed",
    };
    const limits = { timeLimitMs: 20_000, softTimeLimitMs: 10_000 };
    await successOf(app, jobOf("proj.look", { args: [1], kwargs: {}, headers, ...limits }));
    expect(seen).toMatchObject({
      id: "one",
      task: "proj.look",
      args: [1],
      kwargs: {},
      retries: 2,
      eta: new Date("2026-11-21T12:00:00+08:00"),
      expires: new Date("2026-11-22T00:00:00Z"),
      deliveryInfo: { exchange: "", routingKey: "sums", queue: "sums", priority: 3, redelivered: false },
      hostname: "celery@here",
      rootId: "root",
      parentId: "above",
      group: "g",
      groupIndex: 4,
      replyTo: "inbox",
      correlationId: "one",
      timelimit: [20, 10],
      isEager: false,
      calledDirectly: false,
      periodicTaskName: "nightly",
      scheduledAt: new Date("2026-11-21T11:59:00Z"),
      occurrence: "missed",
      origin: "gen1@there",
      argsrepr: "(1,)",
    });
    expect(seen?.headers["trace"]).toBe("t");
  });

  it("is there for arrow functions, however late they ask", async () => {
    const app = newApp();
    app.task("proj.who", async () => {
      await pause(1);
      return [currentTask()?.name, currentTask()?.request.id];
    });
    expect((await successOf(app, jobOf("proj.who"))).resultText).toBe('["proj.who", "one"]');
    expect(currentTask()).toBeUndefined();
  });
});

describe("tasks that a task sends", () => {
  it("are its children, and know their parent, their root and, if wanted, their priority", async () => {
    const app = newApp({ taskInheritParentPriority: true });
    app.task("proj.parent", async () => {
      await app.sendTask("proj.child", [1]);
      await app.sendTask("proj.own", [], {}, { rootId: "mine", priority: 9 });
    });
    const { children } = await successOf(app, jobOf("proj.parent"));
    const broker = await app.broker();
    if (!(broker instanceof MemoryBroker)) throw new TypeError("not the memory broker");
    const sent = broker.messages("celery");
    expect(
      sent.map(({ headers, properties }) => [headers["parent_id"], headers["root_id"], properties.priority]),
    ).toEqual(
      expect.arrayContaining([
        ["one", "root", 3],
        ["one", "mine", 9],
      ]),
    );
    expect(sent).toHaveLength(2);
    expect(children.map(([[id, parent], members]) => [typeof id, parent, members])).toEqual([
      ["string", null, null],
      ["string", null, null],
    ]);
    expect(children.map(([[id]]) => id).toSorted()).toEqual(sent.map(({ id }) => id).toSorted());
  });
});

describe("updateState", () => {
  it("reports a state with its meta, in either form", async () => {
    const app = newApp();
    app.task("proj.steps", function (this: TaskContext) {
      this.updateState({ state: "PROGRESS", meta: { done: 1 } });
      this.updateState("WAITING");
      this.updateState("FAILING", new RangeError("soon"));
    });
    const watched = hooks();
    await runJob(app, jobOf("proj.steps"), watched);
    expect(watched.heard.slice(1)).toEqual([
      ["PROGRESS", '{"done": 1}'],
      ["WAITING", "null"],
      ["FAILING", '{"exc_type": "RangeError", "exc_message": ["soon"], "exc_module": "javascript"}'],
    ]);
  });

  it("throws into the task what cannot be sent", async () => {
    const app = newApp();
    app.task("proj.bad", function (this: TaskContext) {
      this.updateState("PROGRESS", new Map());
    });
    expect((await failureOf(app, jobOf("proj.bad"))).exceptionRepr).toContain("meta is a Map");
  });
});

describe("this.retry", () => {
  function retrying(options: Parameters<TaskContext["retry"]>[0], definition: object = {}): App {
    const app = newApp();
    app.task(
      "proj.again",
      function (this: TaskContext) {
        this.retry(options);
      },
      definition,
    );
    return app;
  }

  const afterRetries = (retries: number): JobParts => ({ args: [1], kwargs: { y: 2 }, headers: { retries } });

  it("asks for another run after the task's delay, of the same call", async () => {
    const outcome = await retryOf(retrying({}), jobOf("proj.again"));
    expect(outcome).toMatchObject({
      etaAt: startAt + 180_000,
      options: {},
      exceptionRepr: "Retry('Task can be retried')",
    });
    expect(outcome).not.toHaveProperty("argumentsText");
    const sooner = await retryOf(retrying({}, { defaultRetryDelay: 5 }), jobOf("proj.again"));
    expect(sooner.etaAt).toBe(startAt + 5000);
  });

  it("takes a countdown or an eta, other arguments, and options of the call", async () => {
    const error = new RangeError("busy");
    const app = retrying({
      exc: error,
      countdown: 0.5,
      args: [9],
      queue: "slow",
      priority: 6,
      headers: { trace: "t" },
    });
    const outcome = await retryOf(app, jobOf("proj.again", afterRetries(0)));
    expect(outcome).toMatchObject({
      etaAt: startAt + 500,
      argumentsText: '[[9], {"y": 2}]',
      options: { queue: "slow", priority: 6, headers: { trace: "t" } },
      exception: { exc_type: "RangeError", exc_message: ["busy"] },
    });
    const later = await retryOf(retrying({ eta: new Date(startAt + 60_000) }), jobOf("proj.again"));
    expect(later.etaAt).toBe(startAt + 60_000);
    const written = await retryOf(retrying({ eta: "2026-11-21T13:00:00" }), jobOf("proj.again"));
    expect(written.etaAt).toBe(startAt + 3_600_000);
  });

  it("keeps an instant of expiry through JSON", async () => {
    const { options } = await retryOf(retrying({ expires: new Date(startAt) }), jobOf("proj.again"));
    expect(options).toEqual({ expires: "2026-11-21T12:00:00+00:00" });
  });

  it("refuses an option that is none", async () => {
    const outcome = await failureOf(retrying({ cuntdown: 5 } as object), jobOf("proj.again"));
    expect(outcome.exceptionRepr).toContain("no option cuntdown");
  });

  it("gives up after three retries, in Celery's words or with the task's own error", async () => {
    const outcome = await failureOf(retrying({}), jobOf("proj.again", afterRetries(3)));
    expect(outcome.exception).toEqual({
      exc_type: "MaxRetriesExceededError",
      exc_message: ["Can't retry proj.again[one] args:[1] kwargs:{'y': 2}"],
      exc_module: "celery.exceptions",
    });
    const own = await failureOf(retrying({ exc: new RangeError("busy") }), jobOf("proj.again", afterRetries(3)));
    expect(own.exceptionRepr).toBe("RangeError('busy')");
  });

  it("counts up to maxRetries, of the task or of the call; null is without end", async () => {
    await failureOf(retrying({}, { maxRetries: 1 }), jobOf("proj.again", afterRetries(1)));
    await retryOf(retrying({ maxRetries: 9 }, { maxRetries: 1 }), jobOf("proj.again", afterRetries(8)));
    await retryOf(retrying({}, { maxRetries: null }), jobOf("proj.again", afterRetries(1000)));
  });

  it("with throw: false sends the retry, and lets the run end as it will", async () => {
    const app = newApp();
    app.task("proj.both", function (this: TaskContext, x: number) {
      const retry = this.retry({ countdown: 60, throw: false });
      return [retry instanceof Retry, x];
    });
    const headers = { id: "one", retries: 1, root_id: "root", parent_id: "above", trace: "t" };
    const outcome = await successOf(app, jobOf("proj.both", { args: [7], headers }));
    expect(outcome.resultText).toBe("[true, 7]");
    const broker = await app.broker();
    if (!(broker instanceof MemoryBroker)) throw new TypeError("not the memory broker");
    const [again] = broker.messages("sums");
    expect(again).toMatchObject({
      id: "one",
      headers: { retries: 2, root_id: "root", parent_id: "above", trace: "t" },
      properties: { priority: 3, replyTo: "inbox" },
    });
    expect(JSON.parse(String(again?.body))[0]).toEqual([7]);
  });
});

describe("automatic retries", () => {
  class Busy extends Error {}
  class Broken extends Busy {}

  function failing(error: unknown, definition: object): App {
    const app = newApp();
    const run = (): never => {
      throw error;
    };
    app.task("proj.auto", run, { autoretryFor: [Busy], retryJitter: false, ...definition });
    return app;
  }

  it("follow the errors they are for, and no others", async () => {
    const outcome = await retryOf(failing(new Broken("x"), {}), jobOf("proj.auto"));
    expect([outcome.etaAt, outcome.exceptionRepr]).toEqual([startAt + 180_000, "Broken('x')"]);
    await failureOf(failing(new RangeError("x"), {}), jobOf("proj.auto"));
    await failureOf(failing(new Broken("x"), { dontAutoretryFor: [Broken] }), jobOf("proj.auto"));
    const ignored = await runJob(failing(new Ignore(), { autoretryFor: [Error] }), jobOf("proj.auto"), hooks());
    expect(ignored.state).toBe("IGNORED");
  });

  it("end with the error itself", async () => {
    const definition = { retryKwargs: { max_retries: 2, countdown: 7 } };
    const job = (retries: number): Job => jobOf("proj.auto", { headers: { retries } });
    expect((await retryOf(failing(new Busy("x"), definition), job(1))).etaAt).toBe(startAt + 7000);
    expect((await failureOf(failing(new Busy("x"), definition), job(2))).exceptionRepr).toBe("Busy('x')");
  });

  it("keep to the number of retries that the run has asked for itself", async () => {
    const app = newApp();
    const run = function (this: TaskContext): never {
      return this.retry({ exc: new Busy("x"), maxRetries: 1 });
    };
    app.task("proj.auto", run, { autoretryFor: [Busy] });
    expect((await failureOf(app, jobOf("proj.auto", { headers: { retries: 1 } }))).exceptionRepr).toBe("Busy('x')");
  });

  it("wait twice as long each time with retryBackoff, up to its bound", async () => {
    const delay = async (retries: number, definition: object): Promise<number> => {
      const parts = { headers: { retries } };
      const app = failing(new Busy("x"), { maxRetries: null, ...definition });
      return ((await retryOf(app, jobOf("proj.auto", parts))).etaAt - startAt) / 1000;
    };
    expect(await delay(0, { retryBackoff: true })).toBe(1);
    expect(await delay(3, { retryBackoff: 5 })).toBe(40);
    expect(await delay(30, { retryBackoff: 5 })).toBe(600);
    expect(await delay(30, { retryBackoff: 5, retryBackoffMax: 90 })).toBe(90);
    const jittered = await delay(5, { retryBackoff: 1, retryJitter: true });
    expect(jittered).toBeGreaterThanOrEqual(0);
    expect(jittered).toBeLessThanOrEqual(32);
  });
});

describe("a task that speaks for itself", () => {
  it("is ignored, rejected or retried by what it throws", async () => {
    const app = newApp();
    const thrown: Record<string, unknown> = {
      ignore: new Ignore(),
      reject: new Reject(new Error("not mine"), { requeue: true }),
      retry: new Retry(),
    };
    app.task("proj.throw", (what: string) => {
      throw thrown[what];
    });
    const run = (what: string) => runJob(app, jobOf("proj.throw", { args: [what] }), hooks());
    expect(await run("ignore")).toMatchObject({ state: "IGNORED" });
    expect(await run("reject")).toMatchObject({ state: "REJECTED", requeue: true, reason: "not mine" });
    expect(as(await run("retry"), "RETRY").etaAt).toBeGreaterThan(Date.now() + 170_000);
  });
});

describe("an error of another copy of the package", () => {
  it("means the same", async () => {
    const app = newApp();
    const foreign = Object.assign(new Error("x"), { celeryType: "Ignore", celeryModule: "celery.exceptions" });
    app.task("proj.throw", () => {
      throw foreign;
    });
    expect((await runJob(app, jobOf("proj.throw"), hooks())).state).toBe("IGNORED");
  });
});

describe("the soft time limit", () => {
  const limited = { softTimeLimitMs: 500 };

  it("fails a function that takes no notice, at once, and says that it goes on", async () => {
    const app = newApp();
    const clock = new ManualClock(startAt);
    app.task("proj.deaf", () => clock.sleep(60_000));
    const running = failureOf(app, jobOf("proj.deaf", limited), { clock });
    await clock.advance(500);
    expect(await running).toMatchObject({
      exception: { exc_type: "SoftTimeLimitExceeded", exc_message: [], exc_module: "billiard.exceptions" },
      abandoned: true,
      runtimeMs: 500,
    });
  });

  it("waits for one that watches the signal, and takes what it gives", async () => {
    const app = newApp();
    const clock = new ManualClock(startAt);
    const reasons: unknown[] = [];
    app.task("proj.tidy", async function (this: TaskContext) {
      await clock.sleep(60_000, this.signal);
      reasons.push(this.signal.reason);
      await clock.sleep(300);
      return "half";
    });
    const running = successOf(app, jobOf("proj.tidy", limited), { clock });
    await clock.advance(1000);
    expect(await running).toMatchObject({ resultText: '"half"', runtimeMs: 800 });
    expect(reasons[0]).toBeInstanceOf(SoftTimeLimitExceeded);
  });

  it("is what the task failed of when something it awaited was aborted", async () => {
    const app = newApp();
    app.task("proj.wait", function (this: TaskContext) {
      return pause(60_000, undefined, { signal: this.signal });
    });
    const outcome = await failureOf(app, jobOf("proj.wait", { softTimeLimitMs: 5 }));
    expect(outcome.exceptionRepr).toBe("SoftTimeLimitExceeded()");
    expect(outcome).not.toHaveProperty("abandoned");
  });

  it("leaves no timer behind a run that was in time", async () => {
    const app = newApp();
    const clock = new ManualClock(startAt);
    app.task("proj.quick", () => 1);
    await successOf(app, jobOf("proj.quick", limited), { clock });
    expect(clock.sleepers).toBe(0);
  });
});

describe("a task that is asked to stop", () => {
  it("is revoked when it gives in", async () => {
    const app = newApp();
    const { stop, onStop } = stopper();
    app.task("proj.wait", function (this: TaskContext) {
      return pause(60_000, undefined, { signal: this.signal });
    });
    const running = runJob(
      app,
      jobOf("proj.wait"),
      hooks({ onStop, onStart: () => setImmediate(() => stop(new TaskRevokedError("terminated"))) }),
    );
    expect(await running).toMatchObject({ state: "REVOKED", reason: "terminated", signal: "SIGTERM" });
  });

  it("succeeds when it has something to show all the same", async () => {
    const app = newApp();
    const { stop, onStop } = stopper();
    app.task("proj.wait", function (this: TaskContext) {
      stop(new TaskRevokedError("terminated"));
      return this.signal.aborted;
    });
    expect((await successOf(app, jobOf("proj.wait"), { onStop })).resultText).toBe("true");
  });

  it("fails with the reason that the pool gives", async () => {
    const app = newApp();
    const { stop, onStop } = stopper();
    app.task("proj.wait", function (this: TaskContext) {
      stop(new TimeLimitExceeded(3));
      this.signal.throwIfAborted();
    });
    expect((await failureOf(app, jobOf("proj.wait"), { onStop })).exceptionRepr).toBe("TimeLimitExceeded(3)");
  });

  it("does not begin when the wish came first", async () => {
    const app = newApp();
    const seen: string[] = [];
    app.task("proj.late", () => void seen.push("ran"));
    const outcome = await runJob(
      app,
      jobOf("proj.late"),
      hooks({ onStop: (stop) => stop(new TaskRevokedError("terminated")) }),
    );
    expect([outcome.state, seen]).toEqual(["REVOKED", []]);
  });
});
