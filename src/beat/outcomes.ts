// What became of messages, until there is time to write it down.
import type { PublishOutcome } from "../broker/broker.ts";
import type { Instant } from "../clock.ts";
import { type Answer, answerOf, type Dispatch, type Refusal } from "./dispatch.ts";

export type Settle = (answers: readonly Answer[], refusals: readonly Refusal[]) => void;

/** A batch as it was answered. Answers are made of it when they are settled: in a burst they would only be in the way. */
interface Answered {
  readonly dispatches: readonly Dispatch[];
  readonly outcomes: readonly PublishOutcome[];
  readonly sentAt: Instant;
}

export class Outcomes {
  readonly #settle: Settle;
  #answered: Answered[] = [];
  #size = 0;
  #refusals: Refusal[] = [];

  constructor(settle: Settle) {
    this.#settle = settle;
  }

  /** Messages that were answered and are not settled. */
  get size(): number {
    return this.#size;
  }

  answer(answered: Answered): void {
    this.#answered.push(answered);
    this.#size += answered.dispatches.length;
  }

  refuse(refusals: readonly Refusal[]): void {
    for (const refusal of refusals) this.#refusals.push(refusal);
  }

  /** Settles about so many of the oldest, what was refused behind what was sent before it. True: there is more. */
  settle(most = Number.POSITIVE_INFINITY): boolean {
    const answers: Answer[] = [];
    let batches = 0;
    for (const { dispatches, outcomes, sentAt } of this.#answered) {
      for (const [index, dispatch] of dispatches.entries()) {
        answers.push(answerOf(dispatch, outcomes[index] ?? "sent", sentAt));
      }
      batches += 1;
      if (answers.length >= most) break;
    }
    this.#answered.splice(0, batches);
    this.#size -= answers.length;
    const refusals = this.#answered.length > 0 ? [] : this.#refusals.splice(0);
    if (answers.length + refusals.length > 0) this.#settle(answers, refusals);
    return this.#answered.length > 0;
  }
}
