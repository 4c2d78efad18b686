import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AsyncResult, resultFromTuple, type ResultSource } from "../../src/app/async-result.ts";
import { TimeoutError } from "../../src/app/await-result.ts";
import { BackendClient } from "../../src/app/backend.ts";
import { ResultSet } from "../../src/app/result-set.ts";
import { TaskRevokedError } from "../../src/app/task-errors.ts";
import { Configuration } from "../../src/config/configuration.ts";
import { LovageError } from "../../src/error.ts";
import { RemoteError } from "../../src/protocol/exception.ts";
import type { ResultMeta } from "../../src/protocol/result-meta.ts";
import { openResultBackend } from "../../src/result/open.ts";
import type { ResultBackend } from "../../src/result/result.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { AT, failureOf, recordOf, startedOf } from "../result/sample.ts";

const failureText = (type: string, ...args: readonly unknown[]): string =>
  JSON.stringify({ exc_type: type, exc_message: args, exc_module: "celery.exceptions" });

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "it did not reject",
    (error: unknown) => error,
  );
}

describe("AsyncResult", () => {
  let backend: ResultBackend;
  let source: ResultSource;
  const revoked: unknown[] = [];

  beforeEach(async () => {
    backend = await openResultBackend(`memory://${randomUUID()}`, { expiresMs: null });
    source = {
      backend: async () => backend,
      revoke: async (ids, options) => void revoked.push([ids, options]),
    };
  });
  afterEach(() => backend.close());

  it("is pending while nothing is known of the task", async () => {
    const result = new AsyncResult("id", source, "proj.add");
    expect([result.id, result.taskId, result.taskName, String(result)]).toEqual(["id", "id", "proj.add", "id"]);
    expect(await Promise.all([result.state(), result.status(), result.ready(), result.result()])).toEqual([
      "PENDING",
      "PENDING",
      false,
      null,
    ]);
    expect(await Promise.all([result.traceback(), result.children(), result.dateDone(), result.name()])).toEqual([
      null,
      [],
      null,
      "proj.add",
    ]);
  });

  it("is no promise, so that an async function gives it back as it is", async () => {
    const result = new AsyncResult("id", source);
    expect(await Promise.resolve(result)).toBe(result);
  });

  it("gives the value of a task that succeeded, and all that is kept of it", async () => {
    const extended = { name: "proj.add", args: [2, 3], kwargs: { z: 1 }, worker: "w@h", retries: 1, queue: "sums" };
    await backend.put([recordOf("id", { extended, children: [[["child", null], null]] })]);
    const result = new AsyncResult<number>("id", source);
    expect(await result.get({ timeout: 5 })).toBe(5);
    expect(await Promise.all([result.ready(), result.successful(), result.failed()])).toEqual([true, true, false]);
    expect(await Promise.all([result.result(), result.info(), result.maybeThrow()])).toEqual([5, 5, 5]);
    expect(await result.dateDone()).toEqual(new Date(AT));
    expect((await result.children()).map(({ id }) => id)).toEqual(["child"]);
    const kept = [result.name(), result.args(), result.kwargs(), result.worker(), result.retries(), result.queue()];
    expect(await Promise.all(kept)).toEqual(Object.values(extended));
  });

  it("waits until the task is ready, and tells of the states on the way", async () => {
    const heard: string[] = [];
    const result = new AsyncResult("id", source);
    const value = result.get({ onMessage: ({ state }: ResultMeta) => heard.push(state) });
    await new Promise(setImmediate);
    await backend.put([startedOf("id")]);
    await backend.put([recordOf("id")]);
    expect(await value).toBe(5);
    expect(heard).toEqual(["STARTED", "SUCCESS"]);
  });

  it("throws the error of a task that failed, or gives it back when it is not to be propagated", async () => {
    await backend.put([failureOf("id")]);
    const result = new AsyncResult("id", source);
    const error = await errorOf(result.get());
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ name: "ValueError", message: "('boom', 42)", excArgs: ["boom", 42] });
    expect((error as RemoteError).traceback).toBe("Traceback:\nValueError: boom\n");
    expect(await result.get({ propagate: false })).toMatchObject({ name: "ValueError" });
    expect(await result.result()).toMatchObject({ name: "ValueError" });
    expect(await result.traceback()).toBe("Traceback:\nValueError: boom\n");
    expect(await errorOf(result.maybeThrow())).toMatchObject({ name: "ValueError" });
    expect(await Promise.all([result.failed(), result.successful()])).toEqual([true, false]);
  });

  it.each([
    ["REVOKED", failureText("TaskRevokedError", "terminated"), "TaskRevokedError", "terminated"],
    ["REVOKED", "null", "TaskRevokedError", "revoked"],
    ["FAILURE", '"only text"', "Exception", "only text"],
  ])("throws for a task that is %s with %s", async (state, resultText, name, message) => {
    await backend.put([recordOf("id", { state, resultText })]);
    expect(await errorOf(new AsyncResult("id", source).get())).toMatchObject({ name, message });
  });

  it("throws the TaskRevokedError that is exported, so that it can be told from failures", async () => {
    await backend.put([recordOf("id", { state: "REVOKED", resultText: failureText("TaskRevokedError", "expired") })]);
    const error = await errorOf(new AsyncResult("id", source).get());
    expect(error).toBeInstanceOf(TaskRevokedError);
    expect(error).toMatchObject({ message: "expired" });
  });

  it("gives null for a task that ignored its result, and the error behind a retry without throwing it", async () => {
    await backend.put([
      recordOf("ignored", { state: "IGNORED", resultText: "null" }),
      recordOf("retried", { state: "RETRY", resultText: failureText("ValueError", "again"), doneAt: null }),
      recordOf("at work", { state: "PROGRESS", resultText: '{"done": 3}', doneAt: null }),
    ]);
    expect(await new AsyncResult("ignored", source).get()).toBeNull();
    const retried = new AsyncResult("retried", source);
    expect([await retried.result(), await retried.ready()]).toMatchObject([{ name: "ValueError" }, false]);
    expect(await retried.maybeThrow()).toMatchObject({ message: "again" });
    expect(await new AsyncResult("at work", source).info()).toEqual({ done: 3 });
  });

  it("gives up when the time is up, and says how far the task has come", async () => {
    await backend.put([startedOf("started")]);
    const started = await errorOf(new AsyncResult("started", source).get({ timeout: 0.01 }));
    expect(started).toBeInstanceOf(TimeoutError);
    expect(started).toMatchObject({
      name: "TimeoutError",
      code: "result",
      message: "no result of task started within 0.01 s: it is STARTED",
    });
    const pending = await errorOf(new AsyncResult("nobody", source).get({ timeout: 0 }));
    expect(pending).toMatchObject({ name: "TimeoutError", hint: expect.stringContaining("worker") });
  });

  it("gives up when its signal is aborted", async () => {
    const ending = new AbortController();
    const value = new AsyncResult("id", source).get({ signal: ending.signal });
    ending.abort(new Error("enough"));
    expect(await errorOf(value)).toMatchObject({ message: "enough" });
    expect(await errorOf(new AsyncResult("id", source).get({ signal: ending.signal }))).toMatchObject({
      message: "enough",
    });
  });

  it("does not wait for a task whose predecessor failed", async () => {
    const first = new AsyncResult("first", source);
    const last = new AsyncResult("last", source, undefined, new AsyncResult("middle", source, undefined, first));
    const value = errorOf(last.get());
    await new Promise(setImmediate);
    await backend.put([failureOf("first")]);
    expect(await value).toMatchObject({ name: "ValueError" });
    expect(await errorOf(last.get({ timeout: 0.01, propagate: false }))).toBeInstanceOf(TimeoutError);
  });

  it("asks no more once the task is ready, until it is forgotten, with its parents", async () => {
    const parent = new AsyncResult("parent", source);
    const result = new AsyncResult("id", source, undefined, parent);
    await backend.put([recordOf("id"), recordOf("parent")]);
    await result.get();
    await backend.forget(["id"]);
    expect(await result.state()).toBe("SUCCESS");
    await result.forget();
    expect(await Promise.all([result.state(), parent.state()])).toEqual(["PENDING", "PENDING"]);
  });

  it("revokes through its app, and says so where it has none", async () => {
    await new AsyncResult("id", source).revoke({ terminate: true, signal: "SIGKILL" });
    expect(revoked).toEqual([[["id"], { terminate: true, signal: "SIGKILL" }]]);
    const orphan = new AsyncResult("id", { backend: async () => backend });
    expect(await errorOf(orphan.revoke())).toMatchObject({ code: "result" });
  });

  it("says what to set when results are not kept", async () => {
    const result = new AsyncResult("id", { backend: async () => null });
    for (const asked of [result.get(), result.state(), result.ready(), result.forget(), result.children()]) {
      const error = await errorOf(asked);
      expect(error).toBeInstanceOf(LovageError);
      expect(error).toMatchObject({ message: "no result backend is configured, so results are not kept" });
      expect((error as LovageError).hint).toContain("resultBackend");
    }
  });

  it("says that the backend was closed while it waited", async () => {
    const value = new AsyncResult("id", source).get();
    await new Promise(setImmediate);
    await backend.close();
    expect(await errorOf(value)).toMatchObject({ message: `the result backend ${backend.url} was closed` });
  });

  it("collects the results of all that its task has started, level by level, waiting for each", async () => {
    const children = (...ids: string[]) => ({ children: ids.map((id) => [[id, null], null] as const) });
    const result = new AsyncResult("root", source);
    await backend.put([recordOf("root", children("left", "right"))]);
    const collected = (async () => {
      const found: unknown[] = [];
      for await (const [node, value] of result.collect({ timeout: 5 })) found.push([node.id, value]);
      return found;
    })();
    await new Promise(setImmediate);
    await backend.put([recordOf("left", children("leaf")), recordOf("right"), recordOf("leaf", { resultText: "1" })]);
    expect(await collected).toEqual([
      ["root", 5],
      ["left", 5],
      ["right", 5],
      ["leaf", 1],
    ]);
  });

  it("walks over what is known so far when told to, and else refuses to pass over what is not ready", async () => {
    await backend.put([recordOf("root", { children: [[["slow", null], null]] })]);
    const walked: unknown[] = [];
    const result = new AsyncResult("root", source);
    for await (const [parent, node] of result.iterdeps({ intermediate: true })) walked.push([parent?.id, node.id]);
    expect(walked).toEqual([
      [undefined, "root"],
      ["root", "slow"],
    ]);
    const strict = async (): Promise<void> => {
      for await (const _ of result.iterdeps());
    };
    expect(await errorOf(strict())).toMatchObject({ message: expect.stringContaining("slow is not ready") });
  });
});

