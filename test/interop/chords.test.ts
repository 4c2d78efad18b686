// Python clients send groups, chains and chords; our worker runs them, alone or beside a Python worker on the same queue.
import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linkPackage, writeFiles } from "../helper/beat-process.ts";
import { type CeleryWorker, startCeleryWorker } from "../helper/celery-worker.ts";
import { requireService } from "../helper/debian.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { type TemporaryFolder, temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";
import { startWorker, type WorkerProcess } from "../helper/worker-process.ts";

const script = fileURLToPath(new URL("../helper/python/canvas.py", import.meta.url));
const run = promisify(execFile);

const project = `
import { setTimeout as sleep } from "node:timers/promises";
import { App } from "lovage";
export const app = new App("proj");
const total = (values) => values.reduce((sum, value) => sum + (Array.isArray(value) ? total(value) : value), 0);
app.task("proj.add", (x, y) => x + y);
app.task("proj.sum", (values) => total(values));
app.task("proj.echo", (value) => value);
app.task("proj.who", async (seconds) => { await sleep(seconds * 1000); return "node"; });
app.task("proj.fail", (text) => { throw new TypeError(text); });
app.task("proj.noted", (id) => id);
`;

describe.skipIf(!requireService("redis") || !requireService("celery")).each([
  { fleet: "our worker alone", hasPython: false },
  { fleet: "our worker beside a Python worker", hasPython: true },
])("$fleet", ({ hasPython }) => {
  let server: RedisServer;
  let folder: TemporaryFolder;
  let worker: WorkerProcess;
  let celery: CeleryWorker | null = null;

  beforeAll(async () => {
    server = await startRedis();
    folder = temporaryFolder();
    await linkPackage(folder.path);
    await writeFiles(folder.path, { "proj.mjs": project });
    const options = ["-A", "proj", "-P", "async", "-c", "2", "--prefetch-multiplier", "1"];
    worker = await startWorker([...options, "-b", server.url, "--result-backend", server.url], folder.path);
    await worker.saw(/ ready/);
    if (!hasPython) return;
    const urls = { brokerUrl: server.url, backendUrl: server.url };
    celery = await startCeleryWorker({ ...urls, app: "canvas", projectDir: dirname(script) });
  });
  afterAll(async () => {
    await celery?.stop();
    await worker.stop();
    await folder[Symbol.asyncDispose]();
    await server.stop();
  });

  async function python(...scenarios: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const env = { ...process.env, BROKER_URL: server.url, RESULT_BACKEND: server.url, PYTHONDONTWRITEBYTECODE: "1" };
    try {
      const { stdout } = await run("/usr/bin/python3", [script, ...scenarios], { env, timeout: 120_000 });
      return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
    } catch (error) {
      throw new Error(`${String(error)}\n${worker.output()}\n${celery?.output() ?? ""}`, { cause: error });
    }
  }

  const success = (value: unknown): unknown => ({ state: "SUCCESS", value });
  const failure = (text: string): unknown => ({ state: "FAILURE", value: expect.stringMatching(text) as unknown });
  const dependency = String.raw`^Dependency [-\w]{36} raised `;

  it("calls the body of a chord with the results of its header, in order, be they many, one or none", async () => {
    expect(await python("plain", "ordered", "one", "empty")).toEqual({
      plain: success(20),
      ordered: success([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
      one: success(3),
      empty: success([]),
    });
  });

  it("waits for chains, groups and chords within a header", async () => {
    const { of_chains, of_chords } = await python("of_chains", "of_chords");
    expect([of_chains, of_chords]).toEqual([success([4, 6]), success([6, 6])]);
    // A Python worker takes the size of the group that ends the chain for the size of the header, and may go on too soon.
    if (hasPython) return;
    // Celery puts the tasks of a group within the header in reverse; it did so in the client, before we saw them.
    expect(await python("of_groups")).toEqual({ of_groups: success([[12, 22], 6, 10, 8]) });
  });

  it("goes on with a chord, a chain or a group as the body", async () => {
    expect(await python("chord_as_body", "chain_as_body", "group_as_body")).toEqual({
      chord_as_body: success([6, 6]),
      chain_as_body: success(16),
      group_as_body: { value: [6, [2, 4]] },
    });
  });

  it("goes on behind a group in a chain, and lists a group that ends one as the child it is", async () => {
    expect(await python("group_then_task", "group_then_chain", "group_at_end")).toEqual({
      group_then_task: success(9),
      group_then_chain: success([20, 21]),
      group_at_end: { value: [4, 5], is_group: true, children: true },
    });
  });

  it("calls what is linked to a chord after its body", async () => {
    expect(await python("linked")).toEqual({
      linked: { body: success(6), link: success(106), in_chain: success(7) },
    });
  });

  it("fails the body when a task of the header has failed, and calls the body's errbacks with its id", async () => {
    const boom = failure(`${dependency}(TypeError|ValueError)\\('boom'\\)$`);
    expect(await python("failing", "errback")).toEqual({ failing: boom, errback: { told: true, body: boom } });
  });

  if (!hasPython)
    it("fails all that waits, where Celery leaves it waiting", async () => {
      const boom = failure(`${dependency}TypeError\\('boom'\\)$`);
      const first = await python("failing_chain", "failing_chain_alone", "failing_within");
      const others = await python("failing_chain_body", "failing_then_chain");
      expect({ ...first, ...others }).toEqual({
        failing_chain: boom,
        failing_chain_alone: failure("^boom$"),
        failing_within: failure(`${dependency}ChordError`),
        failing_chain_body: boom,
        failing_then_chain: boom,
      });
    });

  it("fails a body that nobody knows like any unknown task", async () => {
    expect(await python("unknown_body")).toEqual({ unknown_body: failure("proj.unknown") });
  });

  it("fails the body when a task of the header was revoked before it ran", async () => {
    const gone = failure(`${dependency}TaskRevokedError\\('revoked'\\)$`);
    expect(await python("revoked")).toEqual({ revoked: gone });
  });

  it("ends twenty chords of ten", async () => {
    const { fleet } = await python("fleet");
    const who = hasPython ? ["node", "python"] : ["node"];
    expect(fleet).toEqual({ sizes: Array.from({ length: 20 }, () => 10), who });
  });

  if (!hasPython)
    it("leaves nothing of its chords behind", async () => {
      await waitUntil(async () => ((await python("left"))["left"] as readonly string[]).length === 0, {
        what: "the keys of the chords to go",
        timeoutMs: 20_000,
      });
    });
});
