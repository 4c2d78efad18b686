// Backfills: the occurrences of a past span, sent in order and at a bounded rate beside the schedule's own. Each has a mark of
// its own on the broker, so that whoever goes on with it neither repeats nor leaves out anything.
import type { Clock, Instant } from "../../clock.ts";
import { LovageError } from "../../error.ts";
import type { Emit } from "../../event.ts";
import { type Backfill, backfillName, farther, readBackfills, writeBackfill } from "./backfill-note.ts";
import { countBetween, previewRange, takeFrom } from "./backfill-range.ts";
import type { Answer, Refusal } from "../dispatch.ts";
import type { Ledger } from "../ledger.ts";
import { backfillId, backfillMark, type Occurrence } from "../occurrence.ts";
import type { Plan, Slot } from "../plan.ts";
import type { BackfillReport, BackfillRequest } from "./steering.ts";

export interface BackfillsOptions {
  readonly scope: string;
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly send: (occurrences: readonly Occurrence[]) => void;
  /** A short name that no other backfill has. */
  readonly createId: () => string;
}

/** A backfill on its way. */
interface Course {
  backfill: Backfill;
  /** Handed to the publisher up to here. */
  takenUpTo: Instant | null;
  underWay: number;
  /** Its note lags behind. */
  isUnnoted: boolean;
}

const stepMs = 20;
const noteEveryMs = 1000;
/** Those done are remembered, for people. */
const doneKept = 20;

