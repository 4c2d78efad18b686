// `beat dst`: the coming clock changes of every zone in use, and what each does to which entries.
import { standing } from "../beat/standing.ts";
import { type Instant, systemClock } from "../clock.ts";
import { count } from "../log-words.ts";
import type { Entry } from "../schedule/entry.ts";
import { type Transition, zone } from "../schedule/zone.ts";
import { readTime, instantOf } from "../schedule/zone-time.ts";
import type { EntryState } from "../store/store.ts";
import { type ClockTimes, clockTimes, type DstEffect, dstEffect } from "./dst-effect.ts";
import { clockTime, effectText } from "./dst-text.ts";
import { findEntry } from "./find-entry.ts";
import { openProject } from "./open.ts";
import { localTime, table, utcTime } from "./print.ts";
import { type RecordOptions, readStates } from "./record.ts";

export interface DstOptions extends RecordOptions {
  readonly from?: string;
  readonly years: number;
  readonly json?: boolean;
}

/** The entries whose crontab goes by one zone's clock. */
interface ZoneGroup {
  readonly name: string;
  readonly entries: readonly Timed[];
  readonly changes: readonly Transition[];
}

interface Timed {
  readonly entry: Entry;
  readonly times: ClockTimes;
  readonly isPaused: boolean;
}

interface Touched extends Timed {
  readonly effect: DstEffect;
}

interface Report {
  readonly groups: readonly ZoneGroup[];
  /** Entries that know no clock, by what they are. */
  readonly others: ReadonlyMap<string, number>;
  readonly untilAt: Instant;
}

const yearMs = 365.25 * 24 * 3_600_000;

export async function dstCommand(names: readonly string[], options: DstOptions): Promise<number> {
  const { entries, app } = await openProject(options);
  const states = await readStates(options, app);
  const now = systemClock.now();
  const fromAt =
    options.from === undefined ? now : instantOf(readTime(options.from, "--from"), zone(app.conf.timezone));
  const report = gather(chosen(entries, names, { states, now }), states, { fromAt, years: options.years });
  process.stdout.write(options.json === true ? jsonLines(report) : text(report));
  return 0;
}

/** Those that were named; else all that still run. */
function chosen(
  entries: readonly Entry[],
  names: readonly string[],
  { states, now }: { readonly states: ReadonlyMap<string, EntryState>; readonly now: Instant },
): readonly Entry[] {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  if (names.length > 0) return [...new Set(names)].map((name) => findEntry(byName, name));
  return entries.filter((entry) => entry.enabled && standing(entry, states.get(entry.name), now).runsLeft > 0);
}

function gather(
  entries: readonly Entry[],
  states: ReadonlyMap<string, EntryState>,
  { fromAt, years }: { readonly fromAt: Instant; readonly years: number },
): Report {
  const byZone = new Map<string, Timed[]>();
  const others = new Map<string, number>();
  for (const entry of entries) {
    const times = clockTimes(entry.schedule);
    if (times === null) {
      const kind = kindOf(entry);
      others.set(kind, (others.get(kind) ?? 0) + 1);
      continue;
    }
    const isPaused = (states.get(entry.name)?.paused ?? null) !== null;
    const group = byZone.get(times.zone.name) ?? [];
    group.push({ entry, times, isPaused });
    byZone.set(times.zone.name, group);
  }
  const untilAt = fromAt + years * yearMs;
  const groups = [...byZone].map(([name, timed]) => ({
    name,
    entries: timed,
    changes: changesOf(name, fromAt, untilAt),
  }));
  return { groups, others, untilAt };
}

function changesOf(name: string, fromAt: Instant, untilAt: Instant): readonly Transition[] {
  const place = zone(name);
  const changes: Transition[] = [];
  let change = place.nextTransition(fromAt - 1, untilAt - fromAt);
  while (change !== null && change.at <= untilAt) {
    changes.push(change);
    change = place.nextTransition(change.at, untilAt - change.at);
  }
  return changes;
}

/** The one kind that goes by the clock without labels on it. */
const relative = "relative interval";

const kinds: ReadonlyMap<string, string> = new Map([
  ["interval", "interval"],
  ["solar", "solar schedule"],
  ["clocked", "one-off"],
]);

