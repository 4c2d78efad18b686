import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { isApp } from "../../src/app/is-app.ts";
import type { AsyncResult } from "../../src/app/async-result.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { ConfigError } from "../../src/error.ts";
import { crontab } from "../../src/schedule/crontab.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";

function newApp(settings: object = {}): App {
  return new App("proj", { broker: "memory://", ...settings });
}

async function brokerOf(app: App): Promise<MemoryBroker> {
  const broker: Broker = await app.broker();
  if (!(broker instanceof MemoryBroker)) throw new TypeError("not the memory broker");
  return broker;
}

async function finalized(app: App): Promise<App> {
  await app.finalize();
  return app;
}

function bodyOf(text: string | Uint8Array): unknown {
  return JSON.parse(String(text));
}

describe("a new App", () => {
  it("takes a name and settings, in Celery's short words too", () => {
    const app = new App("proj", { broker: "redis://host", backend: "redis://host/1", task_default_queue: "q" });
    expect(app.name).toBe("proj");
    expect([app.conf.brokerUrl, app.conf.resultBackend, app.conf.taskDefaultQueue]).toEqual([
      "redis://host",
      "redis://host/1",
      "q",
    ]);
  });

  it("is named after its module when it is given no name", () => {
    expect(new App({ timezone: "Asia/Taipei" }).name).toBe("app");
    expect(new App().conf.timezone).toBe("UTC");
  });

  it("refuses settings that are unknown or do not fit, all at once", () => {
    const settings: object = { timezon: "UTC", taskTimeLimit: "x" };
    expect(() => new App("proj", settings)).toThrow(/unknown setting timezon .*\ntaskTimeLimit: expected number/);
  });

  it("is an App for other copies of this package, and nothing else is", () => {
    const foreign = { [Symbol.for("lovage.App")]: true };
    expect([isApp(newApp()), isApp(foreign), isApp({}), isApp(null)]).toEqual([true, true, false, false]);
    expect(foreign instanceof App).toBe(true);
    class OwnApp extends App {}
    expect([new OwnApp("own") instanceof App, newApp() instanceof OwnApp]).toEqual([true, false]);
  });
});

describe("the settings of an app", () => {
  it("come from an object with a namespace, and give way to what the code sets", () => {
    const app = new App("proj", { timezone: "Asia/Taipei" });
    app.configFromObject({ CELERY_TIMEZONE: "UTC", CELERY_TASK_DEFAULT_QUEUE: "q", DEBUG: 1 }, { namespace: "CELERY" });
    expect([app.conf.timezone, app.conf.taskDefaultQueue]).toEqual(["Asia/Taipei", "q"]);
    app.conf.taskDefaultQueue = "set";
    expect(app.conf.task_default_queue).toBe("set");
  });

  it("come from the last object alone", () => {
    const app = new App("proj");
    app.configFromObject({ taskDefaultQueue: "first" });
    app.configFromObject({ timezone: "Asia/Taipei" });
    expect([app.conf.taskDefaultQueue, app.conf.timezone]).toEqual(["celery", "Asia/Taipei"]);
  });

  it("come from a module, which has to be waited for", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("settings.yaml"), "timezone: Asia/Taipei\n");
    const app = newApp();
    const reading = app.configFromObject(folder.file("settings.yaml"));
    expect(() => app.conf.timezone).toThrow(/the settings of .*settings\.yaml have not been read yet/);
    await reading;
    expect(app.conf.timezone).toBe("Asia/Taipei");
  });

  it("are waited for by finalize, which says what is wrong in the module", async () => {
    const app = newApp();
    void app.configFromObject("./no-such-settings").catch(() => undefined);
    await expect(app.finalize()).rejects.toThrow("settings module ./no-such-settings not found");
  });

  it("give way to the command line", () => {
    const app = newApp();
    app.override({ brokerUrl: "redis://told", timezone: undefined });
    app.conf.brokerUrl = "redis://code";
    expect(app.conf.brokerUrl).toBe("redis://told");
    expect(app.conf.sourceOf("brokerUrl")).toBe("command line");
    expect(app.conf.isBrokerDefault).toBe(false);
    expect(new App("proj").conf.isBrokerDefault).toBe(true);
  });
});

