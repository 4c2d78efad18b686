// Acks and rejects on their way: what comes while others are under way goes together, and what got no answer goes again.
import { LovageError } from "../../error.ts";
import { rejectedKept } from "../consumer.ts";
import { ackScript, setAsideScript } from "./consume-scripts.ts";
import type { ConsumerKeys } from "./consumer-keys.ts";
import type { ConsumerLink } from "./consumer-link.ts";
import { giveBack, type Settled } from "./give-back.ts";

export interface Settlement {
  readonly tag: string;
  readonly how: Ending;
}

export type Ending =
  | { readonly kind: "ack" }
  /** Back to its place in the queue. */
  | { readonly kind: "requeue" }
  /** To a list for what nobody can run; `rest` characters stand after the message in unacked. */
  | { readonly kind: "aside"; readonly list: string; readonly rest: number };

interface Waiting extends Settlement {
  readonly resolve: (ours: boolean) => void;
  readonly reject: (error: unknown) => void;
  /** It was sent and not answered, and has been ours ever since: what is gone by now, we have settled. */
  tried: boolean;
}

const tagsPerCall = 500;

export class Settling {
  readonly #keys: ConsumerKeys;
  #waiting: Waiting[] = [];
  readonly #sent = new Set<Promise<void>>();
  #link: ConsumerLink | undefined;
  #timer: NodeJS.Immediate | undefined;
  /** Among what waits is something that was not tried yet. */
  #isNew = false;

  constructor(keys: ConsumerKeys) {
    this.#keys = keys;
  }

  /** Resolves with whether the message was still ours. */
  settle(tag: string, how: Ending): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ tag, how, resolve, reject, tried: false });
      this.#isNew = true;
      this.#flushSoon();
    });
  }

  /**
   * Goes on over a new connection.
   *
   * @param kept nobody has taken us for dead meanwhile
   */
  resume(link: ConsumerLink, kept: boolean): void {
    this.#link = link;
    if (!kept) for (const waiting of this.#waiting) waiting.tried = false;
    this.flush();
  }

  /** Sends what waits, now. What fails waits for the next time. */
  flush(): void {
    clearImmediate(this.#timer);
    this.#timer = undefined;
    const link = this.#link;
    if (link === undefined || link.isLost || this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#isNew = false;
    for (let start = 0; start < waiting.length; start += tagsPerCall) {
      this.#send(link, waiting.slice(start, start + tagsPerCall));
    }
  }

  /** Resolves when all that was to be settled has been tried once more. */
  async drain(): Promise<void> {
    this.flush();
    await Promise.all(this.#sent);
  }

  /** Gives up what still waits. */
  end(url: string): void {
    clearImmediate(this.#timer);
    this.#link = undefined;
    const error = new LovageError("broker", `closed before ${url} took the acknowledgement`, {
      hint: "the message comes back to its queue",
    });
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** All of one turn of the loop together; and no longer than an answer takes, all that comes while one is awaited. */
  #flushSoon(): void {
    if (this.#sent.size === 0) this.#timer ??= setImmediate(() => this.flush());
  }

  #send(link: ConsumerLink, batch: readonly Waiting[]): void {
    const done = this.#settle(link, batch)
      .catch(() => {
        for (const waiting of batch) waiting.tried = true;
        this.#waiting.unshift(...batch);
      })
      .finally(() => {
        this.#sent.delete(done);
        if (this.#isNew) this.#flushSoon();
      });
    this.#sent.add(done);
  }

  async #settle(link: ConsumerLink, batch: readonly Waiting[]): Promise<void> {
    const answers = await Promise.all([
      this.#ack(link, tagsOf(batch, "ack")),
      // The oldest first, to be the next one out.
      giveBack(link, this.#keys, tagsOf(batch, "requeue").sort(byNumber)),
      this.#setAside(link, batch),
    ]);
    const settled = new Map(answers.flatMap((answer) => [...answer]));
    for (const waiting of batch) {
      const answer = settled.get(waiting.tag);
      if (answer === -1) this.#waiting.push(waiting);
      else waiting.resolve(answer === 1 || waiting.tried);
    }
  }

  async #ack(link: ConsumerLink, tags: readonly string[]): Promise<ReadonlyMap<string, Settled>> {
    if (tags.length === 0) return new Map();
    const { unacked, index } = this.#keys;
    const answers = (await link.call(ackScript, [unacked, index], tags)) as Settled[];
    return new Map(tags.map((tag, position) => [tag, answers[position] ?? 0]));
  }

  async #setAside(link: ConsumerLink, batch: readonly Waiting[]): Promise<ReadonlyMap<string, Settled>> {
    const asides = batch.flatMap(({ tag, how }) => (how.kind === "aside" ? [{ tag, ...how }] : []));
    if (asides.length === 0) return new Map();
    const keys = [this.#keys.unacked, this.#keys.index, ...asides.map(({ list }) => list)];
    const args = asides.flatMap(({ tag, rest }) => [tag, String(rest)]);
    const answers = (await link.call(setAsideScript, keys, [String(rejectedKept), ...args])) as Settled[];
    return new Map(asides.map(({ tag }, position) => [tag, answers[position] ?? 0]));
  }
}

function tagsOf(batch: readonly Waiting[], kind: Ending["kind"]): string[] {
  return batch.filter(({ how }) => how.kind === kind).map(({ tag }) => tag);
}

/** By the number that a consumer gave to what it took: the older first. */
export function byNumber(left: string, right: string): number {
  return numberOf(left) - numberOf(right);
}

function numberOf(tag: string): number {
  return Number(tag.slice(tag.lastIndexOf(":") + 1));
}
