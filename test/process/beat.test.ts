import { existsSync } from "node:fs";
import { mkdir, readFile, rename, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import { linkPackage, runBeat, startBeat, writeFiles } from "../helper/beat-process.ts";
import { requireService } from "../helper/debian.ts";
import { startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

interface Sent {
  readonly entry: string;
  readonly at: string;
  readonly occasion: string;
  readonly id: string;
}

async function sentOn(client: Redis, queue = "celery"): Promise<Sent[]> {
  const texts = (await client.lrange(queue, 0, -1)).reverse();
  return texts.map((text) => {
    const { headers, id } = decodeMessage(text).envelope;
    const { periodic_task_name: entry, scheduled_at: at, occurrence: occasion } = headers;
    return { entry: String(entry), at: String(at), occasion: String(occasion), id };
  });
}

/** True when the due times are every second from the first to the last, none twice. */
function isEverySecond(sent: readonly Sent[]): boolean {
  const seconds = sent.map(({ at }) => Date.parse(at) / 1000);
  return seconds.every((second, index) => second === (seconds[0] as number) + index);
}

const everySecond = (name: string): string => `entries:\n  ${name}: {task: proj.t, schedule: "* * * * * *"}\n`;
const head = 'import { App } from "lovage";\nexport const app = new App("proj");\n';
const quiet = ["-q", "-s", "beat-record"];

describe("beat from YAML files alone", () => {
  it("starts on the embedded default, says so on its banner, and stops cleanly within a second of SIGTERM", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": everySecond("tick") });
    await using beat = await startBeat([], folder.path);
    await beat.saw("Sending due task tick (proj.t)");
    for (const text of ["sqlite:///.lovage/broker.sqlite", "embedded default", "beat-record", "scope", "UTC"]) {
      expect(beat.output()).toContain(text);
    }
    const before = performance.now();
    await beat.stop("SIGTERM");
    expect(performance.now() - before).toBeLessThan(1500);
    expect(beat.exitCode()).toBe(0);
    expect(beat.output()).not.toMatch(/ERROR|WARNING|lost/);
  });

  it("tells every mistake at file:line:column with a hint, exits with 1, and shows no stack trace", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, {
      "schedules/bad.yaml": [
        "entries:",
        "  one:",
        "    task: proj.t",
        '    schedule: "61 * * * *"',
        "  two:",
        "    taks: proj.t",
        "    schedule: 10",
        "  three: {task: t, schedule: {solar: sunsett, latitude: 1, longitude: 2}}",
        "  four: {task: t, schedule: 5, timezone: Asia/Tapei}",
        "",
      ].join("\n"),
    });
    for (const args of [["check"], []]) {
      const { exitCode, output } = await runBeat(args, folder.path);
      expect(exitCode).toBe(1);
      for (const place of ["bad.yaml:4:15", "bad.yaml:6:5", "bad.yaml:8:", "bad.yaml:9:"])
        expect(output).toContain(place);
      for (const hint of ["0-59", "task", "sunset", "Asia/Taipei"]) expect(output).toContain(hint);
      expect(output).not.toMatch(/^\s+at /m);
      expect(existsSync(folder.file("beat-record"))).toBe(false);
    }
  });

  it.each([
    [["-b", "redis//localhost"], /broker|redis:\/\//],
    [["-b", "kafka://x"], /kafka.*redis/s],
    [["-l", "LOUD"], /LOUD.*INFO/s],
    [["--max-interval", "soon"], /max-interval.*seconds/is],
    [["-s", "."], /is a (directory|folder)/],
    [["-s", "/nowhere/beat-record"], /\/nowhere/],
    [["--workdir", "/nowhere"], /\/nowhere/],
    [["--schedules", "nothing.yaml"], /nothing\.yaml/],
    [["-A", "proj:missing"], /missing.*app/s],
    [["-A", "broken"], /broken\.ts:2.*boom/s],
    [["-S", "celery.beat:PersistentScheduler"], /-S/],
    [["--pidfile", "/nowhere/pid"], /pid/],
    [["-f", "/nowhere/log"], /\/nowhere\/log/],
    [["--config", "nothing"], /nothing/],
    [["-A", "throws"], /throws\.ts:3.*boom/s],
    [["check", "-A", "hangs"], /top-level await/],
    [["check", "-A", "quits"], /process\.exit/],
    [["check", "-A", "wrong"], /wrong\.ts:3.*NaN.*milliseconds/s],
    [["--log-format", "xml"], /xml.*json/s],
    [["chekc"], /check/],
    [["--schedles", "x"], /--schedules/],
    [["next", "tock"], /tick/],
    [["next", "--from", "yesterday"], /ISO 8601/],
  ])("answers beat %j with one clear line and a non-zero exit code", async (args, expected) => {
    await using folder = temporaryFolder();
    await linkPackage(folder.path);
    await writeFiles(folder.path, {
      "schedules/a.yaml": everySecond("tick"),
      "proj.ts": 'import { App } from "lovage";\nexport const app = new App("proj");\n',
      "throws.ts": `${head}app.onAfterConfigure(async () => { throw new Error("boom"); });\n`,
      "hangs.mts": `${head}await new Promise(() => {});\n`,
      "quits.ts": `${head}process.exit(0);\n`,
      "wrong.ts": `${head}app.addPeriodicTask({ next: () => NaN, describe: () => "never" }, app.signature("t"));\n`,
      "broken.ts": 'import { App } from "lovage";\nthrow new Error("boom");\n',
    });
    const { exitCode, output } = await runBeat(args, folder.path);
    expect(exitCode).not.toBe(0);
    const lines = output
      .trim()
      .split("\n")
      .filter((line) => !line.startsWith("["));
    expect(lines.join("\n")).toMatch(expected);
    expect(lines.filter((line) => line.startsWith("beat"))).toHaveLength(1);
    expect(output).not.toMatch(/^\s+at |this is a bug/m);
  });

  it("refuses a second beat on one beat-record, naming the first, and leaves the first alone", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": everySecond("tick") });
    await using first = await startBeat([], folder.path);
    await first.saw("Sending due task");
    const { exitCode, output } = await runBeat([], folder.path);
    expect(exitCode).toBe(1);
    expect(output).toContain(`pid ${first.pid}`);
    expect(first.exitCode()).toBeUndefined();
  });

  it("moves a corrupt beat-record aside, loudly, and sends nothing again", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": "entries:\n  yearly: {task: t, schedule: 0 0 1 1 *}\n" });
    await writeFile(
      folder.file("beat-record"),
      Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(5000, 7)]),
    );
    await using beat = await startBeat([], folder.path);
    await beat.saw("leading scope");
    expect(beat.output()).toMatch(/corrupt|damaged/);
    expect(beat.output()).not.toContain("Sending due task");
  });

  it("tells by `beat status` whether it is at work, for health checks", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": everySecond("tick") });
    expect((await runBeat(["status"], folder.path)).exitCode).toBe(1);
    await using beat = await startBeat(["-q"], folder.path);
    await beat.saw("Sending due task");
    const { exitCode, output } = await runBeat(["status"], folder.path);
    expect(output).toMatch(new RegExp(`^up: pid ${beat.pid} on .* leads, 1 entry,`));
    expect(exitCode).toBe(0);
    await beat.stop("SIGKILL");
    await utimes(folder.path, 0, 0);
    expect((await runBeat(["list"], folder.path)).output).toContain("tick");
  });
});

