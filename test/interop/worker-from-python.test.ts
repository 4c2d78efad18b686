// Real Python Celery calls, our worker runs, Python reads what came of it.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linkPackage, writeFiles } from "../helper/beat-process.ts";
import { requireService } from "../helper/debian.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { type TemporaryFolder, temporaryFolder } from "../helper/temporary-folder.ts";
import { startWorker, type WorkerProcess } from "../helper/worker-process.ts";

const script = fileURLToPath(new URL("../helper/python/caller.py", import.meta.url));
const run = promisify(execFile);

const project = `
import { setTimeout as sleep } from "node:timers/promises";
import { App } from "lovage";
export const app = new App("proj");
class OddError extends Error {
  name = "OddError";
}
const add = app.task("proj.add", (x, y) => x + y);
app.task("proj.echo", (value) => value);
app.task("proj.subtract", (x, y) => x - y, { params: ["x", "y"] });
app.task("proj.fail", (text) => { throw new TypeError(text); });
app.task("proj.fail_custom", () => { throw new OddError("quite odd", { cause: new Error("the cause") }); });
app.task("proj.flaky", function (times) {
  if (this.request.retries < times) this.retry({ exc: new Error("again"), countdown: 0.1 });
  return this.request.retries;
});
app.task("proj.never", () => { throw new RangeError("never"); }, {
  autoretryFor: [RangeError], maxRetries: 2, defaultRetryDelay: 0.1,
});
app.task("proj.sleep", async (seconds) => { await sleep(seconds * 1000); }, { trackStarted: true });
app.task("proj.spin", () => { for (;;); });
app.task("proj.exit", () => { process.exit(3); });
app.task("proj.progress", async function () {
  for (let done = 1; done <= 3; done += 1) {
    this.updateState({ state: "PROGRESS", meta: { done, total: 3 } });
    await sleep(300);
  }
  return "done";
});
app.task("proj.parent", async () => { await add.delay(20, 22); });
`;

interface Seen {
  readonly state?: string;
  readonly value?: unknown;
  readonly type?: string;
  readonly args?: readonly string[];
  readonly text?: string;
  readonly traceback?: string;
  readonly timeout?: boolean;
  readonly [name: string]: unknown;
}

describe.skipIf(!requireService("redis") || !requireService("celery"))("our worker, called from Python", () => {
  let server: RedisServer;
  let folder: TemporaryFolder;
  let worker: WorkerProcess;

  beforeAll(async () => {
    server = await startRedis();
    folder = temporaryFolder();
    await linkPackage(folder.path);
    await writeFiles(folder.path, { "proj.mjs": project });
    const urls = ["-b", server.url, "--result-backend", server.url];
    worker = await startWorker(["-A", "proj", "-c", "2", "-l", "INFO", ...urls], folder.path);
  });
  afterAll(async () => {
    await worker.stop();
    await folder[Symbol.asyncDispose]();
    await server.stop();
  });

  async function python(scenario: string): Promise<Seen> {
    const env = { ...process.env, BROKER_URL: server.url, RESULT_BACKEND: server.url };
    try {
      const { stdout } = await run("/usr/bin/python3", [script, scenario], { env, timeout: 90_000 });
      return JSON.parse(stdout) as Seen;
    } catch (error) {
      throw new Error(`${String(error)}\n${worker.output()}`, { cause: error });
    }
  }

  it("gives back a value", async () => {
    expect(await python("value")).toEqual({ state: "SUCCESS", value: 5 });
  });

  it("keeps text, nothing, nested lists and whole numbers beyond 2**53 as they are", async () => {
    const value = { text: "zażółć ☃", big: 2 ** 53 + 1, none: null, list: [1, [2.5]], flag: true };
    const seen = await python("types");
    expect(seen).toEqual({ state: "SUCCESS", value });
  });

  it("puts keyword arguments where params says", async () => {
    expect(await python("keywords")).toEqual({ state: "SUCCESS", value: 42 });
  });

  it("fails on a keyword that the task does not take, in Python's words", async () => {
    const seen = await python("wrong_keyword");
    expect(seen).toMatchObject({ state: "FAILURE", type: "TypeError" });
    expect(seen.text).toContain("unexpected keyword argument 'z'");
  });

  it("lets Python raise a JavaScript error with its type, its message and where it was thrown", async () => {
    const seen = await python("error");
    expect(seen).toMatchObject({ state: "FAILURE", type: "TypeError", text: "boom" });
    expect(seen.traceback).toContain("proj.mjs");
  });

  it("names a class of the project's own, and its cause", async () => {
    const seen = await python("custom_error");
    expect(seen).toMatchObject({ state: "FAILURE", type: "OddError" });
    expect(seen.text).toContain("quite odd");
    expect(seen.traceback).toContain("the cause");
  });

  it("fails a task that it does not know", async () => {
    expect(await python("unknown")).toMatchObject({ state: "FAILURE", type: "NotRegistered" });
  });

  it("retries under the same id until it works", async () => {
    expect(await python("retried")).toMatchObject({ state: "SUCCESS", value: 2 });
  });

  it("gives up when the retries are used up, with the last error", async () => {
    expect(await python("exhausted")).toMatchObject({ state: "FAILURE", text: "never" });
  });

  it("drops what Python revokes", async () => {
    expect(await python("revoked")).toMatchObject({ state: "REVOKED", type: "TaskRevokedError", text: "revoked" });
  });

  it("ends what Python terminates", async () => {
    expect(await python("terminated")).toMatchObject({ state: "REVOKED", text: "terminated" });
  });

  it("does not run what has expired", async () => {
    expect(await python("expired")).toMatchObject({ state: "REVOKED", text: "expired" });
  });

  it("kills an endless loop at its hard time limit", async () => {
    const seen = await python("hard_limit");
    expect(seen).toMatchObject({ state: "FAILURE", type: "TimeLimitExceeded" });
  });

  it("tells a task of its soft time limit", async () => {
    expect(await python("soft_limit")).toMatchObject({ state: "FAILURE", type: "SoftTimeLimitExceeded" });
  });

  it("fails a task whose process is gone as WorkerLost, and goes on", async () => {
    expect(await python("lost")).toMatchObject({ state: "FAILURE", type: "WorkerLostError" });
    expect(await python("value")).toEqual({ state: "SUCCESS", value: 5 });
  });

  it("shows the states that a task reports of itself", async () => {
    const seen = await python("progress");
    expect(seen["states"]).toContainEqual(["PROGRESS", '{"done": 2, "total": 3}']);
    expect(seen).toMatchObject({ state: "SUCCESS", value: "done" });
  });

  it("follows links and chains", async () => {
    expect(await python("linked")).toEqual({ children: [{ state: "SUCCESS", value: 14 }] });
    expect(await python("chained")).toEqual({ state: "SUCCESS", value: 10 });
  });

  it("runs the tasks of a group", async () => {
    expect(await python("grouped")).toEqual({ values: [0, 2, 4, 6, 8] });
  });

  it("lists the tasks that a task has sent as its children", async () => {
    expect(await python("children")).toEqual({ children: [{ state: "SUCCESS", value: 42 }] });
  });

  it("reads compressed messages, and refuses pickled ones by name", async () => {
    expect(await python("compressed")).toEqual({ state: "SUCCESS", value: "x".repeat(50_000) });
    expect(await python("pickled")).toMatchObject({ timeout: true });
    expect(worker.output()).toContain("pickle");
    expect(await server.client().llen("celery.rejected")).toBeGreaterThanOrEqual(1);
  });

  it("loses none of five hundred", async () => {
    expect(await python("many")).toEqual({ sum: 249_500 });
  });
});