describe("the signals of an app", () => {
  it("come in Celery's order, each handler waited for", async () => {
    const app = newApp();
    const seen: string[] = [];
    const note = (name: string) => async (sender: App) => {
      await Promise.resolve();
      seen.push(`${name} ${sender.name}`);
    };
    app.onAfterFinalize.connect(note("finalized"));
    app.onAfterConfigure(note("configured"));
    app.onConfigure(note("configuring"));
    await app.finalize();
    await app.finalize();
    expect(seen).toEqual(["configuring proj", "configured proj", "finalized proj"]);
  });

  it("let a handler of onConfigure bring the settings, before the first of them is read", () => {
    const app = newApp();
    app.onConfigure((sender) => sender.configFromObject({ timezone: "Asia/Taipei" }));
    expect(app.conf.timezone).toBe("Asia/Taipei");
  });

  it("reach handlers in modules that are included", async () => {
    await using folder = temporaryFolder();
    writeFileSync(
      folder.file("extra.mjs"),
      "globalThis.included = (globalThis.included ?? 0) + 1;\nexport const tasks = 1;\n",
    );
    const app = newApp({ include: [folder.file("extra.mjs")], imports: folder.file("extra.mjs") });
    await app.finalize();
    expect(Reflect.get(globalThis, "included")).toBe(1);
  });

  it("name all modules that cannot be included", async () => {
    const app = newApp({ include: ["no.such", "./nor-this"] });
    await expect(app.finalize()).rejects.toThrow(
      /include: module no\.such not found.*\ninclude: module \.\/nor-this not found/,
    );
  });

  it("let handlers send calls", async () => {
    const app = newApp();
    const add = app.task("proj.add", (x: number, y: number) => x + y);
    app.onAfterConfigure(async () => add.delay(1, 2));
    await app.finalize();
    expect(await (await brokerOf(app)).depth("celery")).toBe(1);
  });
});

