// Counts what was sent against the schedule. Pure: messages and logs in, figures and faults out.
import type { LogEvent } from "../helper/fleet-log.ts";
import { byEntry, type Sent } from "../helper/fleet-messages.ts";
import { type ChaosEntry, gridOf, longestSpanMs, shortestMs } from "./entries.ts";

export interface Evidence {
  readonly entries: readonly ChaosEntry[];
  /** In the order in which they came to the queue. */
  readonly sent: readonly Sent[];
  /** By beat. */
  readonly logs: ReadonlyMap<string, readonly LogEvent[]>;
  /** Up to here, by the true time, every entry should have gone on. */
  readonly untilAt: number;
}

export interface Findings {
  /** One for each occurrence that is on the queue twice, in any order of times. */
  readonly doubled: readonly string[];
  readonly lost: readonly string[];
  readonly unexplained: readonly string[];
  readonly disordered: readonly string[];
  /** Not on its entry's grid, or closer to the one before than any interval is long. */
  readonly offGrid: readonly string[];
  /** Entries that had not gone on at the end. */
  readonly stuck: readonly string[];
  /** What no beat should ever say. */
  readonly alarms: readonly string[];
  readonly dropped: number;
  readonly duplicatesRefused: number;
  readonly terms: number;
  readonly handovers: number;
}

export function audit({ entries, sent, logs, untilAt }: Evidence): Findings {
  const times = byEntry(sent);
  const spans = droppedSpans(logs);
  const each = entries.map((entry) => {
    const found = times.get(entry.name) ?? [];
    return judge({ entry, times: found, spans: spans.get(entry.name) ?? [], untilAt });
  });
  const lines = [...logs].flatMap(([beat, events]) => events.map((line) => ({ beat, line })));
  return {
    doubled: each.flatMap(({ doubled }) => doubled),
    lost: each.flatMap(({ lost }) => lost),
    unexplained: each.flatMap(({ unexplained }) => unexplained),
    disordered: each.flatMap(({ disordered }) => disordered),
    offGrid: each.flatMap(({ offGrid }) => offGrid),
    stuck: each.flatMap(({ stuck }) => stuck),
    alarms: lines.filter(({ line }) => isAlarming(line)).map(({ beat, line }) => `${beat}: ${JSON.stringify(line)}`),
    dropped: each.reduce((sum, { dropped }) => sum + dropped, 0),
    duplicatesRefused: lines.filter(({ line }) => line.event === "occurrence-duplicate").length,
    ...reigns(lines),
  };
}

export function faultsOf(findings: Findings): readonly string[] {
  const { doubled, lost, unexplained, disordered, offGrid, stuck, alarms } = findings;
  return Object.entries({ doubled, lost, unexplained, disordered, offGrid, stuck, alarms }).flatMap(([kind, faults]) =>
    faults.map((fault) => `${kind}: ${fault}`),
  );
}

interface Span {
  readonly fromAt: number;
  readonly toAt: number;
}

interface Course {
  readonly entry: ChaosEntry;
  readonly times: readonly number[];
  readonly spans: readonly Span[];
  readonly untilAt: number;
}

function judge(course: Course) {
  const { entry, times, untilAt } = course;
  const say = (at: number): string => `${entry.name} ${new Date(at).toISOString()}`;
  const seen = new Set<number>();
  const doubled = times.filter((at) => seen.size === seen.add(at).size).map(say);
  const disordered = times.filter((at, index) => at < (times[index - 1] ?? at)).map(say);
  const last = Math.max(...times);
  const isStuck = times.length === 0 || last < untilAt - longestSpanMs(entry);
  const stuck = isStuck
    ? [`${entry.name}, last sent ${times.length === 0 ? "never" : new Date(last).toISOString()}`]
    : [];
  return {
    doubled,
    disordered,
    stuck,
    ...judgeGrid(
      course,
      [...seen].sort((left, right) => left - right),
      say,
    ),
  };
}

function judgeGrid({ entry, spans }: Course, ordered: readonly number[], say: (at: number) => string) {
  if (entry.mayLack === "edited") {
    const isClose = (at: number, index: number): boolean => index > 0 && at - (ordered[index - 1] ?? 0) < shortestMs;
    return { offGrid: ordered.filter(isClose).map(say), lost: [], unexplained: [], dropped: 0 };
  }
  const { missing, offGrid } = compare(entry, ordered);
  const isExplained = (at: number): boolean => spans.some(({ fromAt, toAt }) => at >= fromAt && at <= toAt);
  const isLossy = entry.mayLack === "dropped";
  return {
    offGrid: offGrid.map(say),
    lost: isLossy ? [] : missing.map(say),
    unexplained: isLossy ? missing.filter((at) => !isExplained(at)).map(say) : [],
    dropped: isLossy ? missing.length : 0,
  };
}

/** Walks the grid from the first to the last, beside what was sent. */
function compare(entry: ChaosEntry, ordered: readonly number[]) {
  const missing: number[] = [];
  const offGrid: number[] = [];
  const [first = 0, ...rest] = ordered;
  const grid = gridOf(entry, first);
  let at: number | null = first;
  for (const next of rest) {
    at = grid.next(at ?? first);
    for (; at !== null && at < next; at = grid.next(at)) missing.push(at);
    if (at === next) continue;
    offGrid.push(next);
    at = next;
  }
  return { missing, offGrid };
}

function droppedSpans(logs: Evidence["logs"]): ReadonlyMap<string, readonly Span[]> {
  const spans = new Map<string, Span[]>();
  for (const line of [...logs.values()].flat()) {
    if (line.event !== "occurrences-missed") continue;
    const span = { fromAt: Date.parse(String(line["fromAt"])), toAt: Date.parse(String(line["toAt"])) };
    const entry = String(line["entry"]);
    spans.set(entry, [...(spans.get(entry) ?? []), span]);
  }
  return spans;
}

function isAlarming(line: LogEvent): boolean {
  const { event, where, cause } = line;
  if (event === "failure") return where === "uncaught" || where === "beat";
  return (
    event === "entry-quarantined" ||
    event === "record-moved-aside" ||
    (event === "occurrences-missed" && cause === "refused")
  );
}

/** Terms grow, so their order is the order in which beats led. */
function reigns(lines: readonly { readonly beat: string; readonly line: LogEvent }[]) {
  const terms = lines
    .filter(({ line }) => line.event === "beat-started")
    .map(({ beat, line }) => ({ beat, term: Number(line["term"]) }))
    .sort((left, right) => left.term - right.term);
  const handovers = terms.filter(({ beat }, index) => index > 0 && terms[index - 1]?.beat !== beat).length;
  return { terms: terms.length, handovers };
}
