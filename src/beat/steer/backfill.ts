// Backfills: the occurrences of a past span, sent in order and at a bounded rate beside the schedule's own. Each has a mark of
// its own on the broker, so that whoever goes on with it neither repeats nor leaves out anything.
import { byWhom } from "../../log-words.ts";
import type { Instant } from "../../clock.ts";
import { LovageError } from "../../error.ts";
import type { Answer, Refusal } from "../dispatch.ts";
import { backfillMark, type Occurrence } from "../occurrence.ts";
import type { Slot } from "../plan.ts";
import { Course, type CourseOptions } from "./backfill-course.ts";
import { type Backfill, backfillName, farther, readBackfills } from "./backfill-note.ts";
import { countBetween, previewRange } from "./backfill-range.ts";
import type { BackfillPreview, BackfillRange, BackfillReport, BackfillRequest } from "./steering.ts";

export interface BackfillsOptions extends CourseOptions {
  /** A short name that no other backfill has. */
  readonly createId: () => string;
}

/** Those done are remembered, for people. */
const doneKept = 20;
/** Counting what is asked for must not keep beat from its clock. */
const previewWithinMs = 200;

export class Backfills {
  readonly #options: BackfillsOptions;
  readonly #courses = new Map<string, Course>();
  #signal: AbortSignal | null = null;

  constructor(options: BackfillsOptions) {
    this.#options = options;
  }

