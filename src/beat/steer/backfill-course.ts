// One backfill on its way: its occurrences go to the publisher in order, at its rate, and what became of them is counted.
import { byWhom } from "../../log-words.ts";
import type { Clock, Instant } from "../../clock.ts";
import type { Emit } from "../../event.ts";
import type { Refusal } from "../dispatch.ts";
import type { Ledger } from "../ledger.ts";
import { backfillId, backfillMark, nextDueOf, type Occurrence } from "../occurrence.ts";
import type { Plan, Slot } from "../plan.ts";
import { type Backfill, backfillName, farther, writeBackfill } from "./backfill-note.ts";
import { takeFrom } from "./backfill-range.ts";

export interface CourseOptions {
  readonly scope: string;
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly send: (occurrences: readonly Occurrence[]) => void;
  /** Takes what waits to be sent out of line; gives how many. */
  readonly withdrawByMark: (mark: string) => number;
}

const stepMs = 20;
const longestStepMs = 250;
const noteEveryMs = 1000;

export class Course {
  readonly #options: CourseOptions;
  #backfill: Backfill;
  /** Handed to the publisher up to here, and answered for up to here. */
  #takenUpTo: Instant | null;
  #settledUpTo: Instant | null;
  #underWay: number;
  /** Its note lags behind. */
  #isUnnoted = false;
  #driving: Promise<void> | null = null;

  /** @param before the same backfill, as far as this beat had come with it under another term */
  constructor(options: CourseOptions, backfill: Backfill, before?: Course) {
    this.#options = options;
    this.#backfill = backfill;
    this.#settledUpTo = farther(before === undefined ? null : before.#settledUpTo, backfill.sentUpTo);
    this.#takenUpTo = farther(before === undefined ? null : before.#takenUpTo, this.#settledUpTo);
    this.#underWay = before === undefined ? 0 : before.#underWay;
  }

  get backfill(): Backfill {
    return this.#backfill;
  }

  get mark(): string {
    return backfillMark(this.#backfill.id);
  }

  get isNoteWaiting(): boolean {
    return this.#options.ledger.waitingNotes.has(backfillName(this.#backfill.id));
  }

  change(change: Partial<Backfill>): void {
    this.#backfill = { ...this.#backfill, ...change };
    this.#isUnnoted = true;
    this.tell(change.note ?? "all of it is sent");
  }

  tell(note: string): void {
    const { id, entry, status, sent, total } = this.#backfill;
    this.#options.emit({ type: "backfill-changed", id, entry, status, sent, total, note });
  }

  /** What waits is taken back; what is on its way may still arrive. */
  halt(note: string): void {
    this.#underWay = Math.max(0, this.#underWay - this.#options.withdrawByMark(this.mark));
    this.change({ status: "stopped", note });
  }

  /** Goes on after the last one that was answered for. */
  goOn(change: Partial<Backfill>): void {
    this.#takenUpTo = this.#settledUpTo;
    this.change({ ...change, status: "running" });
  }

  /** @throws StaleTermError when another beat leads */
  async note(): Promise<void> {
    this.#isUnnoted = false;
    await this.#options.ledger.note(new Map([[backfillName(this.#backfill.id), writeBackfill(this.#backfill)]]));
  }

  /** Sends until it is done, stopped, or `signal` is aborted; one at a time. Never rejects. */
  drive(signal: AbortSignal): Promise<void> {
    this.#driving ??= this.#drive(signal).finally(() => {
      this.#driving = null;
      // Resumed in the very moment in which it came to rest.
      if (!signal.aborted && this.#backfill.status === "running") void this.drive(signal);
    });
    return this.#driving;
  }

  /** One of its occurrences is on its queue. */
  answered(dueAt: Instant): void {
    this.#settle(dueAt);
    const { sent, sentUpTo } = this.#backfill;
    if (sentUpTo !== null && dueAt <= sentUpTo) return;
    this.#backfill = { ...this.#backfill, sent: sent + 1, sentUpTo: dueAt };
    this.#isUnnoted = true;
  }

