// Pausing and resuming: in force at once, written to the record and to the broker, and told to nobody who does not lead.
import { StaleTermError } from "../../broker/broker.ts";
import type { Clock, Instant } from "../../clock.ts";
import type { LovageError } from "../../error.ts";
import type { Emit } from "../../event.ts";
import type { EntryState, Pause } from "../../store/store.ts";
import type { Ledger } from "../ledger.ts";
import {
  countBudget,
  droppedBy,
  type PauseNote,
  pausedEvent,
  pauseName,
  readPauses,
  saidAt,
  writePause,
} from "./pauses.ts";
import type { Plan, Slot } from "../plan.ts";
import type { Dropped } from "../recover.ts";
import { missedEvent, type Settled, settleSkipped } from "../settle.ts";
import { defer } from "../under-way.ts";
import type { PauseRequest, ResumeRequest } from "./steering.ts";

export interface PausingOptions {
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Takes what waits to be sent out of line. */
  readonly withdraw: (entries: ReadonlySet<string>) => void;
  /** There may be something new to do. */
  readonly wake: () => void;
  readonly standby: (why: string) => LovageError;
}

const noteWithinMs = 1000;

export class Pausing {
  readonly #options: PausingOptions;
  /** When something was last said of an entry's pause: what is said next is later, whatever this host's clock thinks. */
  readonly #notedAt = new Map<string, Instant>();

  constructor(options: PausingOptions) {
    this.#options = options;
  }

  /** Notes that are older than what was said here since: the broker came back with old data. */
  outdated(notes: ReadonlyMap<string, PauseNote>): ReadonlyMap<string, Instant> {
    const isOlder = ([entry, at]: readonly [string, Instant]): boolean => (notes.get(entry)?.at ?? at) < at;
    return new Map([...this.#notedAt].filter(isOlder));
  }

  /** At the beginning of a term: what was said under others. */
  adopt(notes: ReadonlyMap<string, string>): void {
    for (const [entry, { at }] of readPauses(notes)) {
      this.#notedAt.set(entry, Math.max(at, this.#notedAt.get(entry) ?? at));
    }
  }

  /** Of entries that are gone. */
  forget(entries: readonly string[]): void {
    for (const entry of entries) this.#notedAt.delete(entry);
  }

  /** In force at once; resolves when it is written down. */
  async pause(slots: readonly Slot[], { entries, by, reason }: PauseRequest): Promise<void> {
    const { plan, clock, emit, withdraw } = this.#options;
    const now = clock.now();
    const before = this.#wordsOn(slots);
    const pauses = entries.map((name): [string, Pause] => [name, { at: this.#saidAt(name, now), by, reason }]);
    plan.setPaused(new Map(pauses), now);
    withdraw(new Set(entries));
    await this.#writePauses(slots, before, now);
    for (const entry of entries) emit(pausedEvent(entry, { by, reason }));
  }

  /** Gives how many occurrences were given up, of those that were paused. */
  async resume(slots: readonly Slot[], { by, catchUp }: ResumeRequest): Promise<ReadonlyMap<Slot, number>> {
    const { plan, ledger, clock, emit, wake } = this.#options;
    const now = clock.now();
    const paused = slots.filter(({ state }) => state.paused !== null);
    const before = this.#wordsOn(paused);
    const budget = countBudget();
    const given = new Map(paused.map((slot) => [slot, catchUp ? null : droppedBy(slot, now, budget)]));
    const settled = [...given].flatMap(([slot, dropped]) => (dropped === null ? [] : [giveUp(slot, dropped, now)]));
    for (const { entry } of paused) this.#saidAt(entry.name, now);
    plan.setPaused(new Map(paused.map(({ entry }) => [entry.name, null])), now);
    await this.#writePauses(paused, before, now);
    for (const { entry } of paused) emit({ type: "entry-resumed", entry: entry.name, by, catchUp });
    ledger.settle(settled.map((one) => ({ ...one, states: one.states.flatMap(({ name }) => stateOf(plan, name)) })));
    wake();
    return new Map([...given].map(([slot, dropped]) => [slot, dropped?.count ?? 0]));
  }

  #saidAt(entry: string, now: Instant): Instant {
    const at = saidAt(this.#notedAt.get(entry), now);
    this.#notedAt.set(entry, at);
    return at;
  }

  #wordsOn(slots: readonly Slot[]): readonly Words[] {
    return slots.map(({ state }) => ({ state, notedAt: this.#notedAt.get(state.name) }));
  }

  /** Under a term that is over it was never said: the one who leads decides. */
  async #writePauses(slots: readonly Slot[], before: readonly Words[], now: Instant): Promise<void> {
    const { ledger } = this.#options;
    const states = slots.map(({ state }) => state);
    const noteOf = ({ name, paused }: EntryState): readonly [string, string] => {
      const at = this.#notedAt.get(name) ?? now;
      return [pauseName(name), writePause({ at, paused })];
    };
    const notes = states.map(noteOf);
    const recorded = ledger.record({ states });
    const noted = ledger.note(new Map(notes)).catch(async (error: unknown) => {
      if (!(error instanceof StaleTermError)) throw error;
      for (const [name] of notes) ledger.dropNote(name);
      await this.#undo(before, now);
      throw this.#options.standby("another beat leads");
    });
    // A broker that does not answer is told later; the pause holds here and in the record.
    await Promise.race([noted, this.#patience(noted)]);
    noted.catch(() => undefined);
    await recorded;
  }

  /** Twice: a process that was stopped meanwhile wakes with the first already over. */
  async #patience(noted: Promise<void>): Promise<void> {
    const { clock } = this.#options;
    const limit = new AbortController();
    void noted.finally(() => limit.abort()).catch(() => undefined);
    await clock.sleep(noteWithinMs, limit.signal);
    await clock.sleep(noteWithinMs, limit.signal);
  }

  /** As if nothing had been said. */
  async #undo(before: readonly Words[], now: Instant): Promise<void> {
    const { plan, ledger } = this.#options;
    for (const { state, notedAt } of before) {
      const { name, skipped, settledAt } = state;
      if (notedAt === undefined) this.#notedAt.delete(name);
      else this.#notedAt.set(name, notedAt);
      const slot = plan.slots.get(name);
      if (slot !== undefined) slot.state = { ...slot.state, skipped, settledAt };
    }
    plan.setPaused(new Map(before.map(({ state: { name, paused } }) => [name, paused])), now);
    await ledger.record({ states: before.flatMap(({ state }) => stateOf(plan, state.name)) });
  }
}

/** What is known of an entry's pause. */
interface Words {
  readonly state: EntryState;
  readonly notedAt: Instant | undefined;
}

function stateOf(plan: Plan, name: string): readonly EntryState[] {
  const state = plan.slots.get(name)?.state;
  return state === undefined ? [] : [state];
}

/** Said at once; written down behind what was on its way when the pause began. */
function giveUp(slot: Slot, dropped: Dropped, now: Instant): Settled {
  if (defer(slot, { dropped, cause: "paused" })) return settleSkipped(slot, dropped, "paused", now);
  return { states: [], runs: [], events: [missedEvent(slot.entry.name, "paused", dropped)] };
}
