import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import type { TaskContext } from "../../src/app/task-context.ts";
import { Ignore } from "../../src/app/task-errors.ts";
import { type SignalName, type SignalPayloads, signals, type TaskSignal } from "../../src/app/worker-signals.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { systemClock } from "../../src/clock.ts";
import type { Outcome } from "../../src/worker/job.ts";
import { runJob } from "../../src/worker/run-job.ts";

const connected: (() => void)[] = [];

function connect<Name extends SignalName>(
  name: Name,
  handler: (payload: SignalPayloads[Name]) => unknown,
  options?: Parameters<TaskSignal<SignalPayloads[Name]>["connect"]>[1],
): void {
  const signal = signals[name] as TaskSignal<SignalPayloads[Name]>;
  signal.connect(handler, options);
  connected.push(() => signal.disconnect(handler));
}

afterEach(() => {
  for (const disconnect of connected.splice(0)) disconnect();
});

function newApp(): App {
  return new App("proj", { broker: "memory://" });
}

function run(app: App, task: string, args: readonly unknown[] = []): Promise<Outcome> {
  const delivery = { queue: "q", exchange: "", routingKey: "q", priority: 0, redelivered: false };
  const job = {
    id: "one",
    task,
    body: JSON.stringify([args, {}, {}]),
    headers: {},
    delivery: { ...delivery, replyTo: "", correlationId: "one" },
    hostname: "celery@here",
    timeLimitMs: null,
    softTimeLimitMs: null,
  };
  return runJob(app, job, { onStart: () => undefined, onState: () => undefined, clock: systemClock });
}

async function warningsDuring(act: () => Promise<unknown>): Promise<readonly string[]> {
  const heard: string[] = [];
  const { emitWarning } = process;
  process.emitWarning = (warning) => void heard.push(String(warning));
  try {
    await act();
  } finally {
    process.emitWarning = emitWarning;
  }
  return heard;
}

describe("signals around a run", () => {
  it("come in Celery's order, each with the task", async () => {
    const app = newApp();
    const heard: unknown[] = [];
    const add = app.task("proj.add", (x: number, y: number) => x + y);
    connect("taskPrerun", ({ sender, taskId, args }) => heard.push(["prerun", sender, taskId, args]));
    connect("taskSuccess", ({ task, result }) => heard.push(["success", task === add, result]));
    connect("taskPostrun", ({ state, retval }) => heard.push(["postrun", state, retval]));
    await run(app, "proj.add", [2, 3]);
    expect(heard).toEqual([
      ["prerun", "proj.add", "one", [2, 3]],
      ["success", true, 5],
      ["postrun", "SUCCESS", 5],
    ]);
  });

  it("tell of failures and retries with the error", async () => {
    const app = newApp();
    const heard: unknown[] = [];
    app.task("proj.fail", () => {
      throw new RangeError("far");
    });
    app.task("proj.again", function (this: TaskContext) {
      this.retry({ exc: new RangeError("busy") });
    });
    connect("taskFailure", ({ error, traceback }) => heard.push([String(error), typeof traceback]));
    connect("taskRetry", ({ error, etaAt }) => heard.push([String(error), etaAt > Date.now()]));
    connect("taskPostrun", ({ state }) => heard.push(state));
    await run(app, "proj.fail");
    await run(app, "proj.again");
    expect(heard).toEqual([["RangeError: far", "string"], "FAILURE", ["RangeError: busy", true], "RETRY"]);
  });

  it("are waited for, be they async", async () => {
    const app = newApp();
    const heard: string[] = [];
    app.task("proj.run", () => void heard.push("run"));
    connect("taskPrerun", async () => {
      await pause(5);
      heard.push("prepared");
    });
    await run(app, "proj.run");
    expect(heard).toEqual(["prepared", "run"]);
  });

  it("are heard of one task alone, where the handler says so, until it is disconnected", async () => {
    const app = newApp();
    const heard: string[] = [];
    const one = app.task("proj.one", () => 1);
    app.task("proj.two", () => 2);
    const handler = ({ sender }: { readonly sender: string }): void => void heard.push(sender);
    connect("taskSuccess", handler, { sender: one });
    connect("taskPostrun", (payload) => handler(payload), { sender: "proj.two" });
    await run(app, "proj.one");
    await run(app, "proj.two");
    signals.taskSuccess.disconnect(handler);
    await run(app, "proj.one");
    expect(heard).toEqual(["proj.one", "proj.two"]);
    expect(signals.taskSuccess.isConnected).toBe(false);
  });

  it("are heard of two tasks by one handler that was connected to both", async () => {
    const app = newApp();
    const heard: string[] = [];
    for (const name of ["proj.one", "proj.two", "proj.three"]) app.task(name, () => 1);
    const handler = ({ sender }: { readonly sender: string }): void => void heard.push(sender);
    connect("taskSuccess", handler, { sender: "proj.one" });
    connect("taskSuccess", handler, { sender: "proj.two" });
    for (const name of ["proj.one", "proj.two", "proj.three"]) await run(app, name);
    expect(heard).toEqual(["proj.one", "proj.two"]);
  });

  it("change nothing when a handler fails, and say so as a warning", async () => {
    const app = newApp();
    app.task("proj.one", () => 1);
    connect("taskPrerun", () => {
      throw new Error("at once");
    });
    connect("taskSuccess", () => Promise.reject(new Error("later")));
    let outcome: Outcome | undefined;
    const warnings = await warningsDuring(async () => {
      outcome = await run(app, "proj.one");
    });
    expect(outcome?.state).toBe("SUCCESS");
    expect(warnings).toEqual([
      "a handler of the signal taskPrerun failed: at once",
      "a handler of the signal taskSuccess failed: later",
    ]);
  });

  it("are the same for every copy of the package", () => {
    expect((globalThis as { [key: symbol]: unknown })[Symbol.for("lovage.signals")]).toBe(signals);
  });
});