export class Backfills {
  readonly #options: BackfillsOptions;
  readonly #courses = new Map<string, Course>();
  #signal: AbortSignal | null = null;
  #driving = new Set<Promise<void>>();

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
      const isWaiting = this.#options.ledger.waitingNotes.has(backfillName(id));
      if (!noted.has(id) && !isWaiting && course.backfill.status === "running") {
        this.#set(course, { status: "stopped", note: "the broker has forgotten it; it goes on when it is resumed" });
      }
    }
    const isNeeded = (name: string): boolean =>
      [...this.#courses.values()].some(
        ({ backfill }) => backfill.status !== "done" && backfillMark(backfill.id) === name,
      );
    return [...marks.keys()].filter((name) => name.startsWith(backfillMark("")) && !isNeeded(name));
  }

  /** Sends what is running, until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    for (const course of this.#courses.values()) this.#begin(course);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    this.#signal = null;
    await Promise.all(this.#driving);
  }

  /** @throws LovageError when there is nothing to send, or the broker cannot be told of it */
  async start(slot: Slot, request: BackfillRequest): Promise<BackfillReport> {
    const { ledger, clock, createId } = this.#options;
    assertNotPaused(slot);
    const { count, atLeast } = previewRange(slot.schedule, request);
    if (count === 0) throw new LovageError("usage", `${request.entry} has no occurrence in that span`);
    const { entry, fromAt, toAt, perSecond, by, reason } = request;
    const asked = { id: createId(), entry, fromAt, toAt, perSecond, by, reason, at: clock.now() };
    const progress = { status: "running", note: null, sent: 0, total: atLeast ? null : count, sentUpTo: null } as const;
    const backfill: Backfill = { ...asked, ...progress, scheduleHash: slot.entry.scheduleHash };
    await ledger.note(new Map([[backfillName(backfill.id), writeBackfill(backfill)]]));
    if (ledger.waitingNotes.has(backfillName(backfill.id))) {
      await ledger.note(new Map([[backfillName(backfill.id), null]]));
      const hint = "try again when the broker is back";
      throw new LovageError("broker", "the broker does not answer, so no backfill can begin", { hint });
    }
    const course: Course = { backfill, takenUpTo: null, underWay: 0, isUnnoted: false };
    this.#courses.set(backfill.id, course);
    this.#tell(course, `by ${by}${reason === null ? "" : `: ${reason}`}`);
    this.#begin(course);
    return reportOf(backfill);
  }

  async stop(id: string, by: string): Promise<BackfillReport> {
    const course = this.#find(id);
    if (course.backfill.status === "running") {
      this.#set(course, { status: "stopped", note: `stopped by ${by}` });
      await this.#note(course);
    }
    return reportOf(course.backfill);
  }

  /** What the schedule is now counts from here on. */
  async resume(id: string, by: string): Promise<BackfillReport> {
    const course = this.#find(id);
    const { status, entry, fromAt, toAt, sent, sentUpTo } = course.backfill;
    if (status !== "stopped") return reportOf(course.backfill);
    const slot = this.#options.plan.slots.get(entry);
    if (slot === undefined) throw new LovageError("usage", `backfill ${id}: there is no entry ${entry} any more`);
    assertNotPaused(slot);
    const left = countBetween(slot.schedule, sentUpTo ?? fromAt - 1, toAt);
    const { scheduleHash } = slot.entry;
    course.takenUpTo = sentUpTo;
    this.#set(course, { status: "running", note: `resumed by ${by}`, scheduleHash, total: sent + left });
    await this.#note(course);
    this.#begin(course);
    return reportOf(course.backfill);
  }

  /** What became of occurrences; those of backfills are counted. */
  answered(answers: readonly Answer[], refusals: readonly Refusal[]): void {
    for (const { occurrence } of answers) this.#settle(occurrence, null);
    for (const { occurrence, reason } of refusals) this.#settle(occurrence, reason);
  }

  /** The broker's word is the farthest of all who led; but what was stopped here, and could not be told, stays stopped. */
  #adopt(noted: Backfill, markAt: Instant | undefined): void {
    const { ledger } = this.#options;
    const { id } = noted;
    const known = this.#courses.get(id);
    const isStoppedHere = ledger.waitingNotes.has(backfillName(id)) && known?.backfill.status === "stopped";
    ledger.dropNote(backfillName(id));
    const sentUpTo = farther(farther(noted.sentUpTo, markAt), known?.backfill.sentUpTo);
    const status = isStoppedHere && noted.status === "running" ? "stopped" : noted.status;
    this.#courses.set(id, {
      backfill: { ...noted, status, sentUpTo, sent: noted.sent + this.#countUnnoted(noted, sentUpTo) },
      takenUpTo: farther(known?.takenUpTo, sentUpTo),
      underWay: known?.underWay ?? 0,
      isUnnoted: status !== noted.status,
    });
  }

  /** How many were sent after the last note was written. */
  #countUnnoted({ entry, sentUpTo, fromAt }: Backfill, upTo: Instant | null): number {
    const schedule = this.#options.plan.slots.get(entry)?.schedule;
    return schedule === undefined || upTo === null ? 0 : countBetween(schedule, sentUpTo ?? fromAt - 1, upTo);
  }

  #begin(course: Course): void {
    const signal = this.#signal;
    if (signal === null || course.backfill.status !== "running") return;
    const drive = this.#drive(course, signal).finally(() => this.#driving.delete(drive));
    this.#driving.add(drive);
  }

  async #drive(course: Course, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let [lookedAt, notedAt] = [clock.monotonic(), clock.monotonic()];
    let credit = 1;
    while (!signal.aborted && this.#isRunning(course)) {
      const { perSecond } = course.backfill;
      const now = clock.monotonic();
      credit = Math.min(Math.max(1, perSecond / 10), credit + ((now - lookedAt) / 1000) * perSecond);
      lookedAt = now;
      credit -= this.#send(course, Math.floor(credit));
      if (course.isUnnoted && now - notedAt >= noteEveryMs) {
        notedAt = now;
        void this.#note(course);
      }
      await clock.sleep(Math.max(stepMs, Math.min(250, 1000 / perSecond)), signal);
    }
    if (course.isUnnoted) await this.#note(course);
  }

  /** False: it is done, or its entry has changed under it. */
  #isRunning(course: Course): boolean {
    const { status, entry, scheduleHash } = course.backfill;
    if (status !== "running") return false;
    const slot = this.#options.plan.slots.get(entry);
    const note = whyStop(slot, scheduleHash);
    if (note === null) return true;
    this.#set(course, { status: "stopped", note });
    return false;
  }

  /** Hands over so many at most; gives how many it were. */
  #send(course: Course, most: number): number {
    const { plan, send } = this.#options;
    const { backfill, takenUpTo, underWay } = course;
    const slot = plan.slots.get(backfill.entry);
    // With the broker away nothing piles up behind what is under way.
    const count = Math.min(most, Math.ceil(backfill.perSecond) - underWay);
    if (slot === undefined || count <= 0) return 0;
    const span = { after: takenUpTo ?? backfill.fromAt - 1, toAt: backfill.toAt, count };
    const dueTimes = takeFrom(slot.schedule, span);
    if (dueTimes.length === 0 && underWay === 0) this.#finish(course);
    course.takenUpTo = dueTimes.at(-1) ?? takenUpTo;
    course.underWay += dueTimes.length;
    if (dueTimes.length > 0) send(dueTimes.map((dueAt) => this.#occurrence(slot, backfill, dueAt)));
    return dueTimes.length;
  }

  #occurrence({ entry, schedule }: Slot, { id, by, reason }: Backfill, dueAt: Instant): Occurrence {
    const { scope, clock } = this.#options;
    const note = `${id} by ${by}${reason === null ? "" : `: ${reason}`}`;
    const mark = { entry: backfillMark(id), dueAt };
    const byHand = { id: backfillId({ scope, entry: entry.name, dueAt }, id), mark, note };
    const nextDueAt = entry.options.expires === "next" ? schedule.next(clock.now()) : null;
    return { entry, dueAt, settlesAt: dueAt, nextDueAt, occasion: "backfill", byHand };
  }

  #settle({ byHand, dueAt, occasion }: Occurrence, refusal: string | null): void {
    if (occasion !== "backfill" || byHand === undefined) return;
    const course = [...this.#courses.values()].find(({ backfill }) => backfillMark(backfill.id) === byHand.mark.entry);
    if (course === undefined) return;
    course.underWay = Math.max(0, course.underWay - 1);
    const { sent, sentUpTo, status } = course.backfill;
    if (refusal !== null) {
      if (status === "running") this.#set(course, { status: "stopped", note: refusal });
      course.takenUpTo = sentUpTo;
      return;
    }
    if (sentUpTo !== null && dueAt <= sentUpTo) return;
    course.backfill = { ...course.backfill, sent: sent + 1, sentUpTo: dueAt };
    course.isUnnoted = true;
  }

  #finish(course: Course): void {
    const { sent, id } = course.backfill;
    this.#set(course, { status: "done", note: null, total: sent });
    void this.#note(course).then(() => {
      // Without its mark and still said to be running, it would be sent again.
      const isNoted = !this.#options.ledger.waitingNotes.has(backfillName(id));
      if (isNoted) this.#options.ledger.mark([backfillMark(id)]);
    });
    const done = [...this.#courses.values()].filter(({ backfill }) => backfill.status === "done");
    for (const { backfill } of done.slice(0, Math.max(0, done.length - doneKept))) {
      this.#courses.delete(backfill.id);
      void this.#options.ledger.note(new Map([[backfillName(backfill.id), null]]));
    }
  }

  #set(course: Course, change: Partial<Backfill>): void {
    course.backfill = { ...course.backfill, ...change };
    course.isUnnoted = true;
    this.#tell(course, change.note ?? "all of it is sent");
  }

  #tell({ backfill }: Course, note: string): void {
    const { id, entry, status, sent, total } = backfill;
    this.#options.emit({ type: "backfill-changed", id, entry, status, sent, total, note });
  }

  async #note(course: Course): Promise<void> {
    course.isUnnoted = false;
    const { backfill } = course;
    await this.#options.ledger.note(new Map([[backfillName(backfill.id), writeBackfill(backfill)]]));
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

/** Why a backfill cannot go on by itself; null: it can. */
function whyStop(slot: Slot | undefined, scheduleHash: string): string | null {
  if (slot === undefined) return "its entry is gone from the schedule";
  if (slot.entry.scheduleHash !== scheduleHash) return "its schedule was edited; resumed, it goes on by the new one";
  return slot.state.paused === null ? null : `its entry is paused by ${slot.state.paused.by}`;
}