describe("AsyncResult.resolved", () => {
  it("knows its value, and asks no backend for it", async () => {
    const result = AsyncResult.resolved("id", { state: "SUCCESS", value: [1, 2] }, "proj.add");
    expect(await result.get({ timeout: 0 })).toEqual([1, 2]);
    expect(await Promise.all([result.state(), result.ready(), result.result()])).toEqual(["SUCCESS", true, [1, 2]]);
    await result.forget();
    await result.revoke();
  });

  it("throws the very error that the task threw", async () => {
    const thrown = new RangeError("too far");
    const result = AsyncResult.resolved("id", { state: "FAILURE", error: thrown, traceback: "where" });
    expect(await errorOf(result.get())).toBe(thrown);
    expect(await result.get({ propagate: false })).toBe(thrown);
    expect([await result.result(), await result.failed(), await result.traceback()]).toEqual([thrown, true, "where"]);
  });
});

describe("resultFromTuple", () => {
  const source: ResultSource = { backend: async () => null };

  it("makes results and sets again of what asTuple gave", () => {
    const parent = new AsyncResult("parent", source);
    const one = new AsyncResult("one", source, undefined, parent);
    expect(one.asTuple()).toEqual([["one", [["parent", null], null]], null]);
    const set = new ResultSet([one, new AsyncResult("two", source)], { id: "group", parent });
    for (const result of [one, set])
      expect(resultFromTuple(result.asTuple(), source).asTuple()).toEqual(result.asTuple());
  });

  it("refuses what is no such tuple", () => {
    expect(() => resultFromTuple({ id: "x" }, source)).toThrow('not a result: {"id":"x"}');
  });
});

