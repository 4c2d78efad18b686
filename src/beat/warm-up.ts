// A burst, played shortly before it comes: with copies of what will be due, and with a broker that sends nothing. What has not
// run for minutes is slow at first, and compiling it takes the processor from the broker: the first thousand messages of a
// process took three times as long as later ones.
import type { Broker } from "../broker/broker.ts";
import type { Clock, Instant } from "../clock.ts";
import type { ReadyGroup } from "./ahead.ts";
import { isDue } from "./due-order.ts";
import { Plan } from "./plan.ts";
import type { Publisher, PublisherOptions } from "./publish.ts";
import type { Slot } from "./slot.ts";
import { Turns } from "./steps.ts";
import { tick } from "./tick.ts";

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
/** What was played a moment ago needs no rounds. */
const coolsAfterMs = 5000;

export class WarmUp {
  readonly #options: WarmUpOptions;
  #rounds = firstRounds;
  #playedAt = Number.NEGATIVE_INFINITY;

  constructor(options: WarmUpOptions) {
    this.#options = options;
  }

  /** For when there is time: plays it until it is as fast as it gets. */
  async thoroughly(groups: readonly ReadyGroup[], dueAt: Instant, isTime: () => boolean): Promise<void> {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#playedAt < coolsAfterMs) return;
    const turns = new Turns(clock);
    for (; this.#rounds > 0; this.#rounds -= 1) {
      if (isTime()) return;
      await this.once(groups, dueAt);
      if (turns.isOver) await turns.pass();
    }
    this.#rounds = laterRounds;
  }

  /** Plays it once; takes some milliseconds. */
  async once(groups: readonly ReadyGroup[], dueAt: Instant): Promise<void> {
    const { plan, slots: copies } = this.#copy(groups);
    const publisher = this.#options.perform({ slots: copies, broker: this.#silent() });
    for (const { slots } of groups) publisher.add(tick(plan, dueAt, slots.length).due);
    await publisher.flush(0, new AbortController().signal);
    this.#playedAt = this.#options.clock.monotonic();
  }

  /** As they stand, so that nothing is planned anew, and what is played stays with the copies. */
  #copy(groups: readonly ReadyGroup[]): Copies {
    const plan = new Plan(() => undefined);
    const slots = new Map<string, Slot>();
    for (const group of groups) {
      const copies = group.slots.filter(isDue).map((slot) => ({ ...slot }));
      for (const copy of copies) {
        copy.ready = copy.ready && { ...copy.ready, group: { slots: copies } };
        slots.set(copy.entry.name, copy);
        plan.put(copy);
      }
    }
    return { plan, slots };
  }

  #silent(): Stage["broker"] {
    const { broker } = this.#options;
    return {
      leases: broker.leases,
      publish: async (envelopes, guard) => {
        // Nobody waits for it: a broker may be away.
        if (guard !== undefined) broker.warmUp?.(envelopes, guard).catch(() => undefined);
        return envelopes.map(() => "sent");
      },
    };
  }
}
