import { copyFile, mkdir } from "node:fs/promises";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { requireService } from "../helper/debian.ts";
import { type FleetBeat, gatherFleet } from "../helper/fleet.ts";
import { startLink } from "../helper/fleet-link.ts";
import { byEntry, sentOnRedis } from "../helper/fleet-messages.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const names = Array.from({ length: 10 }, (_, index) => `e${index}`);
const entries = names.map((name) => `  ${name}: {task: proj.t, schedule: "* * * * * *", missed: all}`).join("\n");
const schedules = { "all.yaml": `entries:\n${entries}\n` };

/** Every run that any of the beats has put on the queue, by what they say: Redis itself has forgotten. */
function saidSent(beats: readonly FleetBeat[]): readonly string[] {
  return beats
    .flatMap((beat) => beat.log.of("occurrence-sent"))
    .map(({ entry, dueAt }) => `${String(entry)} ${String(dueAt)}`);
}

function twice(runs: readonly string[]): readonly string[] {
  return runs.filter((run, index) => runs.indexOf(run) !== index);
}

/** The seconds between the first and the last run of each entry in which there was none. */
function holes(runs: readonly string[]): readonly string[] {
  const sent = runs.map((run) => run.split(" ") as [string, string]);
  const times = byEntry(sent.map(([entry, dueAt]) => ({ id: "", entry, dueAt: Date.parse(dueAt), occasion: "" })));
  return [...times].flatMap(([entry, all]) => {
    const seconds = new Set(all);
    const missing: string[] = [];
    for (let at = Math.min(...all); at < Math.max(...all); at += 1000) {
      if (!seconds.has(at)) missing.push(`${entry} ${new Date(at).toISOString()}`);
    }
    return missing;
  });
}

async function untilRuns(beat: FleetBeat, more: number): Promise<void> {
  const before = beat.log.of("occurrence-sent").length;
  await waitUntil(() => beat.log.of("occurrence-sent").length >= before + more * names.length, {
    what: `${beat.name} to send ${more} times`,
    timeoutMs: 30_000,
    everyMs: 100,
    detail: () => beat.tail(),
  });
}