describe("beat and edited schedule files", () => {
  async function edited(
    edit: (folder: string) => Promise<void>,
    files: Record<string, string>,
    args: string[] = [],
  ): Promise<void> {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, files);
    await using beat = await startBeat([...quiet, ...args], folder.path);
    await beat.saw("Sending due task before");
    await edit(folder.path);
    await beat.saw("Sending due task after");
    const length = beat.output().length;
    await beat.saw(/Sending due task after[\s\S]*Sending due task after/);
    expect(beat.output().slice(length)).not.toContain("Sending due task before");
  }

  it("takes over an in-place write", () =>
    edited((folder) => writeFile(join(folder, "schedules/a.yaml"), everySecond("after")), {
      "schedules/a.yaml": everySecond("before"),
    }));

  it("takes over an atomic rename, twice", () =>
    edited(
      async (folder) => {
        for (const name of ["between", "after"]) {
          await writeFile(join(folder, "schedules/.new"), everySecond(name));
          await rename(join(folder, "schedules/.new"), join(folder, "schedules/a.yaml"));
          await new Promise((resolve) => setTimeout(resolve, 600));
        }
      },
      { "schedules/a.yaml": everySecond("before") },
    ));

  it("takes over a ConfigMap's symlink swap", async () => {
    await using folder = temporaryFolder();
    const config = folder.file("schedules");
    await mkdir(config);
    const publish = async (version: string, name: string): Promise<void> => {
      await mkdir(join(config, `..${version}`));
      await writeFile(join(config, `..${version}`, "a.yaml"), everySecond(name));
      await symlink(`..${version}`, join(config, "..data_tmp"));
      await rename(join(config, "..data_tmp"), join(config, "..data"));
    };
    await publish("1", "before");
    await symlink("..data/a.yaml", join(config, "a.yaml"));
    await using beat = await startBeat(quiet, folder.path);
    await beat.saw("Sending due task before");
    await publish("2", "between");
    await beat.saw("Sending due task between");
    await publish("3", "after");
    await beat.saw("Sending due task after");
  });

  it("takes over a single file named by --schedules", () =>
    edited(
      (folder) => writeFile(join(folder, "one.yaml"), everySecond("after")),
      { "one.yaml": everySecond("before") },
      ["--schedules", "one.yaml"],
    ));

  it("reads again on SIGHUP", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": everySecond("tick") });
    await using beat = await startBeat(quiet, folder.path);
    await beat.saw("Sending due task tick");
    beat.signal("SIGHUP");
    await beat.saw(/[Rr]eload/);
    await beat.stop();
    expect(beat.exitCode()).toBe(0);
  });

  it("keeps the old schedule when the new one has a mistake, and says where it is", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": everySecond("tick") });
    await using beat = await startBeat(quiet, folder.path);
    await beat.saw("Sending due task tick");
    await writeFile(folder.file("schedules/a.yaml"), "entries:\n  tick: {task: t, schedule: 0}\n");
    await beat.saw("a.yaml:2:");
    const length = beat.output().length;
    await waitUntil(() => beat.output().slice(length).includes("Sending due task tick (proj.t)"), {
      what: "the old schedule to go on",
    });
    await writeFile(folder.file("schedules/a.yaml"), everySecond("mended"));
    await beat.saw("Sending due task mended");
  });
});

