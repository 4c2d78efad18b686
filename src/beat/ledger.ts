// What beat writes down: to the beat-record what became of occurrences, to the broker the marks of what is settled without a
// message, and notes. The broker may be away: what it could not be told is told later, in the order it happened.
import { type Broker, type Mark, StaleTermError } from "../broker/broker.ts";
import type { Lease, SetMarksOptions } from "../broker/lease.ts";
import type { Clock } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Changes, EntryState, Store } from "../store/store.ts";
import type { Plan } from "./plan.ts";
import { Recorder } from "./recorder.ts";
import type { Settled } from "./settle.ts";

export interface LedgerOptions {
  readonly broker: Broker;
  readonly store: Store;
  readonly plan: Plan;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Entries with occurrences on their way: their own marks come with them, and must not find newer ones. */
  readonly pendingEntries: () => ReadonlySet<string>;
}

const recordWithinMs = 2000;
/** After a long absence of the broker there may be very many, and others are due meanwhile. */
const marksAtOnce = 1000;

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #recorder: Recorder;
  #lease: Lease | null = null;
  /** Entries whose mark on the broker is behind their state, or that are gone. */
  #unmarked = new Set<string>();
  #notes = new Map<string, string | null>();
  #flushing: Promise<void> = Promise.resolve();
  #isFlushing = false;
  /** The broker has said that another beat leads. */
  #isStale = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#recorder = new Recorder(options.store, options.emit);
  }

  /** Notes that the broker has not taken yet; null: to be removed. */
  get waitingNotes(): ReadonlyMap<string, string | null> {
    return this.#notes;
  }

  /** From now on the broker is told, under this lease; null: another beat leads. */
  set lease(lease: Lease | null) {
    this.#lease = lease;
    this.#isStale = false;
    if (lease !== null) this.#recorder.term = lease.term;
  }

  /** Records in the background, and reports; where nothing was sent, the marks follow. */
  settle(settled: readonly Settled[]): void {
    for (const { events } of settled) events.forEach(this.#options.emit);
    const states = settled.flatMap((one) => one.states);
    this.mark(settled.flatMap((one) => (one.isUnsent ? one.states.map(({ name }) => name) : [])));
    void this.#recorder.record({ states, runs: settled.flatMap(({ runs }) => runs) });
  }

  /**
   * At the beginning of a term, on a record that others share: from now on nobody who led before can write it.
   *
   * @throws what the store says
   */
  async claim(lease: Lease): Promise<void> {
    this.#recorder.dropStates();
    try {
      await this.#options.store.record({ term: lease.term });
    } catch (error) {
      // Some clock ran ahead when the newest term was given out. That must not stop the schedule.
      if (!(error instanceof LovageError) || error.code !== "stale-term") throw error;
      this.#options.emit({ type: "record-failed", reason: messageOf(error) });
    }
  }

  /** Resolves when it is written, or has to be written later; a record that does not answer is not waited for any longer. */
  async record(changes: Changes = {}): Promise<void> {
    const limit = new AbortController();
    const recorded = this.#recorder.record(changes).finally(() => limit.abort());
    await Promise.race([recorded, this.#options.clock.sleep(recordWithinMs, limit.signal)]);
  }

  /** Brings the marks of these entries to where their state is; gone ones lose theirs. In the background. */
  mark(entries: readonly string[]): void {
    if (entries.length === 0 || this.#lease === null) return;
    for (const entry of entries) this.#unmarked.add(entry);
    void this.flush();
  }

  /**
   * Resolves when the broker has taken them, or when it has to be tried again later: `waitingNotes` tells.
   *
   * @throws StaleTermError when another beat leads; the notes then wait here
   */
  async note(notes: ReadonlyMap<string, string | null>): Promise<void> {
    for (const [name, text] of notes) this.#notes.set(name, text);
    const { scope = "", term = 0 } = this.#lease ?? {};
    await this.flush();
    if (this.#isStale || this.#lease === null) throw new StaleTermError(scope, term);
  }

  /** Notes of what is gone go with the next flush. */
  forgetNotes(names: readonly string[]): void {
    if (this.#lease !== null) for (const name of names) this.#notes.set(name, null);
  }

  /** Forgets a note that waits, because the broker has a newer one. */
  dropNote(name: string): void {
    this.#notes.delete(name);
  }

  /** Tells the broker what it does not know yet. Never rejects. */
  async flush(): Promise<void> {
    if (!this.#isFlushing) this.#flushing = this.#flushAll();
    await this.#flushing;
  }

  /** @throws what the broker says */
  async markAll(lease: Lease, states: readonly EntryState[], gone: readonly string[]): Promise<void> {
    await this.#setMarks(lease, states, gone, {});
  }

  async #setMarks(
    lease: Lease,
    states: readonly EntryState[],
    gone: readonly string[],
    options: SetMarksOptions,
  ): Promise<void> {
    const { leases } = this.#options.broker;
    const marks = states.map(({ name, settledAt }) => ({ entry: name, dueAt: settledAt }));
    if (marks.length > 0) await leases?.setMarks(lease, marks, options);
    if (gone.length > 0) await leases?.dropMarks(lease, gone);
  }

  /** What comes in while something is on its way goes with the next turn; between the last look and the end nothing can. */
  async #flushAll(): Promise<void> {
    const lease = this.#lease;
    this.#isFlushing = true;
    try {
      for (;;) {
        const names = this.#toMark();
        if (lease === null || lease !== this.#lease || names.length + this.#notes.size === 0) break;
        await this.#flushMarks(lease, names);
        await this.#flushNotes(lease);
        this.#isStale = false;
      }
    } catch (error) {
      if (lease === this.#lease) this.#reportFailure(error);
    }
    this.#isFlushing = false;
  }

  #reportFailure(error: unknown): void {
    this.#isStale = error instanceof StaleTermError;
    if (this.#isStale) return;
    this.#options.emit({ type: "failure", where: "marks and notes on the broker", reason: messageOf(error) });
  }

  #toMark(): readonly string[] {
    if (this.#unmarked.size === 0) return [];
    const pending = this.#options.pendingEntries();
    const names: string[] = [];
    for (const name of this.#unmarked) {
      if (!pending.has(name)) names.push(name);
      if (names.length === marksAtOnce) break;
    }
    return names;
  }

  async #flushMarks(lease: Lease, names: readonly string[]): Promise<void> {
    const { slots } = this.#options.plan;
    for (const name of names) this.#unmarked.delete(name);
    try {
      const states = names.flatMap((name) => slots.get(name)?.state ?? []);
      const gone = names.filter((name) => !slots.has(name));
      await this.#setMarks(lease, states, gone, { forwardOnly: true });
    } catch (error) {
      for (const name of names) this.#unmarked.add(name);
      throw error;
    }
  }

  async #flushNotes(lease: Lease): Promise<void> {
    const { leases } = this.#options.broker;
    if (leases === undefined) this.#notes.clear();
    if (leases === undefined || this.#notes.size === 0) return;
    const notes = new Map(this.#notes);
    await leases.setNotes(lease, notes);
    for (const [name, text] of notes) if (this.#notes.get(name) === text) this.#notes.delete(name);
  }
}

/** The marks that differ from what is known: of entries, and of entries that are gone. */
export function marksToSet(
  states: readonly EntryState[],
  onBroker: ReadonlyMap<string, Mark["dueAt"]>,
): readonly EntryState[] {
  return states.filter((state) => onBroker.get(state.name) !== state.settledAt);
}
