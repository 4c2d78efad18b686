import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import type { AsyncResult } from "../../src/app/async-result.ts";
import { exceptionJson, RemoteError, tracebackOf } from "../../src/protocol/exception.ts";
import { writeJson } from "../../src/protocol/json-writer.ts";
import type { ResultRecord } from "../../src/protocol/result-meta.ts";
import { openResultBackend } from "../../src/result/open.ts";
import { type CeleryWorker, startCeleryWorker } from "../helper/celery-worker.ts";
import { requireService } from "../helper/debian.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { askPython } from "../helper/wire.ts";

const projectDir = fileURLToPath(new URL("../helper/python", import.meta.url));
const isReady = requireService("redis") && requireService("celery");
const timeout = 60;

async function errorOf(promise: Promise<unknown>): Promise<RemoteError> {
  return promise.then(
    () => expect.fail("it did not reject"),
    (error: unknown) => error as RemoteError,
  );
}

describe.skipIf(!isReady)("our client and the results of an unmodified Python Celery worker", () => {
  let redis: RedisServer;
  let worker: CeleryWorker;
  let app: App;

  beforeAll(async () => {
    redis = await startRedis();
    worker = await startCeleryWorker({
      brokerUrl: redis.url,
      backendUrl: redis.url.replace(/0$/, "1"),
      projectDir,
      app: "outcomes",
      env: { RESULT_EXTENDED: "1" },
    });
    app = new App("client", { broker: redis.url, resultBackend: redis.url.replace(/0$/, "1") });
  });
  afterAll(async () => {
    await app?.close();
    await worker?.stop();
    await redis?.stop();
  });

  const send = (task: string, ...args: unknown[]): Promise<AsyncResult> => app.sendTask(`outcomes.${task}`, args);

  it("gives values of every kind, with the states on the way and what is kept beside them", async () => {
    const result = await send("add", 2, 3);
    const heard: string[] = [];
    expect(await result.get({ timeout, onMessage: ({ state }) => heard.push(state) })).toBe(5);
    expect(heard.at(-1)).toBe("SUCCESS");
    expect(await Promise.all([result.name(), result.args(), result.queue(), result.retries()])).toEqual([
      "outcomes.add",
      [2, 3],
      "celery",
      0,
    ]);
    const doneAt = await result.dateDone();
    expect(Math.abs(Number(doneAt) - Date.now())).toBeLessThan(60_000);
    const data = await (await send("data")).get({ timeout });
    expect(data).toEqual({ text: "zażółć ☃", big: 9223372036854775808n, list: [1, 2.5, null, true] });
  });

  it("throws exceptions by their names, with their arguments and Python's traceback", async () => {
    const failed = await errorOf((await send("fail")).get({ timeout }));
    expect(failed).toBeInstanceOf(RemoteError);
    expect([String(failed), failed.excModule]).toEqual(["ValueError: ('boom', 42)", "builtins"]);
    expect(failed.traceback).toMatch(/^Traceback \(most recent call last\):\n[^]*in fail[^]*ValueError: /);

    const odd = await errorOf((await send("odd")).get({ timeout }));
    expect([odd.name, odd.excModule, odd.excArgs]).toEqual(["Odd", "outcomes", [7, "custom"]]);

    const chained = await errorOf((await send("chained")).get({ timeout }));
    expect(String(chained)).toBe("RuntimeError: outer");
    expect(chained.traceback).toContain("KeyError: 'inner'");
    expect(chained.stack).toContain("In the worker:\nTraceback (most recent call last):");
  });

  it("sees a retry, and then the failure it ends in", async () => {
    const result = await send("again");
    const heard: unknown[] = [];
    const failed = await errorOf(result.get({ timeout, onMessage: (meta) => heard.push(meta.state) }));
    expect(String(failed)).toBe("ValueError: try again");
    expect(heard).toContain("RETRY");
  });

  it("throws a TaskRevokedError for a task that had expired", async () => {
    const result = await app.sendTask("outcomes.add", [1, 1], {}, { expires: -1 });
    const error = await errorOf(result.get({ timeout }));
    expect([error.name, error.message]).toEqual(["TaskRevokedError", "expired"]);
    expect(await result.state()).toBe("REVOKED");
  });

  it("sees states of the task's own, and where one that is ignored stood last", async () => {
    const [progress, ignored] = await Promise.all([send("progress"), send("ignore")]);
    const after = await send("add", 1, 1);
    await after.get({ timeout });
    expect([await progress.state(), await progress.info()]).toEqual(["PROGRESS", { done: 3 }]);
    expect(await ignored.state()).toBe("STARTED");
    expect(await errorOf(ignored.get({ timeout: 0.05 }))).toMatchObject({ name: "TimeoutError" });
  });

  it("follows the tasks that a task has started, to the end of the chain", async () => {
    const result = await send("start_chain");
    const values: unknown[] = [];
    for await (const [, value] of result.collect({ timeout })) values.push(value);
    expect([values.length, values.slice(1)]).toEqual([4, [3, 6, 10]]);
    const [first] = await result.children();
    expect(await first?.get()).toBe(3);
  });

  it("forgets a result for everybody", async () => {
    const result = await send("add", 1, 1);
    await result.get({ timeout });
    await result.forget();
    expect(await result.state()).toBe("PENDING");
    expect(await redis.client().exists(`celery-task-meta-${result.id}`)).toBe(0);
  });
});

