// What is due soon, played shortly before: with copies of it, and with a broker that sends nothing. What has not run for a while
// is slow at first, and in a burst, compiling it takes the processor from the broker: a thousand messages took twice as long,
// and one by itself, too.
import type { Broker } from "../broker/broker.ts";
import type { Clock, Instant } from "../clock.ts";
import type { ReadyGroup } from "./ahead.ts";
import { isDue } from "./due-order.ts";
import { Plan } from "./plan.ts";
import type { Publisher, PublisherOptions } from "./publish.ts";
import type { DueSlot, Slot } from "./slot.ts";
import { Turns } from "./steps.ts";
import { tick, tickLimit } from "./tick.ts";

/** What a burst is played with. */
export interface Stage {
  readonly slots: ReadonlyMap<string, Slot>;
  readonly broker: PublisherOptions["broker"];
}

interface Copies {
  readonly plan: Plan;
  readonly slots: ReadonlyMap<string, Slot>;
}

export interface WarmUpOptions {
  readonly clock: Clock;
  readonly broker: Pick<Broker, "warmUp" | "leases">;
  /** A publisher like the one that will send the burst. */
  readonly perform: (stage: Stage) => Publisher;
}

/** So often until what is worth compiling is compiled; the engine keeps it, but not for ever. */
const firstRounds = 40;
const laterRounds = 5;
/** What was played a moment ago needs no rounds, and a blink ago nothing at all. */
const momentMs = 5000;
const blinkMs = 500;

export class WarmUp {
  readonly #options: WarmUpOptions;
  #rounds = firstRounds;
  #playedAt = Number.NEGATIVE_INFINITY;
  #tookMs = 0;

  constructor(options: WarmUpOptions) {
    this.#options = options;
  }

  get isWarm(): boolean {
    return this.#playedWithin(blinkMs);
  }

  /** For when there is time: plays it until it is as fast as it gets. */
  async thoroughly(slots: readonly Slot[], dueAt: Instant, isTime: () => boolean): Promise<void> {
    if (this.#playedWithin(momentMs)) return;
    const turns = new Turns(this.#options.clock);
    for (; this.#rounds > 0; this.#rounds -= 1) {
      if (isTime()) return;
      await this.once(slots, dueAt);
      if (turns.isOver) await turns.pass();
    }
    this.#rounds = laterRounds;
  }

  /** Takes some milliseconds, or less than one where it was played a moment ago. */
  async once(slots: readonly Slot[], dueAt: Instant): Promise<void> {
    const beganAt = this.#options.clock.monotonic();
    const { plan, slots: copies } = copyOf(slots);
    const publisher = this.#options.perform({ slots: copies, broker: this.#silent() });
    for (let { due } = tick(plan, dueAt, tickLimit); due.length > 0; { due } = tick(plan, dueAt, tickLimit)) {
      publisher.add(due);
    }
    await publisher.flush(0, new AbortController().signal);
    this.#playedAt = this.#options.clock.monotonic();
    this.#tookMs = this.#playedAt - beganAt;
  }

  /** Going by what it took the last time. What took too long is tried again some other time. */
  isShorterThan(ms: number): boolean {
    const isShorter = this.#tookMs < ms;
    if (!isShorter) this.#tookMs /= 2;
    return isShorter;
  }

  #playedWithin(ms: number): boolean {
    return this.#options.clock.monotonic() - this.#playedAt < ms;
  }

  #silent(): Stage["broker"] {
    const { broker } = this.#options;
    return {
      leases: broker.leases,
      publish: async (envelopes, guard) => {
        // Nobody waits for it: a broker may be away.
        if (guard !== undefined) void quietly(async () => broker.warmUp?.(envelopes, guard));
        return envelopes.map(() => "sent");
      },
    };
  }
}

async function quietly(act: () => Promise<void>): Promise<void> {
  await act().catch(() => undefined);
}

/** As they stand, so that nothing is planned anew, and what is played stays with the copies. */
function copyOf(slots: readonly Slot[]): Copies {
  const plan = new Plan(() => undefined);
  const copies = new Map<string, Slot>();
  const groups = new Map<ReadyGroup, { readonly slots: DueSlot[] }>();
  for (const slot of slots) {
    if (!isDue(slot)) continue;
    const copy = { ...slot };
    const group = copy.ready?.group ?? null;
    if (copy.ready !== null && group !== null) {
      const together = groups.get(group) ?? { slots: [] };
      groups.set(group, together);
      together.slots.push(copy);
      copy.ready = { ...copy.ready, group: together };
    }
    copies.set(copy.entry.name, copy);
    plan.put(copy);
  }
  return { plan, slots: copies };
}
