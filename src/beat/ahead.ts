// Messages made shortly before they are due: on the minute they only have to be sent, and the making has warmed up. Many due
// at once are made in groups, which the broker can encode as they will be sent, and which are taken and sent together.
import { setImmediate } from "node:timers/promises";
import type { Broker } from "../broker/broker.ts";
import type { Clock, Instant } from "../clock.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { prime } from "../protocol/message-template.ts";
import type { Entry } from "../schedule/entry.ts";
import { markOf, type Occurrence, scheduledOccurrence } from "./occurrence.ts";
import type { Plan } from "./plan.ts";
import type { PublisherOptions } from "./publish.ts";
import type { DueSlot } from "./slot.ts";
import type { WarmUp } from "./warm-up.ts";
import { settleYoung } from "./young.ts";

export interface AheadOptions {
  readonly plan: Plan;
  readonly clock: Clock;
  readonly broker: Pick<Broker, "prepare">;
  readonly createEnvelope: PublisherOptions["createEnvelope"];
  readonly warmUp: Pick<WarmUp, "thoroughly" | "once" | "isWarm" | "isShorterThan">;
}

/** A message for the entry as it was then. */
export interface Ready {
  readonly entry: Entry;
  readonly dueAt: Instant;
  readonly envelope: Envelope;
  /** Those that go out with it, itself among them. */
  readonly group: ReadyGroup | null;
}

export interface ReadyGroup {
  readonly slots: readonly DueSlot[];
}

interface Wait {
  readonly dueAt: Instant;
  readonly signal: AbortSignal;
  readonly isTime: () => boolean;
}

/** So long before something is due its message is begun: a hundred thousand take some two seconds. */
export const aheadMs = 4000;
/** What is further away than that by now is so because the wall clock was set back. */
const farAwayMs = 10_000;
/** Of a burst; more would only take memory: those behind them are made while these are on their way. */
const most = 100_000;
/** Between two turns of the event loop, and so long before the time everything rests. */
const sliceSize = 100;
const restMs = 20;
/** The last warm-ups begin so long before the time, or are left out: they must be over by then. */
const lastWarmUps = {
  group: [{ ms: 15, leastMs: 10 }],
  single: [
    { ms: 7, leastMs: 4 },
    { ms: 3, leastMs: 2 },
  ],
} as const;
/** More take longer, and are no better. */
const warmUpGroups = 2;
/** As many as a broker takes at one stroke; fewer are as fast one by one. */
const groupSize = 500;
const smallestGroup = 50;

export class Ahead {
  readonly #options: AheadOptions;

  constructor(options: AheadOptions) {
    this.#options = options;
  }

  /**
   * Makes the messages of what is due at `dueAt`, as many as time and memory allow, and resolves some milliseconds before that
   * time, when they were played once more. Never rejects.
   */
  async prepare(dueAt: Instant, signal: AbortSignal): Promise<void> {
    const due = this.#options.plan.dueBy(dueAt, most);
    const missing = due.filter((slot) => !isReady(slot));
    const isTime = (): boolean => signal.aborted || this.#options.clock.now() >= dueAt - restMs;
    const together = missing.filter(({ entry, dueAt: at, sendAt }) => sendAt === at && entry.overlap === "allow");
    const grouped = new Set(together.length < smallestGroup ? [] : together);
    for (let start = 0; start < grouped.size && !isTime(); start += groupSize) {
      await this.#prepareGroup(together.slice(start, start + groupSize), isTime);
    }
    await this.#prepareSingly(
      missing.filter((slot) => !grouped.has(slot)),
      isTime,
    );
    await this.#warmUp(due, { dueAt, signal, isTime });
  }

  async #warmUp(due: readonly DueSlot[], wait: Wait): Promise<void> {
    const { dueAt, isTime } = wait;
    const groups = new Set(due.map(({ ready }) => ready?.group ?? null).filter((group) => group !== null));
    const grouped = [...groups].slice(0, warmUpGroups).flatMap(({ slots }) => slots);
    if (grouped.length > 0) {
      await this.#options.warmUp.thoroughly(grouped, dueAt, isTime);
      if (!isTime()) settleYoung();
    }
    if (isTime()) return;
    if (grouped.length > 0) await this.#warmUpLast(grouped, wait, lastWarmUps.group);
    else await this.#warmUpLast(due.slice(0, smallestGroup), wait, lastWarmUps.single);
  }

  async #warmUpLast(
    slots: readonly DueSlot[],
    { dueAt, signal }: Wait,
    times: (typeof lastWarmUps)[keyof typeof lastWarmUps],
  ): Promise<void> {
    const { clock, warmUp } = this.#options;
    for (const [index, { ms, leastMs }] of times.entries()) {
      const leftMs = dueAt - clock.now();
      if (leftMs > farAwayMs) return;
      await clock.sleep(leftMs - ms, signal);
      const isLate = signal.aborted || clock.now() > dueAt - leastMs;
      if (isLate || (index === 0 && warmUp.isWarm) || !warmUp.isShorterThan(dueAt - clock.now())) return;
      await warmUp.once(slots, dueAt);
    }
  }

  async #prepareSingly(slots: readonly DueSlot[], isTime: () => boolean): Promise<void> {
    for (const [index, slot] of slots.entries()) {
      // One is always made: on the minute it would be no sooner.
      if (index > 0 && isTime()) return;
      if (index % sliceSize === sliceSize - 1) await setImmediate();
      this.#makeSingle(slot);
    }
  }

  async #prepareGroup(slots: readonly DueSlot[], isTime: () => boolean): Promise<void> {
    const occurrences: Occurrence[] = [];
    const envelopes: Envelope[] = [];
    const group: ReadyGroup = { slots };
    for (const [index, slot] of slots.entries()) {
      if (index % sliceSize === sliceSize - 1) await setImmediate();
      if (isTime()) return;
      const occurrence = this.#make(slot, group);
      if (occurrence === null || slot.ready === null) continue;
      occurrences.push(occurrence);
      envelopes.push(slot.ready.envelope);
    }
    this.#options.broker.prepare?.(envelopes, occurrences.map(markOf));
    await setImmediate();
  }

  #makeSingle(slot: DueSlot): void {
    this.#make(slot, null);
    if (slot.ready !== null) prime(slot.ready.envelope);
  }

  #make(slot: DueSlot, group: ReadyGroup | null): Occurrence | null {
    const { entry, dueAt, sendAt } = slot;
    try {
      const occurrence = scheduledOccurrence(slot);
      slot.ready = { entry, dueAt, envelope: this.#options.createEnvelope(occurrence, sendAt), group };
      // It is asked again when its time has come, and remembers the answer.
      slot.schedule.next(dueAt);
      return occurrence;
    } catch {
      // What is wrong with it is said when its time has come.
      slot.ready = null;
      return null;
    }
  }
}

function isReady({ ready, entry, dueAt }: DueSlot): boolean {
  return ready !== null && ready.entry === entry && ready.dueAt === dueAt;
}
