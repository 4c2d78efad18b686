import { hostname } from "node:os";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import { runBeat, startBeat, writeFiles } from "../helper/beat-process.ts";
import { startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const schedule = `entries:
  tick: {task: proj.tick, schedule: "* * * * * *"}
  daily: {task: proj.daily, schedule: "0 0 * * *"}
`;

interface Ran {
  readonly exitCode: number | string;
  readonly output: string;
}

async function occasionsOf(client: Redis, entry: string): Promise<string[]> {
  const texts = await client.lrange("celery", 0, -1);
  return texts
    .map((text) => decodeMessage(text).envelope.headers)
    .filter((headers) => headers["periodic_task_name"] === entry)
    .map((headers) => String(headers["occurrence"]));
}

const asUser = ["--by", "alice@desk"];

describe("steering a running beat", () => {
  it("pauses, resumes and runs its entries from the same machine, and keeps who and why", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": schedule });
    await using beat = await startBeat(["-q", "-b", redis.url], folder.path);
    await beat.saw("Sending due task tick");
    const told = (...args: string[]): Promise<Ran> => runBeat([...args, "-b", redis.url], folder.path);
    expect(await told("pause", "tick", "--reason", "migration", ...asUser)).toEqual({
      exitCode: 0,
      output: "paused tick, by alice@desk: migration\n",
    });
    const pausedAt = Date.now();
    const before = await occasionsOf(redis.client(), "tick");
    expect((await told("list")).output).toMatch(/tick .*paused by alice@desk: migration/);
    const run = await told("run", "daily", "--reason", "a try", ...asUser);
    expect(run.output).toMatch(
      /^sent daily \(proj\.daily\) id=[\da-f-]{36} queue=celery\nthe schedule stays as it is;/,
    );
    expect(await occasionsOf(redis.client(), "daily")).toEqual(["manual"]);
    expect(await occasionsOf(redis.client(), "tick")).toEqual(before);
    await waitUntil(() => Date.now() > pausedAt + 1100, { what: "something to fall into the pause" });
    expect((await told("resume", "tick")).output).toMatch(
      /^resumed tick: \d+ occurrences? of the pause (is|are) skipped; next: /,
    );
    await waitUntil(async () => (await occasionsOf(redis.client(), "tick")).length > before.length, { what: "tick" });
    expect((await told("history", "tick", "-n", "50")).output).toMatch(
      /skipped +- +\d+ skipped; paused by alice@desk: migra/,
    );
    expect((await told("show", "daily", "--json")).output).toContain('"from":"beat"');
  });

  it("reaches the leader over the broker, from a machine without its files, and past a standby", async () => {
    await using redis = await startRedis();
    await using here = temporaryFolder();
    await using there = temporaryFolder();
    await using nowhere = temporaryFolder();
    for (const folder of [here, there]) await writeFiles(folder.path, { "schedules/a.yaml": schedule });
    await using leader = await startBeat(["-q", "-b", redis.url], here.path);
    await leader.saw("leading scope");
    await using standby = await startBeat(["-q", "-b", redis.url], there.path);
    await standby.saw("standing by");
    const far = (...args: string[]): Promise<Ran> => runBeat([...args, "-b", redis.url], nowhere.path);
    expect((await far("pause", "tick", ...asUser)).output).toBe(
      `paused tick, by alice@desk\nbeat: told the running beat ${hostname()}:${leader.pid} of scope lovage, over the broker\n`,
    );
    expect((await far("list", "--match", "ti")).output).toMatch(/over the broker\n(.*\n)tick .*paused by alice@desk/);
    expect((await runBeat(["show", "tick", "-b", redis.url], there.path)).output).toContain("paused by alice@desk");
    const all = await far("status", "--all");
    expect(all.exitCode).toBe(0);
    const [, first, second] = all.output.trimEnd().split("\n");
    expect(first).toMatch(new RegExp(`:${leader.pid} +leads `));
    expect(second).toMatch(new RegExp(`:${standby.pid} +stands by for .*:${leader.pid} `));
    expect((await runBeat(["status"], there.path)).output).toMatch(/^up: pid \d+ on \S+ stands by for \S+, 2 entries/);
    // The pause goes with the broker's notes to whoever leads next.
    await leader.stop("SIGTERM");
    await standby.saw("leading scope");
    expect((await runBeat(["list", "-b", redis.url], there.path)).output).toMatch(/tick .*paused by alice@desk/);
    expect(standby.output()).not.toContain("Sending due task tick");
  });

  it("still hears this machine while the broker is away", async () => {
    const redis = await startRedis();
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": schedule });
    await using beat = await startBeat(["-q", "-b", redis.url], folder.path);
    await beat.saw("Sending due task tick");
    await redis.kill();
    const told = (...args: string[]): Promise<Ran> => runBeat([...args, "-b", redis.url], folder.path);
    expect((await told("pause", "tick", ...asUser)).output).toBe(
      "paused tick, by alice@desk\nbeat: the broker is away and could not be told yet: a beat that takes over before it is back does not know of this\n",
    );
    expect((await told("run", "daily")).output).toContain("the broker is away: it goes out when the broker is back");
    expect((await told("status")).exitCode).toBe(0);
    const far = await told("status", "--remote");
    expect(far.exitCode).toBe(1);
    expect(far.output).toMatch(/^beat: cannot reach .*\n$/);
  });

  it("backfills at its rate, and goes on when nobody watches any more", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": schedule });
    await using beat = await startBeat(["-q", "-b", redis.url], folder.path);
    await beat.saw("leading scope");
    const span = ["backfill", "daily", "--from", "2026-10-01", "--to", "2026-10-31", "-b", redis.url];
    await using watching = await startBeat([...span, "--yes", "--rate", "10"], folder.path);
    await watching.saw(/running, 0 of 31 sent/);
    await watching.stop("SIGINT");
    expect(watching.exitCode()).toBe(1);
    expect(watching.output()).toMatch(/beat goes on with it; to stop it: beat backfill --stop \w+/);
    await waitUntil(async () => (await occasionsOf(redis.client(), "daily")).length === 31, { what: "all of October" });
    expect(new Set(await occasionsOf(redis.client(), "daily"))).toEqual(new Set(["backfill"]));
    const { output } = await runBeat(["backfill", "--list", "-b", redis.url], folder.path);
    expect(output).toMatch(/daily .* done +31 of 31 sent/);
  });

  it("takes mistakes in one line each, with the exit codes that are documented", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": schedule });
    const wrong: readonly (readonly [string, number, RegExp])[] = [
      ["pause", 1, /^beat: which entries\? \(name entries, or give --all or --match TEXT\)\n$/],
      ["pause tick", 1, /^beat: no beat answers, and there is no record beat-record in .*; nothing was written\)\n$/],
      ["show tik", 1, /^beat: there is no entry tik \(did you mean tick\?\)\n$/],
      ["run tick", 1, /^beat: no beat answers \(a beat must run; lovage call TASK sends a task without one\)\n$/],
      ["status", 1, /^beat: no beat runs on .*beat-record in .*\n$/],
      ["show", 2, /^beat show: missing required argument 'entry'\n$/],
      ["backfill tick --rate 0", 2, /^beat backfill: .*It takes a number from 0\.1 to 1000\.\n$/],
      ["paus tick", 2, /^beat: unknown command paus \(did you mean pause\?\)\n$/],
    ];
    for (const [line, exitCode, says] of wrong) {
      const ran = await runBeat(line.split(" "), folder.path);
      expect([line, ran.exitCode]).toEqual([line, exitCode]);
      expect(ran.output).toMatch(says);
    }
  });
});