  /** Newest first. */
  reports(): readonly BackfillReport[] {
    const all = [...this.#courses.values()].map(({ backfill }) => backfill);
    return all.sort((one, other) => other.at - one.at).map(reportOf);
  }

  /** At the beginning of a term. Gives the marks that nobody needs any more. */
  adopt(notes: ReadonlyMap<string, string>, marks: ReadonlyMap<string, Instant>): readonly string[] {
    const noted = readBackfills(notes);
    for (const backfill of noted.values()) this.#adopt(backfill, marks.get(backfillMark(backfill.id)));
    for (const [id, course] of this.#courses) {
      if (!noted.has(id) && !course.isNoteWaiting && course.backfill.status === "running") {
        course.change({ status: "stopped", note: "the broker has forgotten it; it goes on when it is resumed" });
      }
    }
    const needed = new Set<string>();
    for (const { backfill, mark } of this.#courses.values()) if (backfill.status !== "done") needed.add(mark);
    return [...marks.keys()].filter((name) => name.startsWith(backfillMark("")) && !needed.has(name));
  }

  /** Sends what is running, until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    for (const course of this.#courses.values()) this.#begin(course);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    this.#signal = null;
    await Promise.all([...this.#courses.values()].map((course) => course.drive(signal)));
  }

  preview(slot: Slot, range: BackfillRange): BackfillPreview {
    const { clock } = this.#options;
    const until = clock.monotonic() + previewWithinMs;
    return previewRange(slot.schedule, range, () => clock.monotonic() > until);
  }

  /** @throws LovageError when there is nothing to send, or the broker cannot be told of it */
  async start(slot: Slot, request: BackfillRequest): Promise<BackfillReport> {
    const { clock, createId, ledger } = this.#options;
    assertNotPaused(slot);
    const { count, atLeast } = this.preview(slot, request);
    if (count === 0) throw new LovageError("usage", `${request.entry} has no occurrence in that span`);
    const { entry, fromAt, toAt, perSecond, by, reason } = request;
    const asked = { id: createId(), entry, fromAt, toAt, perSecond, by, reason, at: clock.now() };
    const progress = { status: "running", note: null, sent: 0, failed: 0, sentUpTo: null } as const;
    const { scheduleHash } = slot.entry;
    const course = new Course(this.#options, { ...asked, ...progress, total: atLeast ? null : count, scheduleHash });
    await course.note();
    if (course.isNoteWaiting) {
      await ledger.note(new Map([[backfillName(asked.id), null]]));
      const hint = "try again when the broker is back";
      throw new LovageError("broker", "the broker does not answer, so no backfill can begin", { hint });
    }
    this.#forgetOldest();
    this.#courses.set(asked.id, course);
    course.tell(byWhom(request));
    this.#begin(course);
    return reportOf(course.backfill);
  }

  async stop(id: string, by: string): Promise<BackfillReport> {
    const course = this.#find(id);
    if (course.backfill.status === "running") {
      course.halt(`stopped by ${by}`);
      await course.note();
    }
    return reportOf(course.backfill);
  }

  /** What the schedule is now counts from here on. */
  async resume(id: string, by: string): Promise<BackfillReport> {
    const course = this.#find(id);
    const { status, entry, fromAt, toAt, sent, failed, sentUpTo } = course.backfill;
    if (status !== "stopped") return reportOf(course.backfill);
    const slot = this.#options.plan.slots.get(entry);
    if (slot === undefined) throw new LovageError("usage", `backfill ${id}: there is no entry ${entry} any more`);
    assertNotPaused(slot);
    const left = countBetween(slot.schedule, sentUpTo ?? fromAt - 1, toAt);
    const { scheduleHash } = slot.entry;
    course.goOn({ note: `resumed by ${by}`, scheduleHash, total: sent + failed + left });
    await course.note();
    this.#begin(course);
    return reportOf(course.backfill);
  }

  /** What became of occurrences; those of backfills are counted. */
  answered(answers: readonly Answer[], refusals: readonly Refusal[]): void {
    for (const { occurrence } of answers) this.#courseOf(occurrence)?.answered(occurrence.dueAt);
    for (const { occurrence, ...why } of refusals) this.#courseOf(occurrence)?.refused(occurrence.dueAt, why);
  }

  /** The broker's word is the farthest of all who led; but what was stopped here, and could not be told, stays stopped. */
  #adopt(noted: Backfill, markAt: Instant | undefined): void {
    const { ledger } = this.#options;
    const known = this.#courses.get(noted.id);
    const isStoppedHere = known?.isNoteWaiting === true && known.backfill.status === "stopped";
    ledger.dropNote(backfillName(noted.id));
    const sentUpTo = farther(farther(noted.sentUpTo, markAt), known?.backfill.sentUpTo);
    const status = isStoppedHere && noted.status === "running" ? "stopped" : noted.status;
    const backfill = { ...noted, status, sentUpTo, sent: noted.sent + this.#countUnnoted(noted, sentUpTo) };
    this.#courses.set(noted.id, new Course(this.#options, backfill, known));
  }

  /** How many were sent after the last note was written. */
  #countUnnoted({ entry, sentUpTo, fromAt }: Backfill, upTo: Instant | null): number {
    const schedule = this.#options.plan.slots.get(entry)?.schedule;
    return schedule === undefined || upTo === null ? 0 : countBetween(schedule, sentUpTo ?? fromAt - 1, upTo);
  }

  #begin(course: Course): void {
    if (this.#signal !== null && course.backfill.status === "running") void course.drive(this.#signal);
  }

  #courseOf({ occasion, byHand }: Occurrence): Course | undefined {
    if (occasion !== "backfill") return undefined;
    return this.#courses.get(byHand?.mark.entry.slice(backfillMark("").length) ?? "");
  }

  #forgetOldest(): void {
    const done = [...this.#courses.values()].filter(({ backfill }) => backfill.status === "done");
    const ids = done.slice(0, Math.max(0, done.length - doneKept)).map(({ backfill }) => backfill.id);
    for (const id of ids) this.#courses.delete(id);
    this.#options.ledger.forgetNotes(ids.map(backfillName));
  }

  #find(id: string): Course {
    const course = this.#courses.get(id);
    if (course !== undefined) return course;
    throw new LovageError("usage", `there is no backfill ${id}`, { hint: "beat backfill --list shows all" });
  }
}

function reportOf(backfill: Backfill): BackfillReport {
  const { scheduleHash: _hash, ...report } = backfill;
  return report;
}

function assertNotPaused({ entry, state }: Slot): void {
  if (state.paused === null) return;
  const hint = `beat resume ${entry.name} first`;
  throw new LovageError("usage", `${entry.name} is paused by ${state.paused.by}`, { hint });
}