/** Beats at work on a Redis with the given options; `restart` gives them another one on the same port. */
async function stageOf(size: number, args: readonly string[] = []) {
  const folder = temporaryFolder();
  const dir = folder.file("redis");
  await mkdir(dir);
  let redis = await startRedis({ dir, args });
  const fleet = await gatherFleet({ folder: folder.path, scope: "proj", size, schedules, broker: redis.port });
  await fleet.startAll();
  await untilRuns(fleet.beat(0), 3);
  return {
    folder,
    dir,
    fleet,
    redis: () => redis,
    /** Kills it, waits until `who` has noticed, changes what is on its disk, and starts it again. */
    restart: async (who: FleetBeat, change: () => Promise<void> = () => Promise.resolve()): Promise<RedisServer> => {
      const from = who.log.events().length;
      await redis.kill();
      await who.saw("publish-failed", { from });
      await change();
      redis = await startRedis({ dir, args, port: redis.port });
      return redis;
    },
    [Symbol.asyncDispose]: async () => {
      await fleet[Symbol.asyncDispose]();
      await redis.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function queueOf(client: Redis): Promise<readonly string[]> {
  const sent = await sentOnRedis(client);
  return sent.map(({ entry, dueAt }) => `${entry} ${new Date(dueAt).toISOString().replace(".000Z", "Z")}`);
}

describe.skipIf(!requireService("redis")).concurrent("a Redis that loses what it knew", () => {
  it("restarts empty: the beat that leads writes its marks again, says so, and sends nothing twice and loses no run", async () => {
    await using stage = await stageOf(1);
    const beat = stage.fleet.beat(0);
    const empty = await stage.restart(beat);
    const { scope, entries: behind } = await beat.saw("marks-behind", { timeoutMs: 30_000 });
    expect({ scope, behind }).toEqual({ scope: "proj", behind: names.length });
    await untilRuns(beat, 3);
    expect(twice(saidSent([beat]))).toEqual([]);
    expect(holes(saidSent([beat]))).toEqual([]);
    expect(await empty.client().hlen("lovage:proj:marks")).toBe(names.length);
  });

  it("restarts empty while a beat stands by that knows nothing: whoever leads then, nothing is sent twice", async () => {
    await using stage = await stageOf(2);
    const { fleet } = stage;
    const from = fleet.beats.map(({ log }) => log.events().length);
    await stage.restart(fleet.beat(0));
    const starting = fleet.beats.map(async (beat, index) => {
      await beat.saw("beat-started", { from: from[index] ?? 0, timeoutMs: 40_000 });
      return beat;
    });
    const leader = await Promise.any(starting);
    for (const other of starting) other.catch(() => undefined);
    await untilRuns(leader, 3);
    expect(twice(saidSent(fleet.beats))).toEqual([]);
  });

  it("restarts empty while a beat stands by that led before: what another has sent since is not sent again", async () => {
    await using stage = await stageOf(2);
    const [first, second] = [stage.fleet.beat(0), stage.fleet.beat(1)];
    await first.end("SIGTERM");
    await untilRuns(second, 5);
    const from = stage.fleet.beats.map(({ log }) => log.events().length);
    await first.start();
    await first.saw("beat-standby", { from: from[0] ?? 0 });
    // The one that knows what was sent finds the new Redis some seconds later, though well within its lease.
    const known = first.log.events().length;
    await stage.restart(second, () => Promise.resolve(second.link?.refuse()));
    await first.saw("beat-started", { from: known, timeoutMs: 4000 }).catch(() => undefined);
    second.link?.heal();
    const starting = stage.fleet.beats.map((beat, index) =>
      beat.saw("beat-started", { from: from[index] ?? 0, timeoutMs: 40_000 }),
    );
    await Promise.any(starting);
    for (const other of starting) other.catch(() => undefined);
    const leader = stage.fleet.leaders[0] ?? first;
    await untilRuns(leader, 3);
    expect(twice(saidSent(stage.fleet.beats))).toEqual([]);
  });

  it("comes back with old data: the beat that leads sets the marks right and says so; nothing twice, nothing lost", async () => {
    await using stage = await stageOf(1);
    const beat = stage.fleet.beat(0);
    await stage.redis().client().save();
    await copyFile(`${stage.dir}/dump.rdb`, stage.folder.file("old.rdb"));
    await untilRuns(beat, 4);
    const old = await stage.restart(beat, () => copyFile(stage.folder.file("old.rdb"), `${stage.dir}/dump.rdb`));
    await beat.saw("marks-behind", { timeoutMs: 30_000 });
    await untilRuns(beat, 3);
    expect(twice(saidSent([beat]))).toEqual([]);
    expect(holes(saidSent([beat]))).toEqual([]);
    // What the copy did not know is gone from the queue: it was sent, and is not sent again.
    const onQueue = await queueOf(old.client());
    expect(twice(onQueue)).toEqual([]);
    expect(onQueue.length).toBeLessThan(saidSent([beat]).length);
  });

  it("fails over to a replica that lags: the beat that leads sets the marks right and says so; nothing twice, nothing lost", async () => {
    await using stage = await stageOf(1);
    const beat = stage.fleet.beat(0);
    await using replication = await startLink(stage.redis().port);
    await using replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(replication.port)] });
    const client = replica.client();
    await waitUntil(async () => (await client.info("replication")).includes("master_link_status:up"), {
      what: "the replica to follow",
      timeoutMs: 30_000,
    });
    await untilRuns(beat, 2);
    replication.stall();
    await untilRuns(beat, 4);
    const from = beat.log.events().length;
    await stage.redis().kill();
    replication.refuse();
    await beat.saw("publish-failed", { from });
    await client.call("REPLICAOF", "NO", "ONE");
    beat.link?.leadTo(replica.port);
    await beat.saw("marks-behind", { from, timeoutMs: 30_000 });
    await untilRuns(beat, 3);
    expect(twice(saidSent([beat]))).toEqual([]);
    expect(holes(saidSent([beat]))).toEqual([]);
    expect(twice(await queueOf(client))).toEqual([]);
  });

  it("restarts with all it had (appendonly): it is as if it had only been slow", async () => {
    await using stage = await stageOf(2, ["--appendonly", "yes", "--appendfsync", "always"]);
    const beat = stage.fleet.beat(0);
    const again = await stage.restart(beat);
    await beat.saw("publish-recovered", { timeoutMs: 30_000 });
    await untilRuns(beat, 3);
    const onQueue = await queueOf(again.client());
    expect(twice(onQueue)).toEqual([]);
    expect(holes(onQueue)).toEqual([]);
    expect(stage.fleet.beats.flatMap(({ log }) => log.of("marks-behind"))).toEqual([]);
  });
});
