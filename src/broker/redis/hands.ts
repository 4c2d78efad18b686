// What a consumer has in hand: handed out as deliveries, until each is settled.
import { messageOf } from "../../error.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { decodeMessage } from "../../protocol/kombu.ts";
import { type ConsumeOptions, type Delivery, rejectedQueue } from "../consumer.ts";
import type { Ending, Settling } from "./settling.ts";
import { unackedEnd } from "./unacked.ts";

export interface HandsOptions {
  readonly settling: Settling;
  /** Before every key. */
  readonly prefix: string;
  readonly options: ConsumeOptions;
  /** There is room for one more. */
  readonly onSettled: (how: Ending["kind"]) => void;
}

export interface Taken {
  readonly tag: string;
  readonly queue: string;
  readonly text: string;
}

export class Hands {
  readonly #context: HandsOptions;
  readonly #tags = new Set<string>();
  /** Of those that were given to others and that nobody here has settled yet. */
  readonly #lost = new Set<string>();

  constructor(context: HandsOptions) {
    this.#context = context;
  }

  get tags(): ReadonlySet<string> {
    return this.#tags;
  }

  handOut({ tag, queue, text }: Taken): void {
    const { onDelivery } = this.#context.options;
    let envelope: Envelope;
    try {
      ({ envelope } = decodeMessage(text));
    } catch (error) {
      void this.#setAside({ tag, queue, text }, messageOf(error));
      return;
    }
    this.#tags.add(tag);
    onDelivery(this.#deliveryOf(tag, queue, envelope));
  }

  /** Back to its queue, unseen. */
  putBack(tag: string): void {
    void this.#context.settling.settle(tag, { kind: "requeue" }).catch(() => undefined);
  }

  /** It was given to somebody else. */
  lose(tag: string): void {
    if (!this.#tags.delete(tag)) return;
    this.#lost.add(tag);
    this.#context.onSettled("ack");
  }

  /** Everything that is still in hand, for whoever gives it back; nobody can settle it any more. */
  empty(): readonly string[] {
    const tags = [...this.#tags];
    this.#tags.clear();
    return tags;
  }

  #deliveryOf(tag: string, queue: string, envelope: Envelope): Delivery {
    return new HandedOut(envelope, queue, {
      isLost: () => this.#lost.has(tag),
      settle: (how) => this.#settle(tag, how === "aside" ? this.#aside(queue) : { kind: how }),
    });
  }

  #settle(tag: string, how: Ending): Promise<boolean> {
    this.#lost.delete(tag);
    if (!this.#tags.has(tag)) return Promise.resolve(false);
    const settled = this.#context.settling.settle(tag, how);
    const leave = (): void => {
      this.#tags.delete(tag);
      this.#context.onSettled(how.kind);
    };
    // What goes back must be there before the next is taken: it is the next.
    if (how.kind === "requeue") settled.then(leave, leave);
    else leave();
    return settled;
  }

  async #setAside({ tag, queue, text }: Taken, reason: string): Promise<void> {
    const { settling, options } = this.#context;
    const moved = await settling.settle(tag, this.#aside(queue)).catch(() => false);
    if (moved) options.onUnreadable({ queue, bytes: Buffer.byteLength(text), reason });
  }

  #aside(queue: string): Ending {
    return { kind: "aside", list: this.#context.prefix + rejectedQueue(queue), rest: unackedEnd(queue).length };
  }
}

interface Keeper {
  readonly isLost: () => boolean;
  readonly settle: (how: Ending["kind"]) => Promise<boolean>;
}

/** A class, for a getter in an object made anew for each message takes V8 many times as long. */
class HandedOut implements Delivery {
  readonly envelope: Envelope;
  readonly queue: string;
  readonly #keeper: Keeper;
  #settled: Promise<boolean> | undefined;

  constructor(envelope: Envelope, queue: string, keeper: Keeper) {
    this.envelope = envelope;
    this.queue = queue;
    this.#keeper = keeper;
  }

  get redelivered(): boolean {
    return this.envelope.headers["redelivered"] === true;
  }

  get isLost(): boolean {
    return this.#keeper.isLost();
  }

  ack(): Promise<boolean> {
    return (this.#settled ??= this.#keeper.settle("ack"));
  }

  reject(requeue: boolean): Promise<boolean> {
    return (this.#settled ??= this.#keeper.settle(requeue ? "requeue" : "aside"));
  }
}
