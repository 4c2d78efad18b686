// What the end of a task means for others: its callbacks and errbacks, the rest of its chain, the chord it is part of.
import { doomed } from "../canvas/chord.ts";
import { type Family, planFailure, planSuccess } from "../canvas/continue.ts";
import type { Plan } from "../canvas/plan.ts";
import { LovageError, messageOf } from "../error.ts";
import { type Embed, readBodyText } from "../protocol/body.ts";
import type { ResultTuple } from "../protocol/result-meta.ts";
import { Chords, type End } from "./chords.ts";
import type { Outbox } from "./outbox.ts";
import type { Request } from "./request.ts";
import type { Workshop } from "./workshop.ts";

export class FollowUp {
  readonly #shop: Workshop;
  readonly #outbox: Outbox;
  readonly #chords: Chords;

  constructor(shop: Workshop, outbox: Outbox) {
    this.#shop = shop;
    this.#outbox = outbox;
    this.#chords = new Chords({ shop, send: (plan) => this.#send(plan) });
  }

  /**
   * Sends the callbacks and the chain's next task; the results to keep as the task's children.
   *
   * @throws {LovageError} when the worker ends before they are sent: the task's message must come again
   */
  succeeded(request: Request, embed: Embed, resultText: string): Promise<readonly ResultTuple[]> {
    const family = this.#familyOf(request);
    return this.#follow(() => planSuccess(embed, resultText, family));
  }

  /** Sends the errbacks. */
  async failed(request: Request, embed: Embed): Promise<void> {
    const family = this.#familyOf(request, false);
    await this.#follow(() => planFailure(embed, family));
  }

  /**
   * Once the result is kept: what waits for the task with others is told. Where it has not succeeded, the rest of its
   * chain ends as it did.
   *
   * @throws {LovageError} when the worker ends before that is done: the task's message must come again
   */
  async ended(request: Request, { chain, chord }: Embed, end: End): Promise<void> {
    const { id: taskId, groupId } = request;
    const family = this.#familyOf(request);
    if (chord !== null) {
      const groupIndex = indexOf(request);
      await this.#chords.ended({ taskId, groupId, groupIndex, chord, family }, end);
    }
    if (end.state === "SUCCESS" || chain === null) return;
    const rest = chain.toReversed().flatMap((signature) => doomed(signature));
    const silent = rest.map((task) => ({ ...task, errbacks: [] }));
    await this.#chords.doom(silent, end, family);
  }

  async #follow(plan: () => Plan): Promise<readonly ResultTuple[]> {
    try {
      const whole = plan();
      const refused = await this.#send(whole);
      if (refused === null) return whole.children;
      if (this.#shop.ending.aborted) throw new LovageError("broker", refused);
      this.#complain(refused);
    } catch (error) {
      if (this.#shop.ending.aborted) throw error;
      this.#complain(messageOf(error));
    }
    return [];
  }

  /** Null when the broker has all of it, else why it never will. */
  async #send({ chords, calls }: Plan): Promise<string | null> {
    try {
      const envelopes = calls.map((call) => this.#shop.app.createEnvelope(call));
      await this.#chords.open(chords);
      return await this.#outbox.send(envelopes);
    } catch (error) {
      return messageOf(error);
    }
  }

  #complain(reason: string): void {
    const whole = `what follows a task could not be sent: ${reason}`;
    this.#shop.emit({ type: "failure", where: "worker", reason: whole });
  }

  #familyOf(
    { id, rootId, delivery }: Request,
    inheritsPriority: boolean = this.#shop.app.conf.taskInheritParentPriority,
  ): Family {
    return { id, rootId, ...(inheritsPriority ? { priority: delivery.envelope.properties.priority } : {}) };
  }
}

/** What its message asks to follow; for a task whose process is gone, or that never ran, nobody else has read it. */
export function embedOf({ body, id }: Request): Embed {
  try {
    return readBodyText(body, id).embed;
  } catch {
    return { callbacks: null, errbacks: null, chain: null, chord: null };
  }
}

function indexOf({ headers }: Request): number | null {
  const index = headers["group_index"];
  return typeof index === "number" ? index : null;
}
