import { spawnSync } from "node:child_process";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import { packageRoot, runBeat, startBeat, writeFiles } from "../helper/beat-process.ts";
import { requireService } from "../helper/debian.ts";
import { startRedis } from "../helper/redis.ts";
import { startProgram } from "../helper/service.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const examples = join(packageRoot, "examples/moving");
const exporter = join(examples, "export_beat_schedule.py");
const oracle = fileURLToPath(new URL("../helper/celery-schedule.py", import.meta.url));
const fixtures = fileURLToPath(new URL("../fixtures/moving", import.meta.url));
const python = "/usr/bin/python3";

interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function runPython(args: readonly string[], cwd: string, more: { input?: string; url?: string } = {}): Finished {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1", BROKER_URL: more.url ?? "redis://127.0.0.1:1/0" };
  const options = { cwd, env, encoding: "utf8", timeout: 60_000, maxBuffer: 64 * 1024 * 1024 } as const;
  return spawnSync(python, [...args], { ...options, input: more.input ?? "" });
}

function exportSchedule(cwd: string, args: readonly string[] = []): Finished {
  return runPython([exporter, "-A", "proj", "-o", "schedules/proj.yaml", ...args], cwd);
}

/** What Celery computes: the next runs of each entry, in epoch seconds. */
function askCelery(cwd: string, from: number, count: number): Readonly<Record<string, readonly number[]>> {
  const { status, stdout, stderr } = runPython([oracle, "proj"], cwd, { input: JSON.stringify({ from, count }) });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Readonly<Record<string, readonly number[]>>;
}

/** What beat computes, in epoch seconds. */
async function askBeat(cwd: string, names: readonly string[], from: string): Promise<Map<string, number[]>> {
  const { exitCode, output } = await runBeat(["next", ...names, "-n", "1500", "--json", "--from", from], cwd);
  expect(exitCode, output).toBe(0);
  const lines = output.trim().split("\n");
  const found = new Map<string, number[]>();
  for (const line of lines) {
    const { entry, due_at } = JSON.parse(line) as { entry: string; due_at: string };
    found.set(entry, [...(found.get(entry) ?? []), Date.parse(due_at) / 1000]);
  }
  return found;
}

/** The file becomes the module `proj`. */
async function projectIn(folder: string, file: string): Promise<void> {
  await mkdir(join(folder, "schedules"));
  await copyFile(file, join(folder, "proj.py"));
}

describe.skipIf(!requireService("celery"))("a schedule exported from a Celery app", () => {
  it("passes beat check and runs when Celery would run it, kind by kind", async () => {
    await using folder = temporaryFolder();
    await projectIn(folder.path, join(examples, "proj.py"));
    const exported = exportSchedule(folder.path);
    expect(exported.stderr).toBe("10 carried, 0 left out\n");
    expect(exported.status).toBe(0);
    const checked = await runBeat(["check"], folder.path);
    expect(checked.output).toContain("ok: 10 entries");

    const from = Date.parse("2026-06-09T10:13:20Z") / 1000;
    const celery = askCelery(folder.path, from, 200);
    const last = Object.fromEntries(
      Object.keys(celery).map((name) => [name, { last_run_at: "2026-06-09T10:13:20Z", total_run_count: 3 }]),
    );
    await writeFile(folder.file("last-runs.json"), JSON.stringify({ last_runs: last }));
    const imported = await runBeat(["import-last-runs", "last-runs.json"], folder.path);
    expect(imported.output).toContain("10 of 10 last runs");

    const often = ["number", "every 10 seconds", "timedelta", "relative", "office hours"];
    const seldom = Object.keys(celery).filter((name) => !often.includes(name));
    for (const names of [...often.map((name) => [name]), seldom]) {
      const ours = await askBeat(folder.path, names, "2026-06-09T10:13:20.001Z");
      for (const name of names) {
        const [expected, found] = [celery[name] ?? [], ours.get(name) ?? []];
        const common = Math.min(expected.length, found.length);
        expect(common, name).toBeGreaterThanOrEqual(50);
        const isSolar = name === "lights on" || name === "rooster";
        for (let index = 0; index < common; index += 1) {
          const apart = Math.abs((expected[index] ?? 0) - (found[index] ?? 0));
          expect(apart, `${name}, run ${index}: ${found[index]}`).toBeLessThanOrEqual(isSolar ? 5 : 0.001);
        }
      }
    }
  });

  it("says by name what cannot be carried, carries the rest, and ends with 1", async () => {
    await using folder = temporaryFolder();
    await projectIn(folder.path, join(fixtures, "awkward.py"));
    const { status, stderr } = exportSchedule(folder.path);
    expect(status).toBe(1);
    for (const line of [
      /left out: lazy: args has a BeatLazyFunc/,
      /left out: set: kwargs cannot be written as JSON/,
      /left out: wrong: Celery does not take it/,
      /left out: own kind: its schedule is a proj\.Own/,
      /left out: chained: celery\.chain cannot be sent by beat/,
      /left out: told to all: news is a broadcast \(fanout\)/,
      /note: fixed id: without its option task_id = 'x'/,
      /note: by topic: goes to the queue feeds alone, not by its topic exchange/,
      /^5 carried, 6 left out$/m,
    ]) {
      expect(stderr).toMatch(line);
    }
    const checked = await runBeat(["check"], folder.path);
    expect(checked.output).toContain("ok: 5 entries");
    const written = await readFile(folder.file("schedules/proj.yaml"), "utf8");
    expect(written).toContain("timezone: Etc/GMT-9");
    expect(written).toContain('"yes: no # \\"quoted\\"":');
    expect(written).toContain("{at: ");
  });
});