function kindOf({ schedule }: Entry): string {
  const json = schedule.toJSON();
  const { kind, ...rest } = (json.kind === "limited" ? json["schedule"] : json) as { kind: string; relative?: unknown };
  if (kind === "interval" && rest.relative === true) return relative;
  return kinds.get(kind) ?? "schedule of your own";
}

/** By time, over all zones. */
function changesInOrder({ groups }: Report): readonly { readonly group: ZoneGroup; readonly change: Transition }[] {
  return groups
    .flatMap((group) => group.changes.map((change) => ({ group, change })))
    .sort((left, right) => left.change.at - right.change.at || (left.group.name < right.group.name ? -1 : 1));
}

function touchedBy(change: Transition, { entries }: ZoneGroup): readonly Touched[] {
  return entries.flatMap((timed) => {
    const effect = dstEffect(timed.entry.schedule, timed.times, change);
    return effect === null ? [] : [{ ...timed, effect }];
  });
}

function text(report: Report): string {
  const parts = changesInOrder(report).map(({ group, change }) => changeText(group, change));
  return [...parts, closing(report)].filter((part) => part !== "").join("\n");
}

function changeText(group: ZoneGroup, change: Transition): string {
  const { at, beforeMs, afterMs } = change;
  const touched = touchedBy(change, group);
  const clock = `from ${clockTime(at + beforeMs)} ${afterMs > beforeMs ? "forward" : "back"} to ${clockTime(at + afterMs)}`;
  const head = `${localTime(at - 1, group.name).slice(0, 14)}  ${group.name}: the clock goes ${clock} (${utcTime(at)})\n`;
  const rows = touched.map(({ entry, times, effect, isPaused }) => [
    `  ${entry.name}`,
    entry.schedule.describe(),
    `${effectText(effect, times.zone)}${isPaused ? " (paused)" : ""}`,
  ]);
  const calm = group.entries.length - touched.length;
  const rest = calm === 0 ? "" : `  ${touched.length === 0 ? "" : "besides, "}${entriesKeep(calm)}\n`;
  return `${head}${table(rows)}${rest}`;
}

function entriesKeep(number: number): string {
  return `${count(number, "entry")} ${number === 1 ? "keeps its" : "keep their"} time on the clock`;
}

function closing({ groups, others, untilAt }: Report): string {
  const calm = groups.filter(({ changes }) => changes.length === 0);
  const zones = calm.map(({ name, entries }) => `${name} (${count(entries.length, "entry")})`).join(", ");
  const unmoved = [...others].filter(([kind]) => kind !== relative);
  const known = unmoved.map(([kind, number]) => countOf(number, kind)).join(", ");
  const rounded = others.get(relative) ?? 0;
  const until = new Date(untilAt).toISOString().slice(0, 10);
  const lines = [
    calm.length === 0 ? "" : `no clock change until ${until}: ${zones}\n`,
    rounded === 0
      ? ""
      : `rounded to the clock's days or hours, before a change and after it: ${count(rounded, relative)}\n`,
    known === "" ? "" : `not touched by any clock change: ${known}\n`,
    groups.length + others.size === 0 ? "no entries\n" : "",
  ];
  return lines.join("");
}

function countOf(number: number, kind: string): string {
  const [head = "", ...tail] = kind.split(" of ");
  return [count(number, head), ...tail].join(" of ");
}

function jsonLines(report: Report): string {
  const lines = changesInOrder(report).flatMap(({ group, change }) => {
    const { at, beforeMs, afterMs } = change;
    const clock = {
      zone: group.name,
      change_at: utcTime(at),
      from: clockTime(at + beforeMs),
      to: clockTime(at + afterMs),
    };
    return touchedBy(change, group).map(({ entry, effect, times, isPaused }) => ({
      ...clock,
      entry: entry.name,
      task: entry.task,
      paused: isPaused,
      kind: effect.kind,
      labels: effect.labels.map(clockTime),
      count: effect.count,
      outcome: effect.outcome,
      runs_at: effect.runsAt.map(utcTime),
      text: effectText(effect, times.zone),
    }));
  });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}