  /** One of them cannot be sent, or is not to be sent now. */
  refused(dueAt: Instant, { cause, reason }: Pick<Refusal, "cause" | "reason">): void {
    if (cause !== "refused") {
      this.#underWay = Math.max(0, this.#underWay - 1);
      if (this.#backfill.status === "running") this.halt(reason);
      return;
    }
    this.#settle(dueAt);
    const failed = this.#backfill.failed + 1;
    this.change({ failed, note: `${failed} could not be sent, the last one: ${reason}` });
  }

  #settle(dueAt: Instant): void {
    this.#underWay = Math.max(0, this.#underWay - 1);
    this.#settledUpTo = farther(this.#settledUpTo, dueAt);
  }

  async #drive(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let [lookedAt, notedAt] = [clock.monotonic(), clock.monotonic()];
    let credit = 1;
    while (!signal.aborted && this.#isRunning()) {
      const { perSecond } = this.#backfill;
      const now = clock.monotonic();
      credit = Math.min(Math.max(1, perSecond / 10), credit + ((now - lookedAt) / 1000) * perSecond);
      lookedAt = now;
      credit -= this.#send(Math.floor(credit));
      if (now - notedAt >= noteEveryMs) {
        notedAt = now;
        void this.#noteProgress();
      }
      await clock.sleep(Math.max(stepMs, Math.min(longestStepMs, 1000 / perSecond)), signal);
    }
    await this.#noteProgress();
  }

  /** False: it is at an end, or its entry has changed under it. */
  #isRunning(): boolean {
    const { status, entry, scheduleHash } = this.#backfill;
    if (status !== "running") return false;
    const note = whyStop(this.#options.plan.slots.get(entry), scheduleHash);
    if (note === null) return true;
    this.halt(note);
    return false;
  }

  /** Hands over so many at most; gives how many it were. */
  #send(most: number): number {
    const { plan, send } = this.#options;
    const { entry, fromAt, toAt, perSecond } = this.#backfill;
    const slot = plan.slots.get(entry);
    // With the broker away nothing piles up behind what is under way.
    const count = Math.min(most, Math.ceil(perSecond) - this.#underWay);
    if (slot === undefined || count <= 0) return 0;
    const dueTimes = takeFrom(slot.schedule, { after: this.#takenUpTo ?? fromAt - 1, toAt, count });
    if (dueTimes.length === 0 && this.#underWay === 0) this.#finish();
    this.#takenUpTo = dueTimes.at(-1) ?? this.#takenUpTo;
    this.#underWay += dueTimes.length;
    if (dueTimes.length > 0) send(dueTimes.map((dueAt) => this.#occurrence(slot, dueAt)));
    return dueTimes.length;
  }

  #occurrence(slot: Slot, dueAt: Instant): Occurrence {
    const { scope, clock } = this.#options;
    const { entry } = slot;
    const { id } = this.#backfill;
    const note = `${id} ${byWhom(this.#backfill)}`;
    const mark = { entry: this.mark, dueAt };
    const byHand = { id: backfillId({ scope, entry: entry.name, dueAt }, id), mark, note };
    const nextDueAt = nextDueOf(slot, clock.now());
    return { entry, dueAt, settlesAt: dueAt, nextDueAt, occasion: "backfill", byHand };
  }

  #finish(): void {
    const { sent, failed, note } = this.#backfill;
    this.change({ status: "done", note: failed === 0 ? null : note, total: sent + failed });
    void this.#noteProgress().then(() => {
      // Without its mark and still said to be running, it would be sent again.
      if (!this.isNoteWaiting) this.#options.ledger.mark([this.mark]);
    });
  }

  async #noteProgress(): Promise<void> {
    if (!this.#isUnnoted) return;
    // Under a term that is over, whoever leads reads the progress off the mark.
    await this.note().catch(() => undefined);
  }
}

/** Why a backfill cannot go on by itself; null: it can. */
function whyStop(slot: Slot | undefined, scheduleHash: string): string | null {
  if (slot === undefined) return "its entry is gone from the schedule";
  if (slot.entry.scheduleHash !== scheduleHash) return "its schedule was edited; resumed, it goes on by the new one";
  return slot.state.paused === null ? null : `its entry is paused by ${slot.state.paused.by}`;
}
