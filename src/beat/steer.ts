// A running beat, asked and told: who leads answers for the schedule, and what it is told holds at once, is written down, and
// is made known to whoever leads next.
import { randomUUID } from "node:crypto";
import { StaleTermError } from "../broker/broker.ts";
import type { Lease } from "../broker/lease.ts";
import type { Clock, Instant } from "../clock.ts";
import { didYouMean, LovageError } from "../error.ts";
import type { Emit } from "../event.ts";
import type { EntryState, Pause, Run, Store } from "../store/store.ts";
import type { Backfills } from "./backfill.ts";
import { previewRange } from "./backfill-range.ts";
import type { Answer, Refusal } from "./dispatch.ts";
import type { Ledger } from "./ledger.ts";
import { manualMark, type Occurrence } from "./occurrence.ts";
import { pauseName, readPauses, writePause } from "./pauses.ts";
import type { Plan, Slot } from "./plan.ts";
import { type Dropped, droppedUpTo } from "./recover.ts";
import { pageOf, reportOf, upcomingOf } from "./report.ts";
import { settlePaused } from "./settle.ts";
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
  PauseRequest,
  ResumeReport,
  ResumeRequest,
  RunReport,
  RunRequest,
  Upcoming,
} from "./steering.ts";

export interface SteerOptions {
  readonly scope: string;
  readonly label: string;
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly store: Store;
  readonly backfills: Backfills;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Null while another beat leads. */
  readonly lease: () => Lease | null;
  readonly status: () => BeatStatus;
  readonly send: (occurrences: readonly Occurrence[]) => void;
  /** There may be something new to do. */
  readonly wake: () => void;
}

type Outcome = { readonly answer: Answer } | { readonly refusal: Refusal };

/** How long a run by hand waits for the broker before it says that it will go out later. */
const sendWithinMs = 3000;
const noteWithinMs = 1000;
/** Occurrences of a pause are counted up to here, for people. */
const countLimit = 10_000;

export class Steer implements BeatSteering {
  readonly #options: SteerOptions;
  readonly #awaited = new Map<string, (outcome: Outcome) => void>();
  #manualMarkAt: Instant = 0;
  /** When something was last said of an entry's pause: what is said next is later, whatever this host's clock thinks. */
  readonly #notedAt = new Map<string, Instant>();

