// What a consumer has in hand, in step with the tables: each call is one transaction, and fails as a whole.
import type { BoundQueue } from "../consumer.ts";
import type { Claims, Row, Verdict } from "./claims.ts";
import type { BrokerFile } from "./file.ts";
import { takeInTurns } from "./turns.ts";

export interface Proposal {
  readonly row: Row;
  readonly verdict: Verdict;
}

export interface Exchange {
  /** For each proposal, whether the message was still ours. */
  readonly answers: readonly boolean[];
  readonly taken: readonly Row[];
}

export class Hold {
  readonly #file: BrokerFile;
  readonly #claims: Claims;
  /** Also those that were cancelled since: temporary ones go when we do. */
  readonly #declared = new Map<string, BoundQueue>();
  readonly #inHand = new Set<Row>();
  #generation = -1;

  constructor(file: BrokerFile, claims: Claims) {
    this.#file = file;
    this.#claims = claims;
  }

  get size(): number {
    return this.#inHand.size;
  }

  declare(queues: readonly BoundQueue[]): void {
    for (const queue of queues) this.#declared.set(queue.name, queue);
    this.#transact(() => {
      for (const queue of queues) this.#claims.declare(queue);
    });
  }

  /** Whether there is anything to take. A look costs others nothing; a transaction holds them up. */
  isWorthIt(queues: readonly string[]): boolean {
    return this.#file.read(
      () => this.#file.generation !== this.#generation || queues.some((queue) => this.#claims.isReady(queue)),
    );
  }

  exchange(proposals: readonly Proposal[], queues: readonly string[], room: number): Exchange {
    const result = this.#transact(() => ({
      answers: this.#settle(proposals),
      taken: takeInTurns(queues, room, (queue, most) => this.#claims.take(queue, most)),
    }));
    for (const { row } of proposals) this.#inHand.delete(row);
    for (const row of result.taken) this.#inHand.add(row);
    return result;
  }

  /** Settles, and gives back all the rest. */
  end(proposals: readonly Proposal[]): readonly boolean[] {
    const answers = this.#transact(() => {
      const settled = this.#settle(proposals);
      this.#claims.bury();
      return settled;
    });
    this.#inHand.clear();
    return answers;
  }

  /** In a file that replaced ours, and after somebody took us for dead, we are not known. */
  #transact<T>(work: () => T): T {
    let generation = this.#generation;
    const result = this.#file.transaction(() => {
      generation = this.#file.generation;
      // Their numbers may be those of other messages by now.
      if (generation !== this.#generation) this.#inHand.clear();
      if (generation !== this.#generation || !this.#claims.isRegistered()) this.#introduce();
      return work();
    });
    this.#generation = generation;
    return result;
  }

  #introduce(): void {
    this.#claims.register();
    for (const queue of this.#declared.values()) this.#claims.declare(queue);
  }

  #settle(proposals: readonly Proposal[]): readonly boolean[] {
    const answers = proposals.map(({ row, verdict }) => this.#inHand.has(row) && this.#claims.settle(row.id, verdict));
    const aside = proposals.filter(({ verdict }) => verdict === "aside").map(({ row }) => row.queue);
    for (const queue of new Set(aside)) this.#claims.trimAside(queue);
    return answers;
  }
}
