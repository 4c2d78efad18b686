// A running beat, asked and told: who leads answers for the schedule, and what it is told holds at once, is written down, and
// is made known to whoever leads next.
import { byWhom } from "../../log-words.ts";
import { randomUUID } from "node:crypto";
import type { Lease } from "../../broker/lease.ts";
import { didYouMean, LovageError } from "../../error.ts";
import type { Backfills } from "./backfill.ts";
import type { Answer, Refusal } from "../dispatch.ts";
import type { Instant } from "../../clock.ts";
import type { Run, Store } from "../../store/store.ts";
import { type PauseNote, pauseName } from "./pauses.ts";
import { Pausing, type PausingOptions } from "./pausing.ts";
import type { Slot } from "../plan.ts";
import { manualMark, nextDueOf, type Occurrence } from "../occurrence.ts";
import { pageOf, reportOf, upcomingOf } from "./report.ts";
import type {
  BackfillPreview,
  BackfillRange,
  BackfillReport,
  BackfillRequest,
  BeatSteering,
  BeatStatus,
  EntryPage,
  EntryReport,
  ListQuery,
  PauseReport,
  PauseRequest,
  ResumeReport,
  ResumeRequest,
  RunReport,
  RunRequest,
  Upcoming,
} from "./steering.ts";

export interface SteerOptions extends Omit<PausingOptions, "standby"> {
  readonly scope: string;
  readonly label: string;
  readonly store: Store;
  readonly backfills: Backfills;
  /** Null while another beat leads. */
  readonly lease: () => Lease | null;
  readonly status: () => BeatStatus;
  readonly send: (occurrences: readonly Occurrence[]) => void;
}

type Outcome = { readonly answer: Answer } | { readonly refusal: Refusal };

/** How long a run by hand waits for the broker before it says that it will go out later. */
const sendWithinMs = 3000;

export class Steer implements BeatSteering {
  readonly #options: SteerOptions;
  readonly #awaited = new Map<string, (outcome: Outcome) => void>();
  readonly #pausing: Pausing;

  constructor(options: SteerOptions) {
    this.#options = options;
    this.#pausing = new Pausing({ ...options, standby: (why) => this.#standby(why) });
  }

  get scope(): string {
    return this.#options.scope;
  }

  get label(): string {
    return this.#options.label;
  }

  status(): BeatStatus {
    return this.#options.status();
  }