describe("signals around publishing", () => {
  it("let a handler add headers, and tell of what was sent", async () => {
    const app = newApp();
    const heard: unknown[] = [];
    connect("beforeTaskPublish", ({ headers }) => {
      headers["traceparent"] = "00-abc";
    });
    connect("afterTaskPublish", ({ sender, taskId, routingKey, headers }) => {
      heard.push([sender, taskId, routingKey, headers["traceparent"]]);
    });
    const { id } = await app.sendTask("proj.add", [1], {}, { queue: "sums" });
    const broker = await app.broker();
    if (!(broker instanceof MemoryBroker)) throw new TypeError("not the memory broker");
    expect(broker.messages("sums").map(({ headers }) => headers["traceparent"])).toEqual(["00-abc"]);
    expect(heard).toEqual([["proj.add", id, "sums", "00-abc"]]);
  });

  it("fail the call when what is added is no data", async () => {
    const app = newApp();
    connect("beforeTaskPublish", ({ headers }) => {
      headers["bad"] = new Map();
    });
    await expect(app.sendTask("proj.add")).rejects.toThrow("headers.bad is a Map");
  });
});

describe("a task's own hooks", () => {
  it("are called with the run as their this, in Celery's order, and may be shared by a base", async () => {
    const app = newApp();
    const heard: unknown[] = [];
    const base = {
      beforeStart(this: TaskContext) {
        heard.push(["before", this.name]);
      },
      onSuccess(this: TaskContext, result: unknown, { taskId }: { readonly taskId: string }) {
        heard.push(["success", this.request.id, result, taskId]);
      },
      onFailure: (error: unknown, { traceback }: { readonly traceback: string | null }) => {
        heard.push(["failure", String(error), typeof traceback]);
      },
      onRetry: (error: unknown) => void heard.push(["retry", String(error)]),
      afterReturn: (state: string, value: unknown) => void heard.push(["after", state, String(value)]),
    };
    app.task("proj.one", () => 1, { base });
    app.task(
      "proj.fail",
      () => {
        throw new RangeError("far");
      },
      { base, beforeStart: () => undefined },
    );
    app.task(
      "proj.again",
      function (this: TaskContext) {
        this.retry();
      },
      { base },
    );
    app.task(
      "proj.ignored",
      () => {
        throw new Ignore();
      },
      { base },
    );
    for (const name of ["one", "fail", "again", "ignored"]) await run(app, `proj.${name}`);
    expect(heard).toEqual([
      ["before", "proj.one"],
      ["success", "one", 1, "one"],
      ["after", "SUCCESS", "1"],
      ["failure", "RangeError: far", "string"],
      ["after", "FAILURE", "RangeError: far"],
      ["before", "proj.again"],
      ["retry", "Retry: Task can be retried"],
      ["before", "proj.ignored"],
    ]);
  });

  it("change nothing when they fail, and say so as a warning", async () => {
    const app = newApp();
    const fail = (): never => {
      throw new Error("hook");
    };
    app.task("proj.one", () => 1, { beforeStart: fail, onSuccess: fail, afterReturn: fail });
    let outcome: Outcome | undefined;
    const warnings = await warningsDuring(async () => {
      outcome = await run(app, "proj.one");
    });
    expect(outcome?.state).toBe("SUCCESS");
    expect(warnings).toEqual([
      "beforeStart of the task proj.one failed: hook",
      "onSuccess of the task proj.one failed: hook",
      "afterReturn of the task proj.one failed: hook",
    ]);
  });

  it("send children of the task", async () => {
    const app = newApp();
    app.task("proj.one", () => 1, { onSuccess: () => app.sendTask("proj.next") });
    const { children } = await run(app, "proj.one");
    expect(children).toHaveLength(1);
  });
});
