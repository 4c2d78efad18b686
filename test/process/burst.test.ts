import { copyFile, mkdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { requireService } from "../helper/debian.ts";
import { gatherFleet } from "../helper/fleet.ts";
import { byEntry, sentOnRedis } from "../helper/fleet-messages.ts";
import { startBeat, writeFiles } from "../helper/beat-process.ts";
import { startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";
import { randomFrom } from "../chaos/random.ts";

const burst = 20_000;
const kills = 5;
const everyMs = 5000;

function scheduleOf(count: number): string {
  const entries = Array.from(
    { length: count },
    (_, index) => `  e${index}: {task: proj.t, schedule: "*/5 * * * * *", args: [${index}], missed: all}`,
  );
  return `entries:\n${entries.join("\n")}\n`;
}

/** Where an entry's runs are not each grid time from its first on, once and in order. */
function faultsOf(times: readonly (readonly [string, readonly number[]])[]): readonly string[] {
  return times.flatMap(([entry, all]) =>
    all.flatMap((at, index) => {
      const expectedAt = (all[0] ?? 0) + index * everyMs;
      return at === expectedAt
        ? []
        : [`${entry} ${new Date(at).toISOString()} for ${new Date(expectedAt).toISOString()}`];
    }),
  );
}

describe.skipIf(!requireService("redis"))("a burst of many thousand", () => {
  it("is sent once, whenever in it beat is killed and started again", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/all.yaml": scheduleOf(burst) });
    const client = redis.client();
    const depth = (): Promise<number> => client.llen("celery");
    const start = () => startBeat(["-q", "-s", "beat-record", "-l", "WARNING", "-b", redis.url], folder.path);
    const grown = async (beyond: number, detail: () => string): Promise<void> => {
      const what = `more than ${beyond} messages`;
      await waitUntil(async () => (await depth()) > beyond, { what, timeoutMs: 40_000, everyMs: 2, detail });
    };
    const seed = Date.now() % 1_000_000;
    const random = randomFrom(seed);
    let inTheMiddle = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      const before = await depth();
      const beat = await start();
      await grown(before + random.between(0, burst - 1000), beat.output);
      await beat.stop("SIGKILL");
      if ((await depth()) % burst !== 0) inTheMiddle += 1;
    }
    const before = await depth();
    const beat = await start();
    await grown(Math.ceil(before / burst) * burst + burst, beat.output);
    await beat.stop("SIGTERM");
    const times = byEntry(await sentOnRedis(client));
    console.log(`${await depth()} messages, ${inTheMiddle} of ${kills} kills in the middle of a burst, seed ${seed}`);
    expect(times.size).toBe(burst);
    expect(faultsOf([...times]).slice(0, 20), `seed ${seed}`).toEqual([]);
    expect(inTheMiddle).toBeGreaterThan(0);
  });

  it("in which Redis comes back with older data is sent once, by what beat says", async () => {
    await using folder = temporaryFolder();
    const dir = folder.file("redis");
    await mkdir(dir);
    const first = await startRedis({ dir });
    const schedules = { "all.yaml": scheduleOf(4000) };
    await using fleet = await gatherFleet({
      folder: folder.path,
      scope: "proj",
      size: 1,
      schedules,
      broker: first.port,
    });
    await fleet.startAll();
    const beat = fleet.beat(0);
    const said = () =>
      beat.log.of("occurrence-sent").map(({ entry, dueAt }) => [String(entry), Date.parse(String(dueAt))] as const);
    const client = first.client();
    await waitUntil(async () => (await client.llen("celery")) >= 4000, { what: "the first burst", timeoutMs: 30_000 });
    await client.save();
    await copyFile(`${dir}/dump.rdb`, folder.file("old.rdb"));
    await waitUntil(async () => (await client.llen("celery")) >= 9000, {
      what: "the third burst",
      timeoutMs: 30_000,
      everyMs: 1,
    });
    await first.kill();
    await beat.saw("publish-failed", { timeoutMs: 30_000 });
    await copyFile(folder.file("old.rdb"), `${dir}/dump.rdb`);
    await using again = await startRedis({ dir, port: first.port });
    await beat.saw("marks-behind", { timeoutMs: 30_000 });
    const before = said().length;
    await waitUntil(() => said().length >= before + 8000, { what: "bursts to go on", timeoutMs: 40_000, everyMs: 200 });
    await beat.end("SIGTERM");
    const times = new Map<string, number[]>();
    for (const [entry, at] of said()) times.set(entry, [...(times.get(entry) ?? []), at]);
    expect(times.size).toBe(4000);
    expect(faultsOf([...times]).slice(0, 20)).toEqual([]);
    for (const [entry, all] of byEntry(await sentOnRedis(again.client())))
      expect(new Set(all).size, entry).toBe(all.length);
  });
});