describe.skipIf(!requireService("redis"))("beat on Redis", () => {
  it("loses nothing and repeats nothing while Redis is down for seconds, and is loud about it", async () => {
    await using folder = temporaryFolder();
    await using data = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": everySecond("tick") });
    const persistent = { dir: data.path, args: ["--appendonly", "yes", "--appendfsync", "always"] };
    const first = await startRedis(persistent);
    await using beat = await startBeat([...quiet, "-b", first.url], folder.path);
    await beat.saw(/Sending due task[\s\S]*Sending due task/);
    await first.kill();
    await beat.saw("ERROR");
    await new Promise((resolve) => setTimeout(resolve, 4000));
    expect(beat.exitCode()).toBeUndefined();
    await using second = await startRedis({ ...persistent, port: first.port });
    const client = second.client();
    const depth = await client.llen("celery");
    await waitUntil(async () => (await client.llen("celery")) > depth + 6, {
      what: "beat to catch up",
      timeoutMs: 30_000,
      detail: beat.output,
    });
    await beat.stop();
    const sent = await sentOn(client);
    expect(isEverySecond(sent)).toBe(true);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length);
  });

  it("goes on where it was when Redis comes back empty", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": everySecond("tick") });
    const first = await startRedis();
    await using beat = await startBeat([...quiet, "-b", first.url], folder.path);
    await beat.saw(/Sending due task[\s\S]*Sending due task/);
    const before = await sentOn(first.client());
    await first.stop();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await using second = await startRedis({ port: first.port });
    const client = second.client();
    await waitUntil(async () => (await client.llen("celery")) > 4, {
      what: "beat to send again",
      timeoutMs: 30_000,
      detail: beat.output,
    });
    await beat.stop();
    const after = await sentOn(client);
    expect(
      isEverySecond(
        [...before, ...after].filter(({ id }, index, all) => all.findIndex((one) => one.id === id) === index),
      ),
    ).toBe(true);
    expect(after.filter(({ id }) => before.some((one) => one.id === id)).length).toBeLessThanOrEqual(1);
  });

  it.each(["stopped", "frozen"])("starts, and stops within a second, while Redis is %s", async (state) => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": everySecond("tick") });
    await using redis = await startRedis();
    await using beat = await startBeat([...quiet, "-b", redis.url], folder.path);
    await beat.saw("Sending due task");
    if (state === "stopped") await redis.kill();
    else process.kill(redis.pid, "SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const before = performance.now();
    await beat.stop("SIGTERM", 5000);
    expect(performance.now() - before).toBeLessThan(1500);
    expect(beat.exitCode()).toBe(0);
    if (state === "frozen") process.kill(redis.pid, "SIGCONT");
  });

  it("starts before Redis does, and sends once it is there", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": everySecond("tick") });
    const placeholder = await startRedis();
    await placeholder.stop();
    await using beat = await startBeat([...quiet, "-b", placeholder.url], folder.path);
    await beat.saw(/ERROR.*(refused|reach)/);
    await using redis = await startRedis({ port: placeholder.port });
    await beat.saw("Sending due task tick");
    expect(await redis.client().llen("celery")).toBeGreaterThan(0);
  });

  it("is one of two: the other stands by with a record of its own, and takes over at once on a clean stop", async () => {
    await using redis = await startRedis();
    await using one = temporaryFolder();
    await using two = temporaryFolder();
    for (const { path } of [one, two]) await writeFiles(path, { "schedules/a.yaml": everySecond("tick") });
    await using first = await startBeat([...quiet, "-b", redis.url], one.path);
    await first.saw("Sending due task");
    await using second = await startBeat([...quiet, "-b", redis.url], two.path);
    await second.saw(new RegExp(`stand.*${first.pid}`));
    await first.stop();
    await second.saw("leading scope", 3000);
    await second.saw("Sending due task");
    await second.stop();
    const sent = await sentOn(redis.client());
    expect(isEverySecond(sent)).toBe(true);
  });

  it("fails over within the lease and a second when the leader is killed, repeating nothing", async () => {
    await using redis = await startRedis();
    await using one = temporaryFolder();
    await using two = temporaryFolder();
    const schedule = 'entries:\n  tick: {task: proj.t, schedule: "* * * * * *", missed: all}\n';
    for (const { path } of [one, two]) await writeFiles(path, { "schedules/a.yaml": schedule });
    await using first = await startBeat([...quiet, "-b", redis.url], one.path);
    await first.saw("Sending due task");
    await using second = await startBeat([...quiet, "-b", redis.url], two.path);
    await second.saw("stand");
    await first.stop("SIGKILL");
    await second.saw("leading scope", 11_000);
    await second.saw("Sending due task");
    await second.stop();
    expect(isEverySecond(await sentOn(redis.client()))).toBe(true);
  });

  it("keeps its last runs over a restart, and makes up by the entry's policy", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    await writeFiles(folder.path, {
      "schedules/a.yaml": [
        "entries:",
        '  latest: {task: t, schedule: "* * * * * *"}',
        '  skip: {task: t, schedule: "* * * * * *", missed: skip}',
        '  all: {task: t, schedule: "* * * * * *", missed: all}',
        "",
      ].join("\n"),
    });
    const args = [...quiet, "-b", redis.url];
    const first = await startBeat(args, folder.path);
    await first.saw(/Sending due task all[\s\S]*Sending due task all/);
    await first.stop();
    await new Promise((resolve) => setTimeout(resolve, 4000));
    await using second = await startBeat(args, folder.path);
    await second.saw(/Sending due task skip/);
    await second.stop();
    const sent = await sentOn(redis.client());
    const of = (name: string): Sent[] => sent.filter(({ entry }) => entry === name);
    expect(isEverySecond(of("all"))).toBe(true);
    expect(of("all").filter(({ occasion }) => occasion === "missed").length).toBeGreaterThanOrEqual(3);
    expect(of("latest").filter(({ occasion }) => occasion === "missed")).toHaveLength(1);
    expect(of("skip").filter(({ occasion }) => occasion === "missed")).toHaveLength(0);
    const { output } = await runBeat(["list", "--json", "-b", redis.url], folder.path);
    const listed = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { entry: string; missed: number; runs: number });
    expect(listed.find(({ entry }) => entry === "skip")?.missed).toBeGreaterThanOrEqual(3);
    expect(listed.find(({ entry }) => entry === "all")?.missed).toBe(0);
    expect(listed.find(({ entry }) => entry === "all")?.runs).toBe(of("all").length);
  });

  it("hides the broker's password wherever it names the broker", async () => {
    await using redis = await startRedis({ args: ["--requirepass", "s3cret"] });
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": everySecond("tick") });
    await using right = await startBeat(["-b", redis.url.replace("redis://", "redis://:s3cret@")], folder.path);
    await right.saw("Sending due task");
    await right.stop();
    await using wrong = await startBeat(["-b", redis.url.replace("redis://", "redis://:wr0ng@")], folder.path);
    await wrong.saw("ERROR");
    expect(right.output() + wrong.output()).not.toMatch(/s3cret|wr0ng/);
    expect(wrong.output()).toMatch(/password/i);
  });
});

