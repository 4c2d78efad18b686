// Orders to entries, given to the running beat or, where none runs, written to its record.
import type { EntryReport, RemoteSteering } from "../beat/steer/steering.ts";
import { systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import { type AskedBeat, askBeat } from "./ask-beat.ts";
import { author } from "./author.ts";
import { assertChoice, chooseEntries, type EntryChoice } from "./choose-entries.ts";
import { inWorkdir, nameOf, type SteerOptions } from "./contact.ts";
import { listAll } from "./list.ts";
import { OfflineSchedule } from "./offline.ts";

export interface EntryOrderOptions extends SteerOptions, EntryChoice {
  readonly by?: string;
}

/** Whoever carries it out. */
export interface Steered extends Pick<RemoteSteering, "pause" | "resume"> {
  /** How many occurrences have fallen into the pause of a paused entry so far. */
  countPaused(entry: string): Promise<number>;
}

export interface EntryOrder<Report> {
  readonly names: readonly string[];
  readonly options: EntryOrderOptions;
  /** Those of all entries that the order can mean. */
  readonly isMeant: (report: EntryReport) => boolean;
  readonly give: (steered: Steered, entries: readonly string[], by: string) => Promise<readonly Report[]>;
}

export interface Given<Report> {
  readonly reports: readonly Report[];
  /** Who has it, where that is not the beat of the record here. */
  readonly note: string | null;
}

/** Names in one message, which must not grow beyond what beat reads. */
const mostAtOnce = 2000;

/** @throws LovageError what beat or record refuse */
export async function giveOrder<Report>(order: EntryOrder<Report>): Promise<Given<Report>> {
  const { names, options } = order;
  assertChoice(names, options);
  const beat = await beatOrNone(options);
  return beat === null ? giveOffline(order) : giveToBeat(order, beat);
}

/** A broker that is out of reach tells of no beat elsewhere; whoever holds the record is at its door. */
async function beatOrNone(options: SteerOptions): Promise<AskedBeat | null> {
  try {
    const beat = await askBeat(options);
    if (beat !== null || options.remote !== true) return beat;
  } catch (error) {
    const isAway = error instanceof LovageError && error.code === "broker";
    if (!isAway || options.remote === true) throw error;
    return null;
  }
  throw new LovageError("standby", "no beat answers", { hint: "without --remote, the record here is written" });
}

async function giveToBeat<Report>(order: EntryOrder<Report>, beat: AskedBeat): Promise<Given<Report>> {
  const { steering, via } = beat;
  const steered: Steered = { ...steering, countPaused: (entry) => countPaused(steering, entry) };
  try {
    const reports = await carryOut(order, steered, () => listAll(steering, order.options.match));
    return { reports, note: via === "broker" ? `told ${nameOf(beat)}` : null };
  } finally {
    await beat.close();
  }
}

async function countPaused(steering: RemoteSteering, entry: string): Promise<number> {
  const { paused } = await steering.show(entry);
  if (paused === null) return 0;
  const { count } = await steering.previewBackfill({ entry, fromAt: paused.at, toAt: systemClock.now() });
  return count;
}

async function giveOffline<Report>(order: EntryOrder<Report>): Promise<Given<Report>> {
  const schedule = await OfflineSchedule.open(inWorkdir(order.options));
  try {
    const reports = await carryOut(order, schedule, async () => schedule.reports());
    const where = schedule.isNoted ? "" : "; the broker, out of reach now, is told by that beat";
    const note = `no beat runs: written to the record ${schedule.location}; it takes effect when beat starts${where}`;
    return { reports, note };
  } finally {
    await schedule.close();
  }
}

async function carryOut<Report>(
  { names, options, isMeant, give }: EntryOrder<Report>,
  steered: Steered,
  all: () => Promise<readonly EntryReport[]>,
): Promise<readonly Report[]> {
  const entries = await chooseEntries(names, options, async () => (await all()).filter(isMeant));
  const by = options.by ?? author();
  const reports: Report[] = [];
  for (let done = 0; done < entries.length; done += mostAtOnce) {
    reports.push(...(await give(steered, entries.slice(done, done + mostAtOnce), by)));
  }
  return reports;
}
