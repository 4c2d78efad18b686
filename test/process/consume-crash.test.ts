// Consumers killed while they work: whatever they had in hand finds its way to another, and nothing is lost.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { RedisBroker } from "../../src/broker/redis/redis-broker.ts";
import { requireService } from "../helper/debian.ts";
import { envelopeOf, idOf } from "../helper/envelope.ts";
import { startRedis } from "../helper/redis.ts";
import { type RunningProgram, startProgram } from "../helper/service.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const kills = 12;
const perRound = 400;
const child = fileURLToPath(new URL("consume-child.ts", import.meta.url));

interface Note {
  readonly pid: number;
  readonly what: string;
  readonly id: string;
}

function notesIn(file: string): readonly Note[] {
  if (!existsSync(file)) return [];
  // A child that was killed may have left half a line.
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => {
    const [pid = "", what = "", id = ""] = line.split(" ");
    return { pid: Number(pid), what, id };
  });
}

/** What each process had been given and had not settled by its own account. */
function inHandAtTheEnd(notes: readonly Note[]): ReadonlySet<string> {
  const open = new Map<string, Note>();
  for (const note of notes) {
    const key = `${note.pid} ${note.id}`;
    if (note.what === "got") open.set(key, note);
    else open.delete(key);
  }
  return new Set([...open.values()].map(({ id }) => id));
}

describe.skipIf(!requireService("redis"))("consumers killed at random instants on Redis", () => {
  it("lose nothing, and repeat only what was in hand when one was killed", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    const file = folder.file("notes");
    const broker = new RedisBroker(redis.url, { emit: () => undefined, transport: {} });
    const start = async (): Promise<RunningProgram> => {
      const program = await startProgram(process.execPath, ["--import", "tsx", child, redis.url, file]);
      await waitUntil(() => notesIn(file).some(({ pid, what }) => pid === program.pid && what === "ready"), {
        what: "a consumer",
        timeoutMs: 30_000,
        detail: program.output,
      });
      return program;
    };
    const programs = [await start(), await start()];
    const names: string[] = [];
    for (let round = 0; round < kills; round += 1) {
      const batch = Array.from({ length: perRound }, (_, index) => `${round}-${index}`);
      names.push(...batch);
      await broker.publish(batch.map((name, index) => envelopeOf(name, { priority: index % 7 })));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
      const victim = programs.shift();
      await victim?.stop("SIGKILL");
      programs.push(await start());
    }
    const settled = (): boolean => {
      const done = new Set(notesIn(file).flatMap(({ what, id }) => (what === "done" ? [id] : [])));
      const open = inHandAtTheEnd(notesIn(file));
      return names.every((name) => done.has(idOf(name)) || open.has(idOf(name)));
    };
    const client = redis.client();
    await waitUntil(async () => settled() && (await client.hlen("unacked")) + (await broker.depth("celery")) === 0, {
      what: "all messages to be acknowledged",
      timeoutMs: 60_000,
    });
    await Promise.all(programs.map((program) => program.stop("SIGTERM")));
    expect(programs.map((program) => program.exitCode())).toEqual([0, 0]);

    const notes = notesIn(file);
    const got = notes.flatMap(({ what, id }) => (what === "got" ? [id] : []));
    expect(new Set(got)).toEqual(new Set(names.map(idOf)));
    expect(await broker.depth("celery")).toBe(0);
    expect(await client.zcard("unacked_index")).toBe(0);
    expect(await client.zcard("lovage:consumers")).toBe(0);
    expect(notes.filter(({ what }) => what === "lost" || what === "unreadable")).toEqual([]);
    // Each may come once more for each time that it was returned, or was in hand when its consumer was killed.
    const returned = notes.flatMap(({ what, id }) => (what === "returned" ? [id] : []));
    const inHand = inHandAtTheEnd(notes);
    const counts = new Map<string, number>();
    for (const id of got) counts.set(id, (counts.get(id) ?? 0) + 1);
    const repeated = [...counts].filter(([id, count]) => count > 1 + returned.filter((one) => one === id).length);
    expect(repeated.filter(([id]) => !inHand.has(id))).toEqual([]);
    console.log(`${names.length} messages, ${kills} kills: ${repeated.length} came again, ${inHand.size} were in hand`);
    await broker.close();
  });
});
