// The schedule under test: kinds of entries, and for each what may be missing from what was sent.
import { crontab } from "../../src/schedule/crontab.ts";
import { every } from "../../src/schedule/interval.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";
import type { Random } from "./random.ts";

export interface ChaosEntry {
  readonly name: string;
  /** A span of milliseconds, or a crontab with seconds. */
  readonly when: number | string;
  readonly more: string;
  /**
   * `nothing`: every point of its grid is there. `dropped`: what is not there, some beat has said to be missed. `edited`: its
   * grid changes while it runs; only that nothing is there twice, or too close together, can be said.
   */
  readonly mayLack: "nothing" | "dropped" | "edited";
}

export const shortestMs = 500;
const longestMs = 5000;
const crontabs = ["* * * * * *", "*/2 * * * * *", "*/5 * * * * *", "1-59/3 * * * * *", "7,17,27,37,47,57 * * * * *"];

const burstAt = "*/10 * * * * *";

interface Kind {
  readonly name: string;
  /** Out of twenty. */
  readonly share: number;
  readonly isCrontab?: boolean;
  readonly more: string;
  readonly mayLack: ChaosEntry["mayLack"];
}

const kinds: readonly Kind[] = [
  { name: "all", share: 7, more: "missed: all", mayLack: "nothing" },
  { name: "all-crontab", share: 2, isCrontab: true, more: "missed: all", mayLack: "nothing" },
  { name: "all-jitter", share: 1, more: "missed: all, jitter: 300ms", mayLack: "nothing" },
  { name: "latest", share: 3, more: "missed: latest", mayLack: "dropped" },
  { name: "latest-crontab", share: 1, isCrontab: true, more: "missed: latest", mayLack: "dropped" },
  { name: "within", share: 1, more: "missed: all, missed_within: 4s", mayLack: "dropped" },
  { name: "earliest", share: 1, more: "missed: earliest", mayLack: "dropped" },
  { name: "skip", share: 2, more: "missed: skip", mayLack: "dropped" },
  { name: "edited", share: 1, more: "missed: all", mayLack: "edited" },
  { name: "edited-crontab", share: 1, isCrontab: true, more: "missed: all", mayLack: "edited" },
];

export function makeEntries(count: number, random: Random): readonly ChaosEntry[] {
  const cards = kinds.flatMap((kind) => Array.from({ length: kind.share }, () => kind));
  return Array.from({ length: count }, (_, index) => {
    const { name, isCrontab = false, more, mayLack } = cards[index % cards.length] as Kind;
    return { name: `${name}-${index}`, when: whenFrom(random, isCrontab), more, mayLack };
  });
}

/** Many that are due on the same second: what is sent of them goes out at one stroke, and hardly ever without a misfortune. */
export function makeBurst(count: number): readonly ChaosEntry[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `burst-${index}`;
    return index % 4 === 3
      ? { name, when: burstAt, more: "missed: latest", mayLack: "dropped" }
      : { name, when: burstAt, more: "missed: all", mayLack: "nothing" };
  });
}

/** The same entry with another schedule of its kind. */
export function reschedule(entry: ChaosEntry, random: Random): ChaosEntry {
  return { ...entry, when: whenFrom(random, typeof entry.when === "string") };
}

function whenFrom(random: Random, isCrontab: boolean): number | string {
  return isCrontab ? random.pick(crontabs) : random.between(shortestMs / 100, longestMs / 100) * 100;
}

/** @param edition goes into the arguments: an edit that moves nothing in time */
export function scheduleFile(entries: readonly ChaosEntry[], edition: number): string {
  const lines = entries.map(({ name, when, more }) => {
    const schedule = typeof when === "number" ? `${when}ms` : JSON.stringify(when);
    return `  ${name}: {task: chaos.run, schedule: ${schedule}, args: [${edition}], ${more}}`;
  });
  return `entries:\n${lines.join("\n")}\n`;
}

/** The entry's grid through a point of it. */
export function gridOf({ when }: ChaosEntry, throughAt: number): Schedule {
  return typeof when === "number" ? every(when / 1000).bind({ anchorAt: throughAt, timezone: "UTC" }) : crontab(when);
}

/** The longest span between two of its occurrences. */
export function longestSpanMs({ when }: ChaosEntry): number {
  return typeof when === "number" ? when : 10_000;
}
