// A small file beside the beat-record that says by its own time when beat last looked at the clock: what `beat status` and
// container health checks read. A process that hangs stops touching it, which no pidfile could tell.
import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Beat } from "../beat/beat.ts";
import { type Instant, systemClock, untilRoundMs } from "../clock.ts";
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

/** As often as beat looks at the clock. */
const aliveEveryMs = 5000;

/** Writes, at once where leading begins or ends, until the returned function is called; that also removes the file. */
export function keepAlive(record: string, beat: Beat, events: EventStream): () => void {
  // What is no file has no place beside it, and a record that several beats share says nothing of one of them.
  if (record === ":memory:" || record.includes("://")) return () => undefined;
  const path = alivePath(record);
  let written = "";
  const write = (): void => {
    try {
      const { lookedAt, ...rest } = beat.condition(systemClock.now());
      const text = JSON.stringify({ pid: process.pid, host: hostname(), ...rest });
      if (text !== written || !isThere(path)) replace(path, text);
      written = text;
      utimesSync(path, lookedAt / 1000, lookedAt / 1000);
    } catch {
      // A full disk: the file grows old, and says so by its age.
    }
  };
  const stopping = new AbortController();
  const writeInRounds = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      write();
      await systemClock.sleep(untilRoundMs(systemClock, aliveEveryMs), stopping.signal);
    }
  };
  void writeInRounds();
  const unsubscribe = events.subscribe((event) => {
    if (event.type === "beat-started" || event.type === "beat-lost-lease") write();
  });
  return () => {
    stopping.abort();
    unsubscribe();
    rmSync(path, { force: true });
  };
}

/** What the beat on this record last said of itself; null where none runs or ran. */
export function readAlive(record: string): Alive | null {
  try {
    const path = alivePath(record);
    const lookedAt = Math.round(statSync(path).mtimeMs);
    return { ...(JSON.parse(readFileSync(path, "utf8")) as Omit<Alive, "lookedAt">), lookedAt };
  } catch {
    return null;
  }
}

/** As a whole, for somebody may be reading it. This costs a millisecond and more, so it is not done for the time alone. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function alivePath(record: string): string {
  return `${record}-alive`;
}
