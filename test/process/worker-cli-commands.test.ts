import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../helper/beat-process.ts";
import { requireService } from "../helper/debian.ts";
import { startRedis } from "../helper/redis.ts";
import { projectFolder, runLovage, startWorker } from "../helper/worker-process.ts";

const app = ["-A", "proj"];
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

describe("lovage", () => {
  it("lists all its commands, each with what it is for", async () => {
    const { stdout, exitCode } = await runLovage(["--help"], packageRoot);
    expect(exitCode).toBe(0);
    for (const name of [
      "beat",
      "worker",
      "call",
      "result",
      "purge",
      "inspect",
      "control",
      "events",
      "shell",
      "report",
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${name} .*[a-z]`, "m"));
    }
  });

  it("knows what a mistyped command was to be", async () => {
    const { stderr, exitCode } = await runLovage(["wroker"], packageRoot);
    expect(stderr).toMatch(/^lovage: .*wroker.*worker/);
    expect(exitCode).toBe(2);
  });

  it("runs a worker with options before and after the command's name", async () => {
    await using folder = await projectFolder();
    const { stderr, exitCode } = await runLovage([...app, "worker", "-c", "none"], folder.path);
    expect(stderr).toContain("whole number from 1");
    expect(exitCode).toBe(2);
  });
});

describe("lovage call", () => {
  it("prints the id, and with --wait the result, or the task's error with exit code 1", async () => {
    await using folder = await projectFolder();
    await using worker = await startWorker([...app, "-P", "async", "-q"], folder.path);
    await worker.saw("ready.");
    const wait = ["--wait", "--timeout", "30"];
    const added = await runLovage(["call", "proj.add", ...app, "-a", "[20, 22]", ...wait], folder.path);
    expect(added).toMatchObject({ exitCode: 0, stderr: "" });
    const [id = "", value] = added.stdout.trim().split("\n");
    expect(id).toMatch(uuid);
    expect(value).toBe("42");
    const failed = await runLovage(["call", "proj.boom", ...app, ...wait], folder.path);
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toMatch(/the task failed: RangeError: boom/);
    const again = await runLovage(["result", id, ...app], folder.path);
    expect(again).toMatchObject({ exitCode: 0, stdout: "42\n" });
    const late = await runLovage(
      ["call", "proj.sleep", ...app, "-a", "[60000]", "--wait", "--timeout", "1"],
      folder.path,
    );
    expect(late.exitCode).toBe(1);
    expect(late.stderr.trim().split("\n")).toHaveLength(1);
    await worker.stop("SIGKILL");
  });

  it.each([
    [["-a", "2, 2"], 2, /JSON list/],
    [["-k", "[1]"], 2, /JSON object/],
    [["--priority", "high"], 2, /0 to 255/],
    [["--countdown", "soon"], 2, /seconds/],
    [["--eta", "tomorrow"], 1, /ISO 8601/],
    [["--serializer", "pickle"], 1, /pickle/],
    [["--wait", "-b", "memory://"], 1, /--wait: no result backend.*--result-backend/],
  ])("answers %j with exit code %i and one clear line", async (args, code, expected) => {
    await using folder = await projectFolder();
    const { exitCode, stderr } = await runLovage(["call", "proj.add", ...app, ...args], folder.path);
    expect(stderr).toMatch(expected);
    expect({ exitCode, lines: stderr.trim().split("\n").length }).toEqual({ exitCode: code, lines: 1 });
  });

  it("sends a task that the project does not know, and says which it may have meant", async () => {
    await using folder = await projectFolder();
    const { exitCode, stderr, stdout } = await runLovage(["call", "proj.ad", ...app], folder.path);
    expect(exitCode).toBe(0);
    expect(stdout.trim()).toMatch(uuid);
    expect(stderr).toContain("did you mean proj.add?");
  });
});

describe.skipIf(!requireService("redis"))("lovage call on Redis", () => {
  it("puts every option into the message", async () => {
    await using redis = await startRedis();
    await using folder = await projectFolder();
    const options = ["-a", "[1]", "-k", '{"y": 2}', "--queue", "q7", "--priority", "3", "--headers", '{"trace": "t1"}'];
    const times = ["--countdown", "60", "--expires", "120"];
    const { exitCode } = await runLovage(["call", "a.b", "-b", redis.url, ...options, ...times], folder.path);
    expect(exitCode).toBe(0);
    const text = (await redis.client().lrange("q7\x06\x163", 0, -1))[0] ?? "";
    const message = JSON.parse(text) as { headers: Record<string, unknown>; body: string };
    expect(message.headers).toMatchObject({ task: "a.b", trace: "t1" });
    expect(Date.parse(String(message.headers["expires"])) - Date.parse(String(message.headers["eta"]))).toBe(60_000);
    expect(JSON.parse(Buffer.from(message.body, "base64").toString())).toMatchObject([[1], { y: 2 }, {}]);
  });
});

describe("lovage purge", () => {
  it("refuses without a terminal to ask at, and with -f says how many messages went", async () => {
    await using folder = await projectFolder();
    for (const queue of ["celery", "celery", "other"]) {
      await runLovage(["call", "proj.add", ...app, "--queue", queue], folder.path);
    }
    const refused = await runLovage(["purge", ...app], folder.path);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/nobody at a terminal.*-f/);
    const both = ["-Q", "celery,other", "-X", "celery"];
    expect((await runLovage(["purge", ...app, "-f", ...both], folder.path)).stdout).toMatch(/Purged 1 message from 1 /);
    expect((await runLovage(["purge", ...app, "-f"], folder.path)).stdout).toMatch(/2 messages[\s\S]* celery +2/);
    expect((await runLovage(["purge", ...app, "-f"], folder.path)).stdout).toMatch(/Purged 0 messages/);
  });
});

describe("lovage shell", () => {
  it("runs what is piped into it, with the app, the package and the tasks at hand, and ends", async () => {
    await using folder = await projectFolder();
    const input = [
      "app.name",
      "add(2, 3)",
      "proj.hello('you')",
      "tasks['proj.add'] === add",
      "(await add.delay(1, 2)).id.length",
      "(await add.applyAsync([1, 2], { expires: new Date(Date.now() + 60000) })).id.length",
      "crontab('0 0 * * *').describe().length > 0",
      "function twice(x) {",
      "  return 2 * x;",
      "}",
      "",
      "throw new Error('typed wrong')",
      "twice(await Promise.resolve(21))",
    ].join("\n");
    const { stdout, exitCode, stderr } = await runLovage(["shell", ...app], folder.path, `${input}\n`);
    expect(stdout.split("\n").slice(0, 7)).toEqual(["'proj'", "5", "'hello you'", "true", "36", "36", "true"]);
    expect(stdout).toContain("typed wrong");
    expect(stdout.trim().split("\n").at(-1)).toBe("42");
    // As of a script: something went wrong on the way.
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
    expect((await runLovage(["shell", ...app], folder.path, "1 + 1")).exitCode).toBe(0);
  });
});

describe("lovage report", () => {
  it("has versions and settings, and nothing secret", async () => {
    await using folder = await projectFolder();
    const urls = ["-b", "redis://:s3cret@127.0.0.1:1/0", "--result-backend", "redis://u:s3cret@127.0.0.1:1/1"];
    const { stdout, exitCode } = await runLovage(["report", ...app, ...urls], folder.path, "", {
      LOVAGE_BROKER_PASSWORD: "s3cret",
      LOVAGE_WORKER_PREFETCH_MULTIPLIER: "9",
    });
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain("s3cret");
    for (const text of [process.version.slice(1), process.versions.tz, "ioredis", "proj.add", "redis://", "UTC"]) {
      expect(stdout).toContain(text);
    }
    expect(stdout).toMatch(/worker_prefetch_multiplier +9/);
  });
});

describe("the bins", () => {
  it("are all there and say the same version", () => {
    for (const bin of ["main", "beat", "worker"]) {
      const text = execFileSync(`${packageRoot}/dist/cli/${bin}.js`, ["--version"], { encoding: "utf8" });
      expect(text).toMatch(/^lovage \d/);
    }
  });
});