  constructor(options: SteerOptions) {
    this.#options = options;
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

  upcoming(limit: number): readonly Upcoming[] {
    const { plan, scope } = this.#options;
    this.#assertLeads();
    return upcomingOf(plan, scope, limit);
  }

  async pause({ entries, by, reason }: PauseRequest): Promise<readonly EntryReport[]> {
    const { plan, clock, emit } = this.#options;
    const slots = entries.map((name) => this.#slot(name));
    const now = clock.now();
    const before = slots.map(({ state }) => state);
    const pauses = entries.map((name): [string, Pause] => [name, { at: this.#saidAt(name, now), by, reason }]);
    plan.setPaused(new Map(pauses), now);
    await this.#writePauses(slots, before, now);
    for (const entry of entries) emit({ type: "entry-paused", entry, by, reason });
    return slots.map(reportOf);
  }

  async resume({ entries, by, catchUp }: ResumeRequest): Promise<readonly ResumeReport[]> {
    const { plan, ledger, clock, emit, wake } = this.#options;
    const slots = entries.map((name) => this.#slot(name));
    const now = clock.now();
    const paused = slots.filter(({ state }) => state.paused !== null);
    const before = paused.map(({ state }) => state);
    const given = new Map(paused.map((slot) => [slot, catchUp ? null : droppedBy(slot, now)]));
    const settled = [...given].flatMap(([slot, dropped]) =>
      dropped === null ? [] : [settlePaused(slot, dropped, now)],
    );
    for (const { entry } of paused) this.#saidAt(entry.name, now);
    plan.setPaused(new Map(paused.map(({ entry }) => [entry.name, null])), now);
    await this.#writePauses(paused, before, now);
    for (const { entry } of paused) emit({ type: "entry-resumed", entry: entry.name, by, catchUp });
    await ledger.settle(
      settled.map((one) => ({ ...one, states: one.states.flatMap(({ name }) => stateOf(plan, name)) })),
    );
    wake();
    return slots.map((slot) => {
      const count = given.get(slot)?.count ?? 0;
      return { ...reportOf(slot), given: count, wasPaused: given.has(slot) };
    });
  }

  async run({ entry: name, by, reason }: RunRequest): Promise<RunReport> {
    const { clock, send } = this.#options;
    const { entry, schedule } = this.#slot(name);
    const now = clock.now();
    // Each has a number of its own under one mark: sent again because an answer got lost, it is a duplicate.
    this.#manualMarkAt = Math.max(this.#manualMarkAt + 1, now);
    const note = `by ${by}${reason === null ? "" : `: ${reason}`}`;
    const byHand = { id: randomUUID(), mark: { entry: manualMark, dueAt: this.#manualMarkAt }, note };
    const nextDueAt = entry.options.expires === "next" ? schedule.next(now) : null;
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
    const { schedule } = this.#slot(range.entry);
    assertRange(range);
    return previewRange(schedule, range);
  }

  async startBackfill(request: BackfillRequest): Promise<BackfillReport> {
    const slot = this.#slot(request.entry);
    assertRange(request);
    if (!(request.perSecond >= 0.1 && request.perSecond <= 1000)) {
      throw new LovageError("usage", "a backfill sends from 0.1 to 1000 messages a second");
    }
    return this.#options.backfills.start(slot, request);
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
    if (this.#awaited.size === 0) return;
    for (const answer of answers) this.#awaited.get(answer.taskId)?.({ answer });
    for (const refusal of refusals) this.#awaited.get(refusal.occurrence.byHand?.id ?? "")?.({ refusal });
  }

  /** At the beginning of a term: numbers go on after those of whoever led before. */
  adopt(marks: ReadonlyMap<string, Instant>, notes: ReadonlyMap<string, string>): void {
    for (const [entry, { at }] of readPauses(notes)) this.#notedAt.set(entry, at);
    this.#manualMarkAt = Math.max(this.#manualMarkAt, marks.get(manualMark) ?? 0);
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

  #saidAt(entry: string, now: Instant): Instant {
    const at = Math.max(now, (this.#notedAt.get(entry) ?? 0) + 1);
    this.#notedAt.set(entry, at);
    return at;
  }

  /** Under a term that is over it was never said: the one who leads decides. */
  async #writePauses(slots: readonly Slot[], before: readonly EntryState[], now: Instant): Promise<void> {
    const { ledger, plan, clock } = this.#options;
    const states = slots.map(({ state }) => state);
    const noteOf = ({ name, paused }: EntryState): readonly [string, string] => {
      const at = this.#notedAt.get(name) ?? now;
      return [pauseName(name), writePause({ at, paused })];
    };
    const notes = states.map(noteOf);
    const recorded = ledger.record({ states });
    const limit = new AbortController();
    const noted = ledger.note(new Map(notes)).finally(() => limit.abort());
    try {
      // A broker that does not answer is told later; the pause holds here and in the record.
      await Promise.race([noted, clock.sleep(noteWithinMs, limit.signal)]);
    } catch (error) {
      if (!(error instanceof StaleTermError)) throw error;
      for (const [name] of notes) ledger.dropNote(name);
      restore(plan, before, now);
      await ledger.record({ states: before });
      throw this.#standby("another beat leads");
    }
    noted.catch(() => undefined);
    await recorded;
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

function stateOf(plan: Plan, name: string): readonly EntryState[] {
  const state = plan.slots.get(name)?.state;
  return state === undefined ? [] : [state];
}

function restore(plan: Plan, states: readonly EntryState[], now: Instant): void {
  for (const state of states) {
    const slot = plan.slots.get(state.name);
    if (slot !== undefined) slot.state = state;
  }
  plan.setPaused(new Map(states.map(({ name, paused }) => [name, paused])), now);
}

/** What the schedule held since the pause began. */
function droppedBy({ entry, schedule, state }: Slot, now: Instant): Dropped | null {
  const { paused } = state;
  if (paused === null || !entry.enabled || (entry.maxRuns !== null && state.runs >= entry.maxRuns)) return null;
  const reason = `paused by ${paused.by}${paused.reason === null ? "" : `: ${paused.reason}`}`;
  return droppedUpTo(schedule, { after: state.settledAt, until: now, limit: countLimit }, reason);
}

function assertRange({ fromAt, toAt }: BackfillRange): void {
  const isSound = Number.isFinite(fromAt) && Number.isFinite(toAt);
  if (isSound && fromAt <= toAt) return;
  throw new LovageError(
    "usage",
    isSound ? "the end of the span is before its beginning" : "the span is no pair of times",
  );
}
