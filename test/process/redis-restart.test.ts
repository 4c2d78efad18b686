import { copyFile, mkdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { requireService } from "../helper/debian.ts";
import { type FleetBeat, gatherFleet } from "../helper/fleet.ts";
import { startLink } from "../helper/fleet-link.ts";
import { byEntry, sentOnRedis } from "../helper/fleet-messages.ts";
import { startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const names = Array.from({ length: 10 }, (_, index) => `e${index}`);
const entries = names.map((name) => `  ${name}: {task: proj.t, schedule: "* * * * * *", missed: all}`).join("\n");
const schedules = { "all.yaml": `entries:\n${entries}\n` };

/** Every run that any of the beats has put on the queue, by what they say: Redis itself has forgotten. */
function saidSent(beats: readonly FleetBeat[]): readonly string[] {
  return beats.flatMap((beat) => beat.log.of("occurrence-sent")).map(({ entry, dueAt }) => `${entry} ${dueAt}`);
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

describe.skipIf(!requireService("redis")).concurrent("a Redis that loses what it knew", () => {
  it("restarts empty: the beat that leads writes its marks again, says so, and sends nothing twice and loses no run", async () => {
    await using folder = temporaryFolder();
    await using redis = await startRedis();
    await using fleet = await gatherFleet({
      folder: folder.path,
      scope: "proj",
      size: 1,
      schedules,
      broker: redis.port,
    });
    const beat = fleet.beat(0);
    await fleet.startAll();
    await untilRuns(beat, 3);
    await redis.kill();
    await beat.saw("publish-failed");
    await using empty = await startRedis({ port: redis.port });
    await beat.saw("publish-recovered", { timeoutMs: 30_000 });
    await untilRuns(beat, 3);
    const { scope, entries: behind } = await beat.saw("marks-behind");
    expect({ scope, behind }).toEqual({ scope: "proj", behind: names.length });
    expect(twice(saidSent([beat]))).toEqual([]);
    expect(holes(saidSent([beat]))).toEqual([]);
    expect(await empty.client().hlen("lovage:proj:marks")).toBe(names.length);
  });

  it("restarts empty with a standby: whoever leads then, nothing is sent twice", async () => {
    await using folder = temporaryFolder();
    await using redis = await startRedis();
    await using fleet = await gatherFleet({
      folder: folder.path,
      scope: "proj",
      size: 2,
      schedules,
      broker: redis.port,
    });
    await fleet.startAll();
    await untilRuns(fleet.beat(0), 3);
    await redis.kill();
    await fleet.beat(0).saw("publish-failed");
    await using _empty = await startRedis({ port: redis.port });
    const leader = await waitUntil(
      () => fleet.beats.find((beat) => beat.log.of("beat-started").length > (beat === fleet.beat(0) ? 1 : 0)),
      { what: "a beat to lead again", timeoutMs: 40_000 },
    );
    await untilRuns(leader, 3);
    expect(twice(saidSent(fleet.beats))).toEqual([]);
  });

  it("restarts empty while a beat stands by that led before: it does not send again what another has sent since", async () => {
    await using folder = temporaryFolder();
    await using redis = await startRedis();
    await using fleet = await gatherFleet({
      folder: folder.path,
      scope: "proj",
      size: 2,
      schedules,
      broker: redis.port,
    });
    const [first, second] = [fleet.beat(0), fleet.beat(1)];
    await fleet.startAll();
    await untilRuns(first, 3);
    await first.end("SIGTERM");
    await untilRuns(second, 5);
    const from = first.log.events().length;
    await first.start();
    await first.saw("beat-standby", { from });
    await redis.kill();
    await second.saw("publish-failed");
    await using _empty = await startRedis({ port: redis.port });
    await Promise.any([
      second.saw("beat-started", { from: second.log.events().length, timeoutMs: 40_000 }),
      first.saw("beat-started", { from, timeoutMs: 40_000 }),
    ]);
    const [leader] = fleet.leaders;
    if (leader !== undefined) await untilRuns(leader, 3);
    const doubled = twice(saidSent(fleet.beats));
    const said = fleet.beats.some((beat) => beat.log.of("marks-behind").length > 0);
    expect({ doubled, isSilent: doubled.length > 0 && !said }).toEqual({ doubled: [], isSilent: false });
  });

  it("comes back with old data: the beat that leads takes a new term, sets the marks right and says so; nothing twice", async () => {
    await using folder = temporaryFolder();
    const dir = folder.file("redis");
    await mkdir(dir);
    await using redis = await startRedis({ dir });
    await using fleet = await gatherFleet({
      folder: folder.path,
      scope: "proj",
      size: 1,
      schedules,
      broker: redis.port,
    });
    const beat = fleet.beat(0);
    await fleet.startAll();
    await untilRuns(beat, 2);
    await redis.client().save();
    await copyFile(`${dir}/dump.rdb`, folder.file("old.rdb"));
    await untilRuns(beat, 5);
    await redis.kill();
    await copyFile(folder.file("old.rdb"), `${dir}/dump.rdb`);
    await beat.saw("publish-failed");
    await using old = await startRedis({ dir, port: redis.port });
    await beat.saw("publish-recovered", { timeoutMs: 40_000 });
    await untilRuns(beat, 3);
    await beat.saw("marks-behind");
    expect(twice(saidSent([beat]))).toEqual([]);
    expect(holes(saidSent([beat]))).toEqual([]);
    // What the copy did not know is gone from the queue: it was sent, and is not sent again.
    const onQueue = (await sentOnRedis(old.client())).map(
      ({ entry, dueAt }) => `${entry} ${new Date(dueAt).toISOString()}`,
    );
    expect(twice(onQueue)).toEqual([]);
    expect(onQueue.length).toBeLessThan(saidSent([beat]).length);
  });

  it("fails over to a replica that lags: the beat that leads goes on, and no message is on the queue twice", async () => {
    await using folder = temporaryFolder();
    await using master = await startRedis();
    await using replication = await startLink(master.port);
    await using replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(replication.port)] });
    await using fleet = await gatherFleet({
      folder: folder.path,
      scope: "proj",
      size: 1,
      schedules,
      broker: master.port,
    });
    const beat = fleet.beat(0);
    const client = replica.client();
    await waitUntil(async () => (await client.info("replication")).includes("master_link_status:up"), {
      what: "the replica to follow",
    });
    await fleet.startAll();
    await untilRuns(beat, 3);
    replication.stall();
    await untilRuns(beat, 4);
    await master.kill();
    replication.refuse();
    await beat.saw("publish-failed");
    await client.call("REPLICAOF", "NO", "ONE");
    beat.link?.leadTo(replica.port);
    await beat.saw("publish-recovered", { timeoutMs: 40_000 });
    await untilRuns(beat, 3);
    await beat.saw("marks-behind");
    expect(twice(saidSent([beat]))).toEqual([]);
    expect(holes(saidSent([beat]))).toEqual([]);
    const onQueue = (await sentOnRedis(client)).map(({ entry, dueAt }) => `${entry} ${dueAt}`);
    expect(twice(onQueue)).toEqual([]);
  });

  it("restarts with all it had (appendonly): it is as if it had only been slow", async () => {
    await using folder = temporaryFolder();
    const dir = folder.file("redis");
    await mkdir(dir);
    const args = ["--appendonly", "yes", "--appendfsync", "always"];
    await using redis = await startRedis({ dir, args });
    await using fleet = await gatherFleet({
      folder: folder.path,
      scope: "proj",
      size: 2,
      schedules,
      broker: redis.port,
    });
    await fleet.startAll();
    const beat = fleet.beat(0);
    await untilRuns(beat, 3);
    await redis.kill();
    await beat.saw("publish-failed");
    await using again = await startRedis({ dir, args, port: redis.port });
    await beat.saw("publish-recovered", { timeoutMs: 30_000 });
    await untilRuns(beat, 3);
    const onQueue = (await sentOnRedis(again.client())).map(
      ({ entry, dueAt }) => `${entry} ${new Date(dueAt).toISOString()}`,
    );
    expect(twice(onQueue)).toEqual([]);
    expect(holes(onQueue)).toEqual([]);
    expect(fleet.beats.flatMap(({ log }) => log.of("marks-behind"))).toEqual([]);
  });
});
