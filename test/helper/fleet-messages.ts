// What beats have put on a queue, and whether it is every occurrence once.
import Database from "better-sqlite3";
import type { Redis } from "ioredis";
import { decodeMessage } from "../../src/protocol/kombu.ts";

export interface Sent {
  readonly id: string;
  readonly entry: string;
  /** The nominal time. */
  readonly dueAt: number;
  readonly occasion: string;
}

/** All of a queue, oldest first. */
export async function sentOnRedis(client: Redis, queue = "celery"): Promise<readonly Sent[]> {
  return (await client.lrange(queue, 0, -1)).reverse().map(sentOf);
}

/** All messages of a broker file, oldest first. */
export function sentOnSqlite(path: string): readonly Sent[] {
  const database = new Database(path, { readonly: true, fileMustExist: true });
  try {
    const rows = database.prepare("SELECT text FROM message ORDER BY id").all() as { readonly text: string }[];
    return rows.map(({ text }) => sentOf(text));
  } finally {
    database.close();
  }
}

export function byEntry(sent: readonly Sent[]): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const { entry, dueAt } of sent) {
    const times = found.get(entry);
    if (times === undefined) found.set(entry, [dueAt]);
    else times.push(dueAt);
  }
  return found;
}

/** For entries due every second: what is there twice, and which seconds between first and last are not there at all. */
export function faultsOfSeconds(sent: readonly Sent[]): { doubled: string[]; lost: string[]; disordered: string[] } {
  const faults = { doubled: [] as string[], lost: [] as string[], disordered: [] as string[] };
  for (const [entry, times] of byEntry(sent)) {
    const say = (at: number): string => `${entry} ${new Date(at).toISOString()}`;
    const unique = new Set(times);
    faults.doubled.push(...times.filter((at, index) => times.indexOf(at) !== index).map(say));
    faults.disordered.push(...times.filter((at, index) => at < (times[index - 1] ?? 0)).map(say));
    for (let at = Math.min(...times); at < Math.max(...times); at += 1000) {
      if (!unique.has(at)) faults.lost.push(say(at));
    }
  }
  return faults;
}

function sentOf(text: string): Sent {
  const { headers, id } = decodeMessage(text).envelope;
  const { periodic_task_name: entry, scheduled_at: at, occurrence } = headers;
  return { id, entry: String(entry), dueAt: Date.parse(String(at)), occasion: String(occurrence) };
}
