// Tasks that end without having run: revoked, expired, unknown. Each is reported like any other end.
import { signals } from "../app/worker-signals.ts";
import type { ExceptionJson } from "../protocol/result-meta.ts";
import { embedOf, type FollowUp } from "./follow-up.ts";
import { policyOf } from "./policy.ts";
import type { Request } from "./request.ts";
import { recordOf } from "./task-fields.ts";
import type { Workshop } from "./workshop.ts";

export interface DiscardsOptions {
  readonly shop: Workshop;
  readonly followUp: FollowUp;
  /** Told when a request is out of the worker's hands. */
  readonly onDone: (request: Request) => void;
}

export class Discards {
  readonly #shop: Workshop;
  readonly #followUp: FollowUp;
  readonly #onDone: (request: Request) => void;
  readonly #ending = new Set<Promise<void>>();

  constructor({ shop, followUp, onDone }: DiscardsOptions) {
    this.#shop = shop;
    this.#followUp = followUp;
    this.#onDone = onDone;
  }

  /** Acknowledges the message and keeps the state REVOKED, as Celery does for both reasons. */
  discard(request: Request, reason: "revoked" | "expired"): void {
    if (request.stage === "done") return;
    request.stage = "done";
    const { emit, events } = this.#shop;
    const expired = reason === "expired";
    emit({ type: "task-discarded", task: request.shownName, id: request.id, reason });
    if (events.enabled) {
      events.send("task-revoked", { uuid: request.id, terminated: false, signum: null, expired });
    }
    void signals.taskRevoked.send({ sender: request.name, request, terminated: false, signum: null, expired });
    const error = { exc_type: "TaskRevokedError", exc_message: [reason], exc_module: "celery.exceptions" };
    this.#follow(this.#end(request, "REVOKED", error).then((isSettled) => this.#leave(request, isSettled && "ack")));
  }

  /** Sets the message aside and fails the task, so that whoever waits for it learns of it. */
  notRegistered(request: Request): void {
    request.stage = "done";
    const { events } = this.#shop;
    if (events.enabled) {
      events.send("task-failed", { uuid: request.id, exception: `NotRegistered('${request.name}')`, traceback: null });
    }
    const error = { exc_type: "NotRegistered", exc_message: [request.name], exc_module: "celery.exceptions" };
    this.#follow(this.#end(request, "FAILURE", error).then((isSettled) => this.#leave(request, isSettled && "aside")));
  }

  /** Resolves when all of them are settled. */
  async drain(): Promise<void> {
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  #follow(end: Promise<void>): void {
    const ending = end.finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #leave(request: Request, how: "ack" | "aside" | false): void {
    if (how === "ack") request.ack();
    if (how === "aside") request.reject(false);
    this.#onDone(request);
  }

  /** False when the worker ends before it is done: the message stays the broker's, and comes again. */
  async #end(request: Request, state: string, error: ExceptionJson): Promise<boolean> {
    const { app, results, clock, hostname } = this.#shop;
    const isKept = !policyOf(app, request).ignoreResult;
    const resultText = JSON.stringify(error);
    const context = { hostname, extended: app.conf.resultExtended };
    try {
      if (isKept) await results.put(recordOf(request, { state, resultText, at: clock.now() }, context));
      await this.#followUp.ended(request, embedOf(request), { state, resultText, traceback: null, isKept });
      return true;
    } catch {
      return false;
    }
  }
}