describe("periodic tasks", () => {
  it("come from beatSchedule and addPeriodicTask alike", async () => {
    const app = newApp({ timezone: "Asia/Taipei", beatCronStartingDeadline: 60 });
    const add = app.task("proj.add", (x: number, y: number) => x + y);
    app.conf.beatSchedule = {
      snake: {
        task: "proj.add",
        schedule: crontab("30 7 * * mon"),
        args: [5, 10],
        options: { queue: "q2" },
        max_runs: 3,
      },
      camel: { task: add, schedule: 10, relative: true, maxRuns: 3 },
    };
    app.onAfterConfigure((sender) => {
      sender.addPeriodicTask(10, add.s(1, 2), { name: "named", queue: "q1", expires: 5, jitter: "1s" });
      sender.addPeriodicTask("1h", add.s(3, 4));
    });
    const entries = (await finalized(app)).entries();
    expect(entries.map(({ name, task, args }) => [name, task, args])).toEqual([
      ["snake", "proj.add", [5, 10]],
      ["camel", "proj.add", []],
      ["named", "proj.add", [1, 2]],
      ["proj.add(3, 4)", "proj.add", [3, 4]],
    ]);
    const [snake, , named] = entries;
    expect(snake).toMatchObject({
      options: { queue: "q2" },
      maxRuns: 3,
      timezone: "Asia/Taipei",
      missedWithinMs: 60_000,
    });
    expect(named).toMatchObject({ options: { queue: "q1", expires: 5 }, jitterMs: 1000 });
  });

  it("say where they were written", async () => {
    const app = newApp();
    app.conf.beatSchedule = { a: { task: "proj.a", schedule: 10 } };
    app.addPeriodicTask(10, "proj.b");
    expect((await finalized(app)).entries().map(({ source }) => source.replaceAll(/\d+/g, "N"))).toEqual([
      "test/app/app.test.ts:N:N (beatSchedule)",
      "test/app/app.test.ts:N:N (addPeriodicTask)",
    ]);
  });

  it("put their arguments before those of the signature, and their options over its own", async () => {
    const app = newApp();
    const sign = app.signature("proj.mul", [2], { a: 1 }, { queue: "q", priority: 1, taskId: "one" });
    app.addPeriodicTask(10, sign, { args: [1], kwargs: { b: 2 }, priority: 9 });
    const [entry] = (await finalized(app)).entries();
    expect(entry).toMatchObject({ name: "proj.mul(1, 2, a=1, b=2)", args: [1, 2], kwargs: { a: 1, b: 2 } });
    expect(entry?.options).toEqual({ queue: "q", priority: 9 });
  });

  it("are one when the same is said twice, and an error when two share a name", async () => {
    const app = newApp();
    app.addPeriodicTask(10, "proj.a");
    app.addPeriodicTask(10, "proj.a");
    expect((await finalized(app)).entries()).toHaveLength(1);
    app.addPeriodicTask(20, "proj.a");
    expect(() => app.entries()).toThrow(
      /app\.test\.ts:\d+:\d+ \(addPeriodicTask\): there is another periodic task proj\.a\(\), at \S+app\.test\.ts:\d+:\d+ .*give each a name/,
    );
  });

  it("are all checked, with every mistake at its place", async () => {
    const app = newApp();
    const beatSchedule: object = {
      a: { task: "proj.a", schedule: "now and then" },
      b: { task: "proj.b", schedule: 5, jiter: 1 },
    };
    app.conf.update({ beatSchedule: beatSchedule as never });
    app.addPeriodicTask("61 * * * *", "proj.c", { name: "c" });
    await app.finalize();
    const thrown = (() => {
      try {
        app.entries();
      } catch (error) {
        return error;
      }
      return null;
    })();
    expect(thrown).toBeInstanceOf(ConfigError);
    const lines = (thrown as ConfigError).message.split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/app\.test\.ts:\d+:\d+ \(beatSchedule\): a\.schedule: /);
    expect(lines[1]).toMatch(/\(beatSchedule\): b.*jiter.*jitter/);
    expect(lines[2]).toMatch(/\(addPeriodicTask\): c\.schedule: /);
  });

  it("are not told before the app is finalized", () => {
    expect(() => newApp().entries()).toThrow("periodic tasks are known when the app is finalized");
  });

  it("want a task or a signature", () => {
    const app = newApp();
    const mistaken: object = { name: "x" };
    expect(() => app.addPeriodicTask(10, mistaken as never)).toThrow("addPeriodicTask wants a signature or a task");
  });
});

