import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { requireService } from "../helper/debian.ts";
import { freePort } from "../helper/port.ts";
import { startRedis } from "../helper/redis.ts";
import { waitUntil } from "../helper/wait.ts";
import { projectFolder, runLovage, runWorker, startWorker } from "../helper/worker-process.ts";

const quick = ["-A", "proj", "-P", "async", "--without-heartbeat"];
const call = (folder: string, name: string, ...args: readonly string[]) =>
  runLovage(["call", "-A", "proj", name, ...args], folder);

describe("worker", () => {
  it("starts on the embedded default, says all about itself, runs tasks, and ends with 0 after SIGTERM", async () => {
    await using folder = await projectFolder();
    await using worker = await startWorker(["-A", "proj", "-c", "2"], folder.path);
    await worker.saw(`celery@${hostname()} ready.`);
    for (const text of [
      `celery@${hostname()}: lovage worker v`,
      "proj (proj.mjs)",
      "sqlite:///.lovage/broker.sqlite  (embedded default",
      "sqlite:///.lovage/results.sqlite",
      "2 (prefork)",
      "OFF (enable -E",
      "no (-B runs one along)",
      "celery  exchange=celery(direct)  key=celery",
      ". proj.add",
    ]) {
      expect(worker.output()).toContain(text);
    }
    expect(worker.output()).not.toContain(". celery.");
    const { stdout, exitCode } = await call(folder.path, "proj.add", "-a", "[2, 3]", "--wait", "--timeout", "30");
    expect({ last: stdout.trim().split("\n").at(-1), exitCode }).toEqual({ last: "5", exitCode: 0 });
    worker.signal("SIGTERM");
    expect(await worker.ended()).toBe(0);
    expect(worker.output()).toContain("Warm shutdown (SIGTERM)");
  });

  it("waits for what runs after the first signal, and gives up after the second, with 1", async () => {
    await using folder = await projectFolder();
    await using worker = await startWorker([...quick, "-q"], folder.path);
    await worker.saw("ready.");
    await call(folder.path, "proj.sleep", "-a", "[100000]");
    await worker.saw(/proj\.sleep\[.*received/);
    worker.signal("SIGTERM");
    await worker.saw("waiting for 1 running task");
    expect(worker.exitCode()).toBeUndefined();
    worker.signal("SIGINT");
    expect(await worker.ended(8000)).toBe(1);
    expect(worker.output()).toContain("Cold shutdown (SIGINT)");
  });

  it("takes the Ctrl-C that npm hands on as the one that it has had already", async () => {
    await using folder = await projectFolder();
    await using worker = await startWorker([...quick, "-q"], folder.path);
    await worker.saw("ready.");
    await call(folder.path, "proj.sleep", "-a", "[3000]");
    await worker.saw(/proj\.sleep\[.*received/);
    worker.signal("SIGINT");
    worker.signal("SIGINT");
    expect(await worker.ended()).toBe(0);
    expect(worker.output()).toMatch(/proj\.sleep\[.*succeeded/);
    expect(worker.output()).not.toContain("Cold");
  });

  it("gives up at once after SIGQUIT, and a later worker runs what was acknowledged late", async () => {
    await using folder = await projectFolder();
    const late = { LOVAGE_TASK_ACKS_LATE: "true", LOVAGE_TASK_REJECT_ON_WORKER_LOST: "true" };
    await using worker = await startWorker(["-A", "proj", "-c", "1", "-q"], folder.path, late);
    await worker.saw("ready.");
    await call(folder.path, "proj.sleep", "-a", "[6000]");
    await worker.saw(/proj\.sleep\[.*received/);
    worker.signal("SIGQUIT");
    expect(await worker.ended(10_000)).toBe(1);
    expect(worker.output()).not.toContain("Warm");
    await using second = await startWorker([...quick, "-q"], folder.path, late);
    await second.saw(/proj\.sleep\[.*succeeded/);
  });

  it("ignores SIGHUP without a terminal, and tells on SIGUSR1 what it runs", async () => {
    await using folder = await projectFolder();
    await using worker = await startWorker([...quick, "-q", "-c", "3"], folder.path);
    await worker.saw("ready.");
    worker.signal("SIGHUP");
    await call(folder.path, "proj.sleep", "-a", "[100000]");
    await worker.saw(/proj\.sleep\[.*received/);
    worker.signal("SIGUSR1");
    await worker.saw(/1 task of 3 running, 0 reserved.*1 started since/);
    await worker.saw(/Task proj\.sleep\[[-0-9a-f]+\] runs for .* in process \d+/);
    await worker.stop("SIGKILL");
  });

  it("hands settings and further modules to its child processes", async () => {
    const more = 'import { app } from "./proj.mjs";\napp.task("more.times", (x, y) => x * y);\n';
    await using folder = await projectFolder({ "more.mjs": more });
    const args = ["-A", "proj", "-c", "1", "--time-limit", "77", "-I", "more"];
    await using worker = await startWorker(args, folder.path);
    await worker.saw("ready.");
    expect(worker.output()).toContain(". more.times");
    const settings = await call(folder.path, "proj.settings", "--wait", "--timeout", "30");
    const value = JSON.parse(settings.stdout.trim().split("\n").at(-1) ?? "") as unknown;
    expect(value).toEqual({ workerConcurrency: 1, taskTimeLimit: 77, include: ["more"] });
    const times = await call(folder.path, "more.times", "-a", "[6, 7]", "--wait", "--timeout", "30");
    expect(times.stdout).toMatch(/\n42\n$/);
  });

  it("purges its queues first when told to, and says how many messages there were", async () => {
    await using folder = await projectFolder();
    for (const name of ["a", "b"]) await call(folder.path, "proj.note", "-a", JSON.stringify([name]));
    await using worker = await startWorker([...quick, "--purge"], folder.path);
    await worker.saw("ready.");
    expect(worker.output()).toContain("purge: Erased 2 messages from celery.");
    await call(folder.path, "proj.note", "-a", '["c"]');
    const noted = (): Promise<string> => readFile(folder.file("noted"), "utf8");
    expect(await waitUntil(noted, { what: "the third task" })).toMatch(/^\S+ c\n$/);
  });

  it("has the host name, a log file, a state file and a pidfile of its own by node name", async () => {
    await using folder = await projectFolder();
    const files = ["-f", "%n.log", "--pidfile", "%n.pid", "--statedb", "%n.state"];
    await using worker = await startWorker([...quick, "-n", "w7@%h", ...files], folder.path);
    const log = (): Promise<string> => readFile(folder.file("w7.log"), "utf8");
    await waitUntil(async () => (await log()).includes(`w7@${hostname()} ready.`), {
      what: "the log",
      timeoutMs: 40_000,
    });
    expect((await readFile(folder.file("w7.pid"), "utf8")).trim()).toBe(String(worker.pid));
    expect(existsSync(folder.file("w7.state"))).toBe(true);
    await worker.stop();
    expect(existsSync(folder.file("w7.pid"))).toBe(false);
  });
});

describe("a pidfile", () => {
  it("keeps a second worker from starting while the first lives, and not when it is dead", async () => {
    await using folder = await projectFolder();
    await using first = await startWorker([...quick, "-q", "--pidfile", "w.pid"], folder.path);
    await first.saw("ready.");
    const second = await runWorker([...quick, "-q", "--pidfile", "w.pid"], folder.path);
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toContain(`Pidfile (w.pid) already exists. Seems we're already running? (pid: ${first.pid})`);
    expect(second.stderr.trim().split("\n")).toHaveLength(1);
    await first.stop("SIGKILL");
    expect(existsSync(folder.file("w.pid"))).toBe(true);
    await using third = await startWorker([...quick, "-q", "--pidfile", "w.pid"], folder.path);
    await third.saw("ready.");
    expect((await readFile(folder.file("w.pid"), "utf8")).trim()).toBe(String(third.pid));
    // What holds no process id is not ours to replace.
    await writeFile(folder.file("notes.txt"), "dear diary");
    const wrong = await runWorker([...quick, "--pidfile", "notes.txt"], folder.path);
    expect({ code: wrong.exitCode, text: wrong.stderr }).toMatchObject({ code: 1 });
    expect(await readFile(folder.file("notes.txt"), "utf8")).toBe("dear diary");
  });
});

describe("--detach", () => {
  it("comes back when the worker is ready, with its pid, and leaves it running", async () => {
    await using folder = await projectFolder();
    const started = await runWorker([...quick, "-D", "--pidfile", "w.pid"], folder.path);
    expect(started).toMatchObject({ exitCode: 0, stderr: "" });
    const pid = Number(/in the background, pid (\d+); its log is .*worker\.log/.exec(started.stdout)?.[1]);
    try {
      expect((await readFile(folder.file("w.pid"), "utf8")).trim()).toBe(String(pid));
      const { stdout } = await call(folder.path, "proj.add", "-a", "[1, 1]", "--wait", "--timeout", "30");
      expect(stdout).toMatch(/\n2\n$/);
    } finally {
      process.kill(pid, "SIGTERM");
    }
    await waitUntil(() => !existsSync(folder.file("w.pid")), { what: "the worker to end", timeoutMs: 20_000 });
    expect(await readFile(folder.file("worker.log"), "utf8")).toMatch(/ready\.[\s\S]*Warm shutdown/);
  });

  it("tells why the worker did not start, with its exit code", async () => {
    await using folder = await projectFolder();
    const started = await runWorker(["-A", "missing", "--detach", "-f", "w.log"], folder.path);
    expect(started.exitCode).toBe(1);
    expect(started.stderr).toMatch(/app missing not found.*\n.*did not start: exit code 1; its log is .*w\.log/);
  });
});

describe.skipIf(!requireService("redis"))("a broker that is away when the worker starts", () => {
  it("is waited for, and told of at each attempt", async () => {
    await using folder = await projectFolder();
    const port = await freePort();
    const url = `redis://127.0.0.1:${port}/0`;
    await using worker = await startWorker([...quick, "-b", url], folder.path);
    await worker.saw(/cannot reach redis:.*connection refused.*next try in .*\(2\/100\)/);
    await using redis = await startRedis({ port });
    await worker.saw("ready.");
    await redis.stop();
    await worker.stop();
    expect(worker.exitCode()).toBe(0);
  });

  it("is given up by a signal at once, and by the settings after so many attempts", async () => {
    await using folder = await projectFolder();
    const url = `redis://127.0.0.1:${await freePort()}/0`;
    await using worker = await startWorker([...quick, "-q", "-b", url], folder.path);
    await worker.saw("next try in");
    worker.signal("SIGTERM");
    expect(await worker.ended(4000)).toBe(0);
    const env = { LOVAGE_BROKER_CONNECTION_MAX_RETRIES: "1" };
    await using bounded = await startWorker([...quick, "-q", "-b", url], folder.path, env);
    expect(await bounded.ended()).toBe(1);
    expect(bounded.output()).toMatch(/\(1\/1\)[\s\S]*worker: cannot reach redis:/);
  });
});

describe("a mistake on the command line or in the project", () => {
  it.each([
    [["-c", "zero"], 2, /-c.*whole number from 1/],
    [["-c", "0"], 2, /whole number from 1/],
    [["-P", "preforkk"], 2, /did you mean prefork/],
    [["-l", "LOUD"], 2, /DEBUG, INFO/],
    [["--log-format", "xml"], 2, /text, json/],
    [["--autoscale", "ten"], 2, /10,3/],
    [["-n", "w1@%x"], 2, /%x/],
    [["--time-limit", "-1"], 2, /time-limit/],
    [["--max-memory-per-child", "1.5"], 2, /whole number/],
    [["-Q", ","], 2, /separated by commas/],
    [["--queus", "a"], 2, /--queues/],
    [["--uid", "nobody"], 1, /--uid is not supported.*systemd/],
    [["-X", "celery"], 1, /no queue is left/],
    [["-A", "proj:nothing"], 1, /nothing.*app/s],
    [["-b", "redis//x"], 1, /redis:\/\//],
    [["--result-backend", "redsi://x"], 1, /redsi.*redis:\/\/host/],
    [["-f", "/nowhere/w.log"], 1, /\/nowhere\/w\.log/],
    [["--pidfile", "/nowhere/w.pid"], 1, /\/nowhere\/w\.pid/],
    [["--statedb", "/nowhere/state"], 1, /\/nowhere of --statedb/],
    [["--workdir", "/nowhere"], 1, /\/nowhere/],
    [["-A", "broken"], 1, /broken\.mjs:2.*boom/],
    [["-P", "solo", "--autoscale", "3"], 1, /--autoscale.*solo/],
    [["-B", "-b", "memory://"], 1, /-B.*memory:\/\//],
    [["-S", "./store.ts:Mine"], 2, /--scheduler/],
  ])("is answered for worker %j with exit code %i and one clear line", async (args, code, expected) => {
    await using folder = await projectFolder({
      "broken.mjs": 'import { App } from "lovage";\nthrow new Error("boom");\n',
    });
    const app = args[0] === "-A" ? [] : ["-A", "proj"];
    const { exitCode, stderr } = await runWorker([...app, "-q", ...args], folder.path);
    expect(stderr).toMatch(expected);
    expect({ exitCode, lines: stderr.trim().split("\n").length }).toEqual({ exitCode: code, lines: 1 });
    expect(stderr).not.toMatch(/^\s+at |this is a bug/m);
  });

  it("that only a child process meets is the last that a worker says, too", async () => {
    const source = `import { App } from "lovage";
export const app = new App("proj");
if (process.argv[1]?.endsWith("pool-child.js")) throw new Error("no children");
`;
    await using folder = await projectFolder({ "childless.mjs": source });
    const { exitCode, stderr } = await runWorker(["-A", "childless", "-q"], folder.path);
    expect(stderr.trim().split("\n").at(-1)).toMatch(/^worker: childless\.mjs:3:\d+: no children/);
    expect(exitCode).toBe(1);
  });
});
