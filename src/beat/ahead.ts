// Messages made shortly before they are due: on the minute they only have to be sent, and the making has warmed up.
import type { Clock, Instant } from "../clock.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { prime } from "../protocol/message-template.ts";
import type { Entry } from "../schedule/entry.ts";
import { scheduledOccurrence } from "./occurrence.ts";
import type { DueSlot, Plan } from "./plan.ts";
import type { PublisherOptions } from "./publish.ts";

export interface AheadOptions {
  readonly plan: Plan;
  readonly clock: Clock;
  readonly createEnvelope: PublisherOptions["createEnvelope"];
}

/** A message for the entry as it was then. */
export interface Ready {
  readonly entry: Entry;
  readonly dueAt: Instant;
  readonly envelope: Envelope;
}

/** So long before something is due its message is begun. */
export const aheadMs = 1000;
/** Of a burst; more would only take memory: those behind them are made while these are on their way. */
const most = 20_000;
/** Between two turns of the event loop, and so long before the time everything rests. */
const sliceSize = 100;
const restMs = 20;

export class Ahead {
  readonly #options: AheadOptions;

  constructor(options: AheadOptions) {
    this.#options = options;
  }

  /** Resolves when the messages of what is due at `dueAt` are made, as many as time and memory allow. Never rejects. */
  async prepare(dueAt: Instant, signal: AbortSignal): Promise<void> {
    const { plan, clock } = this.#options;
    const slots = plan.dueBy(dueAt, most);
    for (const [index, slot] of slots.entries()) {
      if (index % sliceSize === sliceSize - 1) await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted || (index > 0 && clock.now() >= dueAt - restMs)) return;
      this.#make(slot);
    }
  }

  #make(slot: DueSlot): void {
    const { entry, dueAt, sendAt, ready } = slot;
    if (ready?.entry === entry && ready.dueAt === dueAt) return;
    try {
      const envelope = this.#options.createEnvelope(scheduledOccurrence(slot), sendAt);
      prime(envelope);
      slot.ready = { entry, dueAt, envelope };
    } catch {
      // What is wrong with it is said when its time has come.
      slot.ready = null;
    }
  }
}
