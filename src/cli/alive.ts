// A small file beside the beat-record that says when beat last looked at the clock: what `beat status` and container health
// checks read. A process that hangs stops writing it, which no pidfile could tell.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Beat } from "../beat/beat.ts";
import { type Instant, systemClock } from "../clock.ts";
import type { EventStream } from "../event.ts";

export interface Alive {
  readonly pid: number;
  readonly host: string;
  /** When beat last looked at the clock. */
  readonly lookedAt: Instant;
  readonly leads: boolean;
  readonly unsent: number;
  readonly entries: number;
}

const aliveEveryMs = 2000;

/** Writes, at once where leading begins or ends, until the returned function is called; that also removes the file. */
export function keepAlive(record: string, beat: Beat, events: EventStream): () => void {
  // What is no file has no place beside it, and a record that several beats share says nothing of one of them.
  if (record === ":memory:" || record.includes("://")) return () => undefined;
  const path = alivePath(record);
  const write = (): void => {
    try {
      const alive: Alive = { pid: process.pid, host: hostname(), ...beat.condition(systemClock.now()) };
      writeFileSync(`${path}.new`, JSON.stringify(alive));
      renameSync(`${path}.new`, path);
    } catch {
      // A full disk: the file grows old, and says so by its age.
    }
  };
  write();
  const timer = setInterval(write, aliveEveryMs);
  const unsubscribe = events.subscribe((event) => {
    if (event.type === "beat-started" || event.type === "beat-lost-lease") write();
  });
  return () => {
    clearInterval(timer);
    unsubscribe();
    rmSync(path, { force: true });
  };
}

/** What the beat on this record last said of itself; null where none runs or ran. */
export function readAlive(record: string): Alive | null {
  try {
    return JSON.parse(readFileSync(alivePath(record), "utf8")) as Alive;
  } catch {
    return null;
  }
}

function alivePath(record: string): string {
  return `${record}-alive`;
}