describe.skipIf(!isReady)("Python's AsyncResult and the results we keep", () => {
  it("agree on state, value, exception, traceback, children and time", async () => {
    await using redis = await startRedis();
    const backend = await openResultBackend(redis.url, { expiresMs: 60_000 });
    const cause = new TypeError("inner");
    const thrown = Object.assign(new RangeError("too far", { cause }), {});
    const failure = { traceback: tracebackOf(thrown), doneAt: Date.UTC(2026, 10, 21, 9, 21, 3, 438) };
    const known = exceptionJson(
      Object.assign(new Error(""), {
        celeryType: "TaskRevokedError",
        celeryArgs: ["terminated"],
        celeryModule: "celery.exceptions",
      }),
    );
    const text = (error: unknown): string => writeJson(exceptionJson(error));
    const outcomes: Readonly<Record<string, Partial<ResultRecord>>> = {
      success: { resultText: writeJson({ text: "żółć", list: [1, null] }), children: [[["child", null], null]] },
      failure: { state: "FAILURE", resultText: text(thrown), ...failure },
      builtin: { state: "FAILURE", resultText: text(new TypeError("no")), traceback: tracebackOf(new TypeError("no")) },
      retry: { state: "RETRY", resultText: text(new Error("again")), doneAt: null },
      revoked: { state: "REVOKED", resultText: writeJson(known) },
      started: { state: "STARTED", resultText: '{"pid": 1, "hostname": "w@h"}', doneAt: null },
      progress: { state: "PROGRESS", resultText: '{"done": 3}', doneAt: null },
    };
    const ids = Object.fromEntries(Object.keys(outcomes).map((name) => [name, randomUUID()]));
    const empty = { state: "SUCCESS", resultText: "null", traceback: null, children: [], doneAt: Date.now() };
    await backend.put(
      Object.entries(outcomes).map(([name, outcome]) => ({ ...empty, ...outcome, taskId: ids[name] ?? "" })),
    );
    await backend.close();
    const answer = askPython(
      `
from celery import Celery
app = Celery(backend=given["url"])
answer = {}
for name, id in given["ids"].items():
    result = app.AsyncResult(id)
    seen = {"state": result.state, "ready": result.ready(), "children": [child.id for child in result.children or []]}
    seen["traceback"] = result.traceback
    seen["date"] = result.date_done.isoformat() if result.date_done else None
    if result.ready():
        try:
            seen["value"] = result.get(timeout=10)
        except Exception as error:
            seen["raised"] = [type(error).__name__, list(error.args)]
    else:
        seen["info"] = result.info if isinstance(result.info, dict) else [type(result.info).__name__, str(result.info)]
    answer[name] = seen
`,
      { url: redis.url, ids },
    ) as Record<string, Record<string, unknown>>;
    expect(answer["success"]).toMatchObject({ state: "SUCCESS", children: ["child"] });
    expect(answer["success"]?.["value"]).toEqual({ text: "żółć", list: [1, null] });
    expect(answer["failure"]).toMatchObject({ state: "FAILURE", raised: ["RangeError", ["too far"]] });
    expect(answer["failure"]?.["date"]).toBe("2026-11-21T09:21:03.438000+00:00");
    const traceback = String(answer["failure"]?.["traceback"]);
    expect(traceback).toMatch(/^Traceback \(JavaScript, most recent call first\):\nRangeError: too far\n {4}at /);
    expect(traceback).toContain("\nCaused by: TypeError: inner\n");
    expect(answer["builtin"]).toMatchObject({ raised: ["TypeError", ["no"]] });
    expect(answer["retry"]).toMatchObject({ state: "RETRY", ready: false, info: ["Error", "again"] });
    expect(answer["revoked"]).toMatchObject({ state: "REVOKED", raised: ["TaskRevokedError", ["terminated"]] });
    expect(answer["started"]).toMatchObject({ state: "STARTED", info: { pid: 1, hostname: "w@h" } });
    expect(answer["progress"]).toMatchObject({ state: "PROGRESS", info: { done: 3 } });
  });
});
