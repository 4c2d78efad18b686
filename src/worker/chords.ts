// The chords that this worker has a part in: tells their keeper of every part that has ended, and goes on with the body
// when it is the last.
import { backoff, type BackoffOptions } from "../backoff.ts";
import { callBody, ChordError, type Doomed, doomed, resultsOf } from "../canvas/chord.ts";
import { type Family, planFailure } from "../canvas/continue.ts";
import type { Plan } from "../canvas/plan.ts";
import { LovageError, messageOf } from "../error.ts";
import { exceptionJson } from "../protocol/exception.ts";
import type { SignatureJson } from "../protocol/signature-json.ts";
import type { ChordKeeper, ChordOpening } from "../result/chord.ts";
import { ResultRefusedError } from "../result/result.ts";
import type { Workshop } from "./workshop.ts";

/** How a task has ended, as far as it concerns who waits for it. */
export interface End {
  readonly state: string;
  /** The JSON text of the result, or of the exception. */
  readonly resultText: string;
  readonly traceback: string | null;
  /** Whether the same is to be kept as the result of those that now cannot run. */
  readonly isKept: boolean;
}

/** A task of a chord's header that has ended. */
interface Member {
  readonly taskId: string;
  readonly groupId: string | null;
  readonly groupIndex: number | null;
  /** The body. */
  readonly chord: SignatureJson;
  readonly family: Family;
}

export interface ChordsOptions {
  readonly shop: Workshop;
  /** Resolves with null when all is sent, else with why not. */
  readonly send: (plan: Plan) => Promise<string | null>;
}

const retry: BackoffOptions = { firstMs: 200, mostMs: 10_000 };

export class Chords {
  readonly #shop: Workshop;
  readonly #send: ChordsOptions["send"];

  constructor({ shop, send }: ChordsOptions) {
    this.#shop = shop;
    this.#send = send;
  }

  /** @throws {LovageError} when chords cannot be kept here, or the worker ends before they are */
  async open(chords: readonly ChordOpening[]): Promise<void> {
    if (chords.length === 0) return;
    const keeper = await this.#keeper();
    await this.#insist(() => keeper.open(chords));
  }

  /**
   * Counts a part; the last one calls the body, or fails it.
   *
   * @throws {LovageError} when the worker ends before that is done: the part's message must come again
   */
  async ended(member: Member, end: End): Promise<void> {
    const keeper = await this.#keeper().catch((error: unknown) => this.#complain(member, error));
    if (keeper === null || member.groupId === null) return;
    const { groupId } = member;
    const outcome = await this.#goOn(member, end, keeper);
    if (outcome === "waits") return;
    if (outcome !== "called") await this.#failBody(member, outcome);
    await this.#insist(() => keeper.close(groupId)).catch((error: unknown) => this.#complain(member, error));
  }

  /** For tasks that will not run: each ends as the one that they waited for did. */
  async doom(tasks: readonly Doomed[], end: End, family: Family): Promise<void> {
    for (const { taskId, groupId, groupIndex, chord, errbacks } of tasks) {
      if (end.isKept) await this.#keep(taskId, groupId, end);
      const own = { ...family, id: taskId };
      if (errbacks.length > 0) await this.#callErrbacks(errbacks, own);
      if (chord !== null) await this.ended({ taskId, groupId, groupIndex, chord, family: own }, end);
    }
  }

  async #goOn(member: Member, end: End, keeper: ChordKeeper): Promise<"waits" | "called" | ChordError> {
    const { taskId, groupIndex, chord, family } = member;
    const part = { groupId: member.groupId ?? "", groupIndex, taskId, ...end };
    let results: readonly unknown[];
    try {
      const complete = await this.#insist(() => keeper.join(part));
      if (complete === null) return "waits";
      results = resultsOf(complete);
    } catch (error) {
      if (this.#shop.ending.aborted) throw error;
      return error instanceof ChordError ? error : new ChordError(`Join error: ${messageOf(error)}`);
    }
    const refused = await this.#trySend(() => callBody(chord, results, family));
    if (refused === null) return "called";
    if (this.#shop.ending.aborted) throw new LovageError("broker", refused);
    return new ChordError(`Callback error: ${refused}`);
  }

  async #failBody({ chord, groupId, family }: Member, error: ChordError): Promise<void> {
    this.#shop.emit({ type: "failure", where: "worker", reason: `chord ${groupId}: ${error.message}` });
    const resultText = JSON.stringify(exceptionJson(error));
    const traceback = `celery.exceptions.ChordError: ${error.message}\n`;
    await this.doom(doomed(chord), { state: "FAILURE", resultText, traceback, isKept: true }, family);
  }

  async #callErrbacks(errbacks: readonly SignatureJson[], family: Family): Promise<void> {
    const refused = await this.#trySend(() => planFailure({ errbacks }, family));
    if (refused === null) return;
    const reason = `the errbacks of ${family.id} could not be sent: ${refused}`;
    this.#shop.emit({ type: "failure", where: "worker", reason });
  }

  /** Signatures come from messages: what is wrong with one is found when it is planned. */
  async #trySend(plan: () => Plan): Promise<string | null> {
    try {
      return await this.#send(plan());
    } catch (error) {
      return messageOf(error);
    }
  }

  async #keep(taskId: string, groupId: string | null, { state, resultText, traceback }: End): Promise<void> {
    const { results, clock } = this.#shop;
    const group = groupId === null ? {} : { groupId };
    await results.put({ taskId, state, resultText, traceback, children: [], doneAt: clock.now(), ...group });
  }

  #complain({ taskId, chord }: Member, error: unknown): null {
    if (this.#shop.ending.aborted) throw error;
    const reason = `the chord of ${taskId}, for ${chord.task}, was not brought to its end: ${messageOf(error)}`;
    this.#shop.emit({ type: "failure", where: "worker", reason });
    return null;
  }

  async #keeper(): Promise<ChordKeeper> {
    const backend = await this.#insist(() => this.#shop.app.backend());
    if (backend?.chords !== undefined) return backend.chords;
    const lack = backend === null ? "chords need a result backend" : `chords cannot be kept in ${backend.url}`;
    const hint = "set resultBackend to redis://..., or to sqlite:///... where all workers are on one host";
    throw new LovageError("config", lack, { hint });
  }

  /** Again and again while the backend is away: nobody else would count this part. */
  async #insist<T>(step: () => Promise<T>): Promise<T> {
    const { clock, emit, ending, results } = this.#shop;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await step();
      } catch (error) {
        if (!isPassing(error) || ending.aborted) throw error;
        const retryInMs = backoff(attempt, retry);
        emit({ type: "results-failed", reason: messageOf(error), waiting: results.waiting, retryInMs });
        await clock.sleep(retryInMs, ending);
      }
    }
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof LovageError && error.code === "result" && !(error instanceof ResultRefusedError);
}
