// Orders to entries, given to the running beat or, where none runs, written to its record.
import type { EntryReport, PauseReport, RemoteSteering } from "../beat/steer/steering.ts";
import { LovageError } from "../error.ts";
import type { AskedBeat } from "./ask-beat.ts";
import { author } from "./author.ts";
import { assertChoice, chooseEntries, type EntryChoice } from "./choose-entries.ts";
import { beatOrWhy, inWorkdir, nameOf, type SteerOptions } from "./contact.ts";
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

export interface EntryOrder<Report extends PauseReport> {
  readonly names: readonly string[];
  readonly options: EntryOrderOptions;
  /** Those of all entries that the order can mean. */
  readonly isMeant: (report: EntryReport) => boolean;
  readonly give: (steered: Steered, entries: readonly string[], by: string) => Promise<readonly Report[]>;
}

export interface Given<Report> {
  readonly reports: readonly Report[];
  /** Who has it, where that is not the beat of the record here, and who does not know of it. */
  readonly notes: readonly string[];
}

/** Names in one message, which must not grow beyond what beat reads. */
const mostAtOnce = 2000;
/** Beat counts up to its own present. */
const endOfTime = 8_640_000_000_000_000;

/** @throws LovageError what beat or record refuse */
export async function giveOrder<Report extends PauseReport>(order: EntryOrder<Report>): Promise<Given<Report>> {
  const { names, options } = order;
  assertChoice(names, options);
  // A broker that is out of reach tells of no beat elsewhere; whoever holds the record is at its door.
  const beat = await beatOrWhy(options, ["broker"]);
  return beat instanceof LovageError ? giveOffline(order, beat) : giveToBeat(order, beat);
}

async function giveToBeat<Report extends PauseReport>(
  order: EntryOrder<Report>,
  beat: AskedBeat,
): Promise<Given<Report>> {
  const { steering, via } = beat;
  const steered: Steered = { ...steering, countPaused: (entry) => countPaused(steering, entry) };
  try {
    const reports = await carryOut(order, steered, () => listAll(steering, order.options.match));
    const notes = via === "broker" ? [`told ${nameOf(beat)}`] : [];
    return { reports, notes: reports.every(({ isTold }) => isTold) ? notes : [...notes, untold] };
  } finally {
    await beat.close();
  }
}

const untold =
  "the broker is away and could not be told yet: a beat that takes over before it is back does not know of this";

/** By the beat's clock, which may be behind that of whoever led when the pause began. */
async function countPaused(steering: RemoteSteering, entry: string): Promise<number> {
  const { paused } = await steering.show(entry);
  if (paused === null) return 0;
  try {
    return (await steering.previewBackfill({ entry, fromAt: paused.at, toAt: endOfTime })).count;
  } catch (error) {
    if (error instanceof LovageError && error.code === "usage") return 0;
    throw error;
  }
}

async function giveOffline<Report extends PauseReport>(
  order: EntryOrder<Report>,
  why: LovageError,
): Promise<Given<Report>> {
  const schedule = await OfflineSchedule.open(inWorkdir(order.options), why);
  try {
    const reports = await carryOut(order, schedule, async () => schedule.reports());
    return { reports, notes: offlineNotes(schedule) };
  } finally {
    await schedule.close();
  }
}

function offlineNotes({ location, unheard }: OfflineSchedule): readonly string[] {
  const written = `written to the record ${location}; it takes effect when beat starts`;
  if (unheard === null) return [`no beat runs: ${written}`];
  const unasked = `the broker could not be asked: a beat elsewhere, if one leads, goes on sending (${unheard.message})`;
  return [`no beat answers: ${written} on it`, unasked];
}

async function carryOut<Report extends PauseReport>(
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