describe("ResultSet", () => {
  it("gives all values in their order, counts, and stops waiting at the first failure", async () => {
    await using folder = temporaryFolder();
    const backend = await openResultBackend(`sqlite:///${folder.file("results.sqlite")}`, { expiresMs: null });
    const source: ResultSource = { backend: async () => backend };
    const set = new ResultSet<number>(["a", "b", "c"].map((id) => new AsyncResult<number>(id, source)));
    await backend.put([recordOf("a", { resultText: "1" }), recordOf("c", { resultText: "3" })]);
    expect([await set.completedCount(), await set.ready(), await set.waiting()]).toEqual([2, false, true]);
    const values = set.get({ timeout: 5 });
    await backend.put([recordOf("b", { resultText: "2" })]);
    expect(await values).toEqual([1, 2, 3]);
    expect([await set.successful(), await set.failed(), set.length]).toEqual([true, false, 3]);

    const failing = new ResultSet(["a", "bad", "never"].map((id) => new AsyncResult(id, source)));
    await backend.put([failureOf("bad")]);
    expect(await errorOf(failing.join())).toMatchObject({ name: "ValueError" });
    await set.forget();
    expect(await backend.get(["a"])).toEqual([null]);
    await backend.close();
  });
});

describe("BackendClient", () => {
  const clientOf = (settings: object): BackendClient => {
    const configuration = new Configuration({});
    configuration.set("code", settings);
    return new BackendClient(configuration);
  };

  it("opens the backend of the settings once, and again after it was closed", async () => {
    const client = clientOf({ brokerUrl: "memory://", resultBackend: "memory://client", resultExpires: 0 });
    const backend = await client.backend();
    expect(backend?.url).toBe("memory://client");
    expect(await client.backend()).toBe(backend);
    await client.close();
    await client.close();
    expect(await client.backend()).not.toBe(backend);
    await client.close();
  });

  it("keeps no results where none are asked for, unless the broker is the embedded one", async () => {
    expect(await clientOf({ brokerUrl: "redis://127.0.0.1:1/0" }).backend()).toBeNull();
    expect(new Configuration({}).get("resultBackend")).toBe("sqlite:///.lovage/results.sqlite");
  });

  it("tries again after a failure, and hands on the options of the transport", async () => {
    const client = clientOf({
      resultBackend: "redis://127.0.0.1:1/0",
      resultBackendTransportOptions: { global_keyprefx: "" },
    });
    expect(await errorOf(client.backend())).toMatchObject({ hint: "did you mean global_keyprefix?" });
    expect(await errorOf(client.backend())).toMatchObject({ hint: "did you mean global_keyprefix?" });
    await client.close();
  });
});
