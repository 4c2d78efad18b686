// Tasks that end without having run: revoked, expired, unknown. Each is reported like any other end.
import { signals } from "../app/worker-signals.ts";
import type { ExceptionJson } from "../protocol/result-meta.ts";
import { type RecordContext, recordOf } from "./task-fields.ts";
import { policyOf } from "./policy.ts";
import type { Request } from "./request.ts";
import type { Workshop } from "./workshop.ts";

export class Discards {
  readonly #shop: Workshop;
  readonly #onDone: (request: Request) => void;

  /** @param onDone told when a request is out of the worker's hands */
  constructor(shop: Workshop, onDone: (request: Request) => void) {
    this.#shop = shop;
    this.#onDone = onDone;
  }

  /** Acknowledges the message and keeps the state REVOKED, as Celery does for both reasons. */
  discard(request: Request, reason: "revoked" | "expired"): void {
    const { app, emit, events } = this.#shop;
    const expired = reason === "expired";
    emit({ type: "task-discarded", task: request.shownName, id: request.id, reason });
    if (events.enabled) {
      events.send("task-revoked", { uuid: request.id, terminated: false, signum: null, expired });
    }
    void signals.taskRevoked.send({ sender: request.name, request, terminated: false, signum: null, expired });
    const error = { exc_type: "TaskRevokedError", exc_message: [reason], exc_module: "celery.exceptions" };
    const settle = (): void => void request.delivery.ack().catch(ignore);
    if (policyOf(app, request).ignoreResult) settle();
    else void this.#put(request, "REVOKED", error).then(settle);
    this.#onDone(request);
  }

  /** Sets the message aside and fails the task, so that whoever waits for it learns of it. */
  notRegistered(request: Request): void {
    const error = { exc_type: "NotRegistered", exc_message: [request.name], exc_module: "celery.exceptions" };
    const settle = (): void => void request.delivery.reject(false).catch(ignore);
    if (policyOf(this.#shop.app, request).ignoreResult) settle();
    else void this.#put(request, "FAILURE", error).then(settle);
    this.#onDone(request);
  }

  #put(request: Request, state: string, error: ExceptionJson): Promise<void> {
    const { app, results, clock, hostname } = this.#shop;
    const context: RecordContext = { hostname, extended: app.conf.resultExtended };
    return results.put(recordOf(request, { state, resultText: JSON.stringify(error), at: clock.now() }, context));
  }
}

function ignore(): void {
  // The consumer closed before it could settle: the message stays the broker's, and comes again.
}