describe("createEnvelope", () => {
  it("adds the options of the task, of its route and of the settings, in that order of weight", () => {
    const app = newApp({
      taskDefaultPriority: 1,
      taskRoutes: { "proj.*": { queue: "routed", priority: 2, shadow: "by route" } },
      taskIgnoreResult: true,
    });
    app.task("proj.add", () => 0, { priority: 3, timeLimit: 30, softTimeLimit: 20 });
    const call = { task: "proj.add", args: [2, 2], kwargs: {}, options: { softTimeLimit: 10 } };
    const envelope = app.createEnvelope(call, 0);
    expect(envelope.destination).toEqual({
      exchange: "",
      exchangeType: "direct",
      routingKey: "routed",
      queue: "routed",
    });
    expect(envelope.properties).toMatchObject({ priority: 3, deliveryMode: 2 });
    expect(envelope.headers).toMatchObject({ timelimit: [30, 10], ignore_result: true, shadow: "by route" });
    expect(app.createEnvelope({ ...call, task: "proj.other" }, 0).properties.priority).toBe(2);
    expect(app.createEnvelope({ ...call, task: "other.task" }, 0).properties.priority).toBe(1);
  });

  it("says who sends it, and counts countdown and expires from the given instant in the app's zone", () => {
    const app = newApp({ timezone: "Asia/Taipei" });
    const options = { countdown: 60, expires: 120 };
    const { headers, properties } = app.createEnvelope(
      { task: "t", args: [], kwargs: {}, options },
      Date.UTC(2026, 0, 1),
    );
    expect(headers["origin"]).toMatch(/^gen\d+@.+/);
    expect(headers["eta"]).toBe("2026-01-01T08:01:00+08:00");
    expect(properties.expiration).toBe("120000");
    expect(properties.replyTo).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("gives each call of a task its own options and queue, however many came before", () => {
    const app = newApp({ taskRoutes: { "proj.*": { queue: "routed", priority: 2 } } });
    const make = (options: object) => {
      const { destination, properties, headers } = app.createEnvelope(
        { task: "proj.add", args: [], kwargs: {}, options },
        0,
      );
      return [destination.routingKey, properties.priority, headers["shadow"], destination.exchange];
    };
    const calls = [
      {},
      { priority: 7 },
      { queue: "q1", shadow: "s" },
      { queue: "q1" },
      { exchange: "ex", routingKey: "rk" },
      {},
    ];
    expect(calls.map(make)).toEqual([
      ["routed", 2, null, ""],
      ["routed", 7, null, ""],
      ["q1", 2, "s", ""],
      ["q1", 2, null, ""],
      ["rk", 2, null, "ex"],
      ["routed", 2, null, ""],
    ]);
  });

  it("minds a task that is registered later, and asks a route function about every call", () => {
    const app = newApp();
    const call = { task: "proj.late", args: [1], kwargs: {}, options: {} };
    expect(app.createEnvelope(call, 0).destination.queue).toBe("celery");
    app.task("proj.late", () => 1, { queue: "late" });
    expect(app.createEnvelope(call, 0).destination.queue).toBe("late");
    app.conf.taskRoutes = (_name, args) => `q${String(args[0])}`;
    const other = { ...call, task: "other" };
    expect(app.createEnvelope(other, 0).destination.queue).toBe("q1");
    expect(app.createEnvelope({ ...other, args: [2] }, 0).destination.queue).toBe("q2");
  });

  it("follows the settings when they change", () => {
    const app = newApp();
    const call = { task: "t", args: [], kwargs: {}, options: {} };
    expect(app.createEnvelope(call).destination.queue).toBe("celery");
    app.conf.taskDefaultQueue = "other";
    expect(app.createEnvelope(call).destination.queue).toBe("other");
    app.override({ taskDefaultQueue: "told" });
    expect(app.createEnvelope(call).destination.queue).toBe("told");
    app.conf.taskCreateMissingQueues = false;
    expect(() => app.createEnvelope({ ...call, options: { queue: "unknown" } })).toThrow(
      "queue unknown is not in taskQueues",
    );
  });
});

describe("calls", () => {
  it("go to the broker by name, with keyword arguments for Python", async () => {
    await using app = newApp();
    const result: AsyncResult = await app.sendTask("tasks.add", [1], { y: 2 }, { queue: "python" });
    const [message] = (await brokerOf(app)).messages("python");
    expect(message).toMatchObject({ id: result.id, task: "tasks.add" });
    expect(bodyOf(message?.body ?? "")).toMatchObject([[1], { y: 2 }, {}]);
    expect(String(result)).toBe(result.id);
  });

  it("reject with what is wrong in them", async () => {
    const app = newApp();
    await expect(app.sendTask("t", [], {}, { countdwn: 5 } as object)).rejects.toThrow("no option countdwn");
  });

  it("open another broker after the app was closed", async () => {
    const app = newApp();
    const first = await app.broker();
    expect(await app.broker()).toBe(first);
    await app.close();
    await app.close();
    expect(await app.broker()).not.toBe(first);
  });

  it("go to brokerWriteUrl where there is one", async () => {
    const app = new App("proj", { broker: "redis://127.0.0.1:1/0", brokerWriteUrl: "memory://" });
    expect((await app.broker()).url).toBe("memory://");
  });

  it("keep trying to open the broker by the publish retry policy, then say why not", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("not-a-folder"), "");
    const app = new App("proj", { broker: `sqlite:///${folder.file("not-a-folder")}/broker.sqlite` });
    const retryPolicy = { maxRetries: 1, intervalStart: 0, intervalStep: 0, intervalMax: 0 };
    await expect(app.sendTask("t", [], {}, { retryPolicy })).rejects.toMatchObject({ code: "broker" });
  });
});