describe("a project that misbehaves while beat runs", () => {
  it("is told of in the log, and beat goes on", async () => {
    await using folder = temporaryFolder();
    await linkPackage(folder.path);
    const stray =
      'setTimeout(() => { throw new Error("stray"); }, 500);\nsetTimeout(() => void Promise.reject(new Error("floating")), 600);\n';
    await writeFiles(folder.path, { "proj.ts": `${head}${stray}`, "schedules/a.yaml": everySecond("tick") });
    await using beat = await startBeat([...quiet, "-A", "proj"], folder.path);
    await beat.saw(/ERROR.*proj\.ts:3.*stray/);
    await beat.saw(/ERROR.*proj\.ts:4.*floating/);
    await beat.saw(/Sending due task[\s\S]*Sending due task/);
    await beat.stop();
    expect(beat.exitCode()).toBe(0);
  });
});

describe("a log file and a pidfile", () => {
  it("are written where the options say", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": everySecond("tick") });
    await using beat = await startBeat(
      ["-f", "beat.log", "--pidfile", "beat.pid", "--log-format", "json"],
      folder.path,
    );
    const log = (): Promise<string> => readFile(folder.file("beat.log"), "utf8");
    await waitUntil(async () => (await log()).includes("Sending due task"), { what: "a line in the log file" });
    expect((await readFile(folder.file("beat.pid"), "utf8")).trim()).toBe(String(beat.pid));
    for (const line of (await log()).trim().split("\n")) expect(() => JSON.parse(line) as unknown).not.toThrow();
    await beat.stop();
    expect(existsSync(folder.file("beat.pid"))).toBe(false);
  });
});
