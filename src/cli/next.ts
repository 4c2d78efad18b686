// `beat next`: what will run and when, worked out from the same schedules that beat runs.
import { DateTime } from "luxon";
import { Heap } from "../beat/heap.ts";
import { standing } from "../beat/standing.ts";
import { type Instant, systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Entry } from "../schedule/entry.ts";
import { jitterFor } from "../schedule/jitter.ts";
import type { Schedule } from "../schedule/schedule.ts";
import type { EntryState } from "../store/store.ts";
import { dstNote } from "./dst-note.ts";
import { findEntry } from "./find-entry.ts";
import { openProject } from "./open.ts";
import { localTime, table, utcTime } from "./print.ts";
import { type RecordOptions, readStates } from "./record.ts";

export interface NextOptions extends RecordOptions {
  readonly count: number;
  readonly from?: string;
  readonly json?: boolean;
}

interface Line {
  readonly entry: Entry;
  readonly dueAt: Instant;
  readonly sendAt: Instant;
  readonly note: string | null;
}

interface Walker {
  readonly entry: Entry;
  readonly schedule: Schedule;
  left: number;
}

export async function nextCommand(names: readonly string[], options: NextOptions): Promise<number> {
  const { entries, app } = await openProject(options);
  const states = await readStates(options, app);
  const chosen = choose(entries, names, states);
  const now = systemClock.now();
  // Without --from: what is still to come; with it: from that instant on, including it.
  const after = options.from === undefined ? now : parseTime(options.from, app.conf.timezone) - 1;
  const lines = upcoming(
    chosen.map((entry) => walker(entry, states.get(entry.name), now)),
    after,
    options.count,
  );
  process.stdout.write(options.json === true ? jsonLines(lines) : text(lines));
  return 0;
}

/** Paused entries do not run, but may be asked for by name. */
function choose(
  entries: readonly Entry[],
  names: readonly string[],
  states: ReadonlyMap<string, EntryState>,
): readonly Entry[] {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  if (names.length > 0) return names.map((name) => findEntry(byName, name));
  return entries.filter((entry) => entry.enabled && (states.get(entry.name)?.paused ?? null) === null);
}

function parseTime(text: string, zone: string): Instant {
  const time = DateTime.fromISO(text, { zone });
  if (time.isValid) return time.toMillis();
  const hint = "write ISO 8601, for example 2026-11-21T07:30 or 2026-11-21T07:30:00Z";
  throw new LovageError("usage", `--from ${text} is not a time`, { hint });
}

function walker(entry: Entry, state: EntryState | undefined, now: Instant): Walker {
  const { schedule, runsLeft } = standing(entry, state, now);
  return { entry, schedule, left: runsLeft };
}

function upcoming(walkers: readonly Walker[], after: Instant, count: number): readonly Line[] {
  const heap = new Heap<Walker>();
  const advance = (walker: Walker, after: Instant): void => {
    const at = walker.left > 0 ? walker.schedule.next(after) : null;
    walker.left -= 1;
    if (at !== null) heap.push(at, walker);
  };
  for (const walker of walkers) advance(walker, after);
  const lines: Line[] = [];
  while (lines.length < count && heap.size > 0) {
    const dueAt = heap.firstKey;
    const walker = heap.pop() as Walker;
    lines.push(line(walker, dueAt));
    advance(walker, dueAt);
  }
  return lines;
}

function line({ entry, schedule }: Walker, dueAt: Instant): Line {
  const { name, jitterMs, timezone } = entry;
  const jitter = jitterMs === 0 ? 0 : jitterFor(name, dueAt, jitterMs, schedule.next(dueAt));
  return { entry, dueAt, sendAt: dueAt + jitter, note: dstNote(schedule, dueAt, timezone) };
}

function jsonLines(lines: readonly Line[]): string {
  return lines
    .map(({ entry, dueAt, sendAt, note }) => {
      const { name, task, timezone } = entry;
      const local = DateTime.fromMillis(dueAt, { zone: timezone }).toISO();
      const times = { due_at: new Date(dueAt).toISOString(), send_at: new Date(sendAt).toISOString(), local };
      return `${JSON.stringify({ entry: name, task, ...times, timezone, dst: note })}\n`;
    })
    .join("");
}

function text(lines: readonly Line[]): string {
  if (lines.length === 0) return "nothing will run\n";
  const rows = lines.map(({ entry, dueAt, sendAt, note }) => {
    const jitter = sendAt === dueAt ? [] : [`sent ${((sendAt - dueAt) / 1000).toFixed(1)} s later (jitter)`];
    const notes = [...jitter, ...(note === null ? [] : [note])].join("; ");
    return [localTime(dueAt, entry.timezone), entry.timezone, utcTime(dueAt), entry.name, entry.task, notes];
  });
  return table([["LOCAL", "ZONE", "UTC", "ENTRY", "TASK", ""], ...rows]);
}