describe.skipIf(!requireService("redis") || !requireService("celery"))("moving from a running Celery beat", () => {
  it("goes on where it stopped: the same messages, nothing twice, nothing forgotten", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    const { path } = folder;
    await projectIn(path, join(fixtures, "every_second.py"));
    expect(runPython([exporter, "-A", "proj", "-o", "schedules/proj.yaml"], path).stderr).toContain(
      "7 carried, 0 left",
    );

    const client = redis.client();
    await runCeleryBeat(path, redis.url, async () => (await client.llen("celery")) >= 9);
    const before = await take(client);
    expect(runPython([join(fixtures, "backdate.py")], path).stderr).toBe("");
    const lastRuns = runPython([exporter, "-A", "proj", "--last-runs", "celerybeat-schedule", "-o", "last.json"], path);
    expect(lastRuns.stderr).toBe("7 carried, 0 left out\n");
    const imported = await runBeat(["import-last-runs", "last.json"], path);
    expect(imported.exitCode, imported.output).toBe(0);

    await using beat = await startBeat(["-b", redis.url], path);
    await waitUntil(async () => (await client.llen("celery")) >= 12, { what: "beat to send", detail: beat.output });
    await beat.stop();
    expect(beat.output()).not.toMatch(/old marks|ERROR/);
    const after = await take(client);

    for (const task of ["t.plain", "t.words", "t.link", "t.code"]) {
      const [theirs, ours] = [before.find((one) => one.task === task), after.find((one) => one.task === task)];
      expect(essence(ours), task).toEqual(essence(theirs));
    }
    const { last_runs } = JSON.parse(await readFile(folder.file("last.json"), "utf8")) as LastRuns;
    for (const task of ["t.plain", "t.words", "t.link", "t.code"]) {
      const lastAt = Date.parse(last_runs[task]?.last_run_at ?? "");
      const steps = after.filter((one) => one.task === task).map((one) => (dueOf(one) - lastAt) / 1000);
      expect(last_runs[task]?.total_run_count).toBe(before.filter((one) => one.task === task).length);
      expect(steps[0]).toBeGreaterThanOrEqual(1);
      expect(steps, task).toEqual(steps.map((_, index) => (steps[0] ?? 0) + index));
    }
    // Two of every night, one of which Celery had sent; and one that has never run, and waits for its first time.
    const nights = after.filter((one) => one.task.startsWith("t.night")).map(({ task }) => task);
    expect(nights).toEqual(["t.night_due"]);
    const listed = await runBeat(["list", "--json"], path);
    const first = listed.output.split("\n").find((line) => line.includes('"t.weekly"'));
    expect(JSON.parse(first ?? "{}")).toMatchObject({ runs: 0, last_due_at: null });
  });

  it("takes entries and last runs from a scheduler class, such as that of a database", async () => {
    await using folder = temporaryFolder();
    const { path } = folder;
    await projectIn(path, join(fixtures, "own_scheduler.py"));
    const from = [exporter, "-A", "proj", "-S", "proj:DatabaseScheduler"];
    expect(runPython([...from, "-o", "schedules/proj.yaml"], path).stderr).toBe("2 carried, 0 left out\n");
    expect(runPython([...from, "--last-runs", "-o", "last.json"], path).stderr).toBe("2 carried, 0 left out\n");
    const imported = await runBeat(["import-last-runs", "last.json"], path);
    expect(imported.output).toContain("2 of 2 last runs");
    const listed = await runBeat(["list", "--json"], path);
    const rows = listed.output.split("\n").filter((line) => line.startsWith("{"));
    expect(rows.map((row) => JSON.parse(row) as unknown)).toMatchObject([
      { entry: "daily", runs: 12, last_due_at: "2026-06-09T05:30:00.000Z", schedule: "30 7 * * * (Europe/Oslo)" },
      { entry: "never", runs: 0, last_due_at: null },
    ]);
  });

  it("leaves out what has changed since, and what our beat has passed already", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, {
      "schedules/a.yaml": "entries:\n  one: {task: t, schedule: 60}\n  two: {task: t, schedule: 60}\n",
      "last.json": JSON.stringify({
        last_runs: {
          one: { last_run_at: "2026-01-01T00:00:00+00:00", total_run_count: 5 },
          too: { last_run_at: "2026-01-01T00:00:00+00:00", total_run_count: 5 },
          two: { last_run_at: "2999-01-01T00:00:00+00:00", total_run_count: 5 },
        },
      }),
      "wrong.json": '{"last_runs": {"one": {"last_run_at": "yesterday"}}}',
    });
    const first = await runBeat(["import-last-runs", "last.json"], folder.path);
    expect(first.exitCode).toBe(1);
    expect(first.output).toContain("1 of 3 last runs are in ");
    expect(first.output).toMatch(/left out: too: there is no such entry \(did you mean two\?\)/);
    expect(first.output).toContain("two: its last run, 2999-01-01T00:00:00+00:00, is ahead of this machine's clock");
    const again = await runBeat(["import-last-runs", "last.json"], folder.path);
    expect(again.output).toContain("left out: one: beat has come further since");
    const wrong = await runBeat(["import-last-runs", "wrong.json"], folder.path);
    expect(wrong.output).toContain("last_runs.one.last_run_at: wants a time with an offset");
    expect(wrong.output).not.toMatch(/^\s+at /m);
  });
});

