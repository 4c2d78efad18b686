import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import { requireService } from "../helper/debian.ts";
import { startBeat, writeFiles } from "../helper/beat-process.ts";
import { startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const entryCount = 500;
const kills = 12;

/** Every entry is due on every second, and all that was missed is to be made up: whatever is not there was lost. */
function schedule(): string {
  const entries = Array.from(
    { length: entryCount },
    (_, index) => `  e${index}: {task: proj.t, schedule: "* * * * * *", args: [${index}], missed: all}`,
  );
  return `entries:\n${entries.join("\n")}\n`;
}

/** A small linear congruential generator: a failure can be run again from its seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Sent {
  readonly id: string;
  readonly entry: string;
  readonly scheduledAt: string;
}

async function killAgainAndAgain(folder: string, args: readonly string[], depth: () => Promise<number>): Promise<void> {
  const seed = Date.now() % 1_000_000;
  console.log(`seed ${seed}`);
  const next = random(seed);
  for (let round = 0; round < kills; round += 1) {
    const before = await depth();
    const beat = await startBeat(["-q", "-s", "beat-record", "-l", "WARNING", ...args], folder);
    await waitUntil(async () => (await depth()) > before, {
      what: "the first message",
      timeoutMs: 30_000,
      detail: beat.output,
    });
    await new Promise((resolve) => setTimeout(resolve, next() * 1500));
    await beat.stop("SIGKILL");
  }
  const beat = await startBeat(["-q", "-s", "beat-record", "-l", "WARNING", ...args], folder);
  const before = await depth();
  await waitUntil(async () => (await depth()) > before + entryCount, {
    what: "the last burst",
    timeoutMs: 30_000,
    detail: beat.output,
  });
  await beat.stop("SIGTERM");
  expect(beat.exitCode()).toBe(0);
}

function expectOnceEach(sent: readonly Sent[]): void {
  expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length);
  const byEntry = new Map<string, number[]>();
  for (const { entry, scheduledAt } of sent) {
    const seconds = Date.parse(scheduledAt) / 1000;
    byEntry.set(entry, [...(byEntry.get(entry) ?? []), seconds]);
  }
  expect(byEntry.size).toBe(entryCount);
  for (const seconds of byEntry.values()) {
    const first = seconds[0] as number;
    // In order and without a hole: every second from the first to the last, once.
    expect(seconds).toEqual(seconds.map((_, index) => first + index));
  }
  console.log(`${sent.length} messages, ${kills} kills: nothing twice, nothing missing`);
}

function sentOf(text: string): Sent {
  const { headers, id } = decodeMessage(text).envelope;
  return { id, entry: String(headers["periodic_task_name"]), scheduledAt: String(headers["scheduled_at"]) };
}

describe.skipIf(!requireService("redis"))("beat killed at random instants on Redis", () => {
  it("sends nothing twice and loses nothing", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/all.yaml": schedule() });
    const client = redis.client();
    await killAgainAndAgain(folder.path, ["-b", redis.url], () => client.llen("celery"));
    const texts = (await client.lrange("celery", 0, -1)).reverse();
    expectOnceEach(texts.map(sentOf));
  });
});

describe("beat killed at random instants on SQLite", () => {
  it("sends nothing twice and loses nothing", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/all.yaml": schedule() });
    const file = folder.file(".lovage/broker.sqlite");
    const read = <Result>(sql: string): Result[] => {
      const database = new Database(file, { readonly: true, fileMustExist: true });
      try {
        return database.prepare(sql).all() as Result[];
      } finally {
        database.close();
      }
    };
    const depth = async (): Promise<number> => {
      try {
        return read<{ count: number }>("SELECT count(*) AS count FROM message")[0]?.count ?? 0;
      } catch {
        return 0;
      }
    };
    await killAgainAndAgain(folder.path, [], depth);
    const rows = read<{ text: string }>("SELECT text FROM message ORDER BY id");
    expectOnceEach(rows.map(({ text }) => sentOf(text)));
  });
});