  list(query: ListQuery): EntryPage {
    this.#assertLeads();
    return pageOf(this.#options.plan, query);
  }

  show(entry: string): EntryReport {
    return reportOf(this.#slot(entry));
  }

  async history(entry: string, limit: number): Promise<readonly Run[]> {
    this.#assertLeads();
    const runs = await this.#options.store.history(entry, limit);
    if (runs.length === 0) this.#slot(entry);
    return runs;
  }

  async pause(request: PauseRequest): Promise<readonly PauseReport[]> {
    const slots = request.entries.map((name) => this.#slot(name));
    await this.#pausing.pause(slots, request);
    return slots.map((slot) => ({ ...reportOf(slot), isTold: this.#isTold(slot) }));
  }

  async resume(request: ResumeRequest): Promise<readonly ResumeReport[]> {
    const slots = request.entries.map((name) => this.#slot(name));
    const given = await this.#pausing.resume(slots, request);
    return slots.map((slot) => {
      const count = given.get(slot) ?? 0;
      return { ...reportOf(slot), given: count, wasPaused: given.has(slot), isTold: this.#isTold(slot) };
    });
  }

  #isTold({ entry }: Slot): boolean {
    return !this.#options.ledger.waitingNotes.has(pauseName(entry.name));
  }

  upcoming(limit: number): readonly Upcoming[] {
    const { plan, scope } = this.#options;
    this.#assertLeads();
    return upcomingOf(plan, scope, limit);
  }

  async run({ entry: name, by, reason }: RunRequest): Promise<RunReport> {
    const { clock, send } = this.#options;
    const slot = this.#slot(name);
    const { entry } = slot;
    const now = clock.now();
    const id = randomUUID();
    // Under a mark of its own: sent again because an answer got lost, it is a duplicate.
    const byHand = { id, mark: { entry: manualMark(id), dueAt: now }, note: byWhom({ by, reason }) };
    const nextDueAt = nextDueOf(slot, now);
    const outcome = this.#await(byHand.id);
    send([{ entry, dueAt: now, settlesAt: now, nextDueAt, occasion: "manual", byHand }]);
    const known = await outcome;
    if (known !== null && "refusal" in known)
      throw new LovageError("usage", `${name} was not sent: ${known.refusal.reason}`);
    return {
      entry: name,
      task: entry.task,
      taskId: byHand.id,
      isSent: known !== null,
      queue: known?.answer.queue ?? null,
    };
  }

  previewBackfill(range: BackfillRange): BackfillPreview {
    const slot = this.#slot(range.entry);
    return this.#options.backfills.preview(slot, pastOf(range, this.#options.clock.now()));
  }

  async startBackfill(request: BackfillRequest): Promise<BackfillReport> {
    const slot = this.#slot(request.entry);
    const past = { ...request, ...pastOf(request, this.#options.clock.now()) };
    if (!(request.perSecond >= 0.1 && request.perSecond <= 1000)) {
      throw new LovageError("usage", "a backfill sends from 0.1 to 1000 messages a second");
    }
    return this.#options.backfills.start(slot, past);
  }

  backfills(): readonly BackfillReport[] {
    this.#assertLeads();
    return this.#options.backfills.reports();
  }

  async stopBackfill(id: string, by: string): Promise<BackfillReport> {
    this.#assertLeads();
    return this.#options.backfills.stop(id, by);
  }

  async resumeBackfill(id: string, by: string): Promise<BackfillReport> {
    this.#assertLeads();
    return this.#options.backfills.resume(id, by);
  }

  /** What became of occurrences: somebody may wait for one of them. */
  answered(answers: readonly Answer[], refusals: readonly Refusal[]): void {
    const settled = [...answers, ...refusals].filter(({ occurrence }) => occurrence.occasion === "manual");
    // It is told: nobody will send it again.
    this.#options.ledger.mark(settled.flatMap(({ occurrence }) => occurrence.byHand?.mark.entry ?? []));
    if (this.#awaited.size === 0) return;
    for (const answer of answers) this.#awaited.get(answer.taskId)?.({ answer });
    for (const refusal of refusals) this.#awaited.get(refusal.occurrence.byHand?.id ?? "")?.({ refusal });
  }

  /** Entries of which the broker's notes say something older than was said here, and when that was. */
  outdatedPauses(notes: ReadonlyMap<string, PauseNote>): ReadonlyMap<string, Instant> {
    return this.#pausing.outdated(notes);
  }

  /** At the beginning of a term: what was said under others. */
  adopt(notes: ReadonlyMap<string, string>): void {
    this.#pausing.adopt(notes);
  }

  /** Entries that are gone from the schedule. */
  forget(entries: readonly string[]): void {
    this.#pausing.forget(entries);
  }

  /** Null: it takes longer. */
  async #await(id: string): Promise<Outcome | null> {
    const limit = new AbortController();
    const outcome = new Promise<Outcome>((resolve) => this.#awaited.set(id, resolve));
    const known = await Promise.race([outcome, this.#options.clock.sleep(sendWithinMs, limit.signal).then(() => null)]);
    limit.abort();
    this.#awaited.delete(id);
    return known;
  }

  #slot(name: string): Slot {
    const { plan } = this.#options;
    this.#assertLeads();
    const slot = plan.slots.get(name);
    if (slot !== undefined) return slot;
    const meant = didYouMean(name, plan.slots.keys());
    const hint = meant === null ? "beat list shows all entries" : `did you mean ${meant}?`;
    throw new LovageError("usage", `there is no entry ${name}`, { hint });
  }

  #assertLeads(): void {
    if (this.#options.lease() !== null) return;
    const { leader } = this.#options.status();
    throw this.#standby(leader === null ? "nobody is known to lead yet" : `${leader} leads`);
  }

  #standby(why: string): LovageError {
    return new LovageError("standby", `this beat (${this.label}) stands by: ${why}`, {
      hint: "ask the one that leads",
    });
  }
}

/** Nobody schedules for earlier times; a schedule asked from the beginning of time might never answer. */
const earliestAt: Instant = Date.UTC(1900, 0);

/** A backfill is of the past: what is yet to come has its own time. */
function pastOf({ entry, fromAt, toAt }: BackfillRange, now: Instant): BackfillRange {
  if (!Number.isFinite(fromAt) || !Number.isFinite(toAt))
    throw new LovageError("usage", "the span is no pair of times");
  if (fromAt > toAt) throw new LovageError("usage", "the end of the span is before its beginning");
  if (fromAt > now) {
    const hint = "a backfill is of the past; what is yet to come runs in its time";
    throw new LovageError("usage", "the span begins in the future", { hint });
  }
  return { entry, fromAt: Math.max(fromAt, earliestAt), toAt: Math.min(toAt, now) };
}