interface LastRuns {
  readonly last_runs: Readonly<Record<string, { readonly last_run_at: string; readonly total_run_count: number }>>;
}

/** Until it has sent enough; it keeps its schedule when it stops. */
async function runCeleryBeat(cwd: string, url: string, isEnough: () => Promise<boolean>): Promise<void> {
  const env = { BROKER_URL: url, PYTHONDONTWRITEBYTECODE: "1" };
  const args = ["-m", "celery", "-A", "proj", "beat", "-s", "celerybeat-schedule", "--max-interval", "1"];
  const program = await startProgram(python, args, { cwd, env });
  try {
    await waitUntil(isEnough, { what: "Celery's beat to send", timeoutMs: 60_000, detail: program.output });
  } finally {
    await program.stop("SIGTERM");
  }
}

/** Of the queue and of its part for priority 6, oldest first. */
async function take(client: Redis): Promise<readonly Envelope[]> {
  const texts: string[] = [];
  for (const key of ["celery", "celery\u0006\u00166"]) {
    texts.push(...(await client.lrange(key, 0, -1)).reverse());
    await client.del(key);
  }
  return texts.map((text) => decodeMessage(text).envelope);
}

function dueOf({ headers }: Envelope): number {
  return Date.parse(String(headers["scheduled_at"]));
}

/** What a worker goes by. */
function essence(envelope: Envelope | undefined): unknown {
  if (envelope === undefined) return "nothing was sent";
  const { task, body, headers, properties } = envelope;
  const { timelimit, argsrepr, kwargsrepr, ignore_result: ignored } = headers;
  const shown = { argsrepr, kwargsrepr, timelimit, isIgnored: ignored === true, expires: typeof headers["expires"] };
  return { task, sent: JSON.parse(String(body)), ...shown, priority: properties.priority };
}
