// The end of a run: what follows is sent, the result is kept, the message is settled, in this order, so that dying between
// any two of these repeats something and loses nothing.
import { hostname as machineName } from "node:os";
import { signals } from "../app/worker-signals.ts";
import { type Family, followFailure, followSuccess } from "../canvas/continue.ts";
import { messageOf } from "../error.ts";
import type { ResultTuple } from "../protocol/result-meta.ts";
import { retryEnvelope } from "../protocol/retry.ts";
import type { TaskCall } from "../protocol/task.ts";
import type { Failure, Outcome, Rejected, Retried, Revoked, Success } from "./job.ts";
import type { Outbox } from "./outbox.ts";
import { type Policy, policyOf } from "./policy.ts";
import type { Request } from "./request.ts";
import { recordOf, type RecordParts } from "./task-fields.ts";
import type { Workshop } from "./workshop.ts";

/** The outcomes that are reported on the task's state. */
type Reported = Success | Failure | Retried | Revoked;

const origin = `gen${process.pid}@${machineName()}`;

export class Settlement {
  readonly #shop: Workshop;
  readonly #outbox: Outbox;

  constructor(shop: Workshop, outbox: Outbox) {
    this.#shop = shop;
    this.#outbox = outbox;
  }

  /** Resolves when all is done but for the broker's answer to the acknowledgement. Never rejects. */
  async settle(request: Request, outcome: Outcome): Promise<void> {
    const policy = policyOf(this.#shop.app, request);
    try {
      if (outcome.state === "SUCCESS") await this.#succeed(request, outcome, policy);
      else if (outcome.state === "FAILURE") await this.#fail(request, outcome, policy);
      else if (outcome.state === "RETRY") await this.#retry(request, outcome, policy);
      else if (outcome.state === "REVOKED") await this.#revoke(request, outcome, policy);
      else this.#withdraw(request, outcome);
    } catch (error) {
      const reason = `the outcome of ${request.name}[${request.id}] was not settled: ${messageOf(error)}`;
      this.#shop.emit({ type: "failure", where: "worker", reason });
    }
  }

  async #succeed(request: Request, outcome: Success, policy: Policy): Promise<void> {
    const { app, emit, events } = this.#shop;
    const { id, shownName: task } = request;
    const { embed, runtimeMs, resultRepr, resultText } = outcome;
    const family = familyOf(request, app.conf.taskInheritParentPriority);
    const following = embed === undefined ? [] : await this.#follow(() => followSuccess(embed, resultText, family));
    const children = [...outcome.children, ...following];
    if (!policy.ignoreResult) await this.#put(request, { state: "SUCCESS", resultText, children, at: endOf(outcome) });
    this.#finish(request);
    emit({ type: "task-succeeded", task, id, runtimeMs, result: resultRepr });
    if (events.enabled) {
      events.send("task-succeeded", { uuid: id, result: resultRepr, runtime: runtimeMs / 1000 });
    }
  }

  async #fail(request: Request, outcome: Failure, policy: Policy): Promise<void> {
    const { emit, events } = this.#shop;
    const { id, shownName: task } = request;
    const { embed, exception, exceptionRepr: error, traceback, runtimeMs, expected } = outcome;
    const isLost = outcome.cause === "worker-lost";
    emit({ type: "task-failed", task, id, runtimeMs, error, traceback, expected });
    if (isLost && policy.acksLate && policy.rejectOnWorkerLost) {
      this.#reject(request, true);
      return;
    }
    if (embed !== undefined) await this.#follow(() => followFailure(embed, familyOf(request, false)));
    if (!policy.ignoreResult || policy.storeErrorsEvenIfIgnored) {
      const resultText = JSON.stringify(exception);
      const { children } = outcome;
      await this.#put(request, { state: "FAILURE", resultText, traceback, children, at: endOf(outcome) });
    }
    if (policy.acksOnFailureOrTimeout || !policy.acksLate) this.#finish(request);
    else this.#reject(request, false);
    if (events.enabled) events.send("task-failed", { uuid: id, exception: error, traceback });
  }

  /** The retry is with the broker before the message it comes from is given up. */
  async #retry(request: Request, outcome: Retried, policy: Policy): Promise<void> {
    const { app, emit, events, clock } = this.#shop;
    const { id, shownName: task, delivery } = request;
    const { etaAt, options, argumentsText, exception, exceptionRepr: error, traceback } = outcome;
    const again = retryEnvelope(delivery.envelope, {
      at: clock.now(),
      etaAt,
      timezone: app.conf.timezone,
      options,
      origin,
      queue: delivery.queue,
      ...(argumentsText === undefined ? {} : { argumentsText }),
    });
    const refused = await this.#outbox.send([again]);
    if (refused !== null) {
      await this.#fail(request, { ...outcome, state: "FAILURE", expected: false }, policy);
      this.#shop.emit({ type: "failure", where: `${task}[${id}]`, reason: `the retry could not be sent: ${refused}` });
      return;
    }
    if (!policy.ignoreResult) {
      const { children } = outcome;
      const resultText = JSON.stringify(exception);
      await this.#put(request, { state: "RETRY", resultText, traceback, children, at: endOf(outcome) });
    }
    this.#finish(request);
    emit({ type: "task-retried", task, id, inMs: Math.max(0, etaAt - clock.now()), error });
    if (events.enabled) events.send("task-retried", { uuid: id, exception: error, traceback });
  }

  async #revoke(request: Request, outcome: Revoked, { ignoreResult }: Policy): Promise<void> {
    const { emit, events } = this.#shop;
    const { id, shownName: task, name: sender } = request;
    const { reason, signal } = outcome;
    emit({ type: "task-discarded", task, id, reason });
    if (!ignoreResult) {
      const exception = { exc_type: "TaskRevokedError", exc_message: [reason], exc_module: "celery.exceptions" };
      const { children } = outcome;
      await this.#put(request, {
        state: "REVOKED",
        resultText: JSON.stringify(exception),
        children,
        at: endOf(outcome),
      });
    }
    this.#finish(request);
    if (events.enabled) {
      events.send("task-revoked", { uuid: id, terminated: true, signum: signal, expired: false });
    }
    void signals.taskRevoked.send({ sender, request, terminated: true, signum: signal, expired: false });
  }

  /** The task said so itself: nothing is kept. */
  #withdraw(request: Request, outcome: Exclude<Outcome, Reported>): void {
    const { emit } = this.#shop;
    const { id, shownName: task } = request;
    if (outcome.state === "IGNORED") {
      emit({ type: "task-discarded", task, id, reason: "ignored" });
      this.#finish(request);
      return;
    }
    emit({ type: "task-discarded", task, id, reason: rejectedText(outcome, request) });
    this.#shop.events.send("task-rejected", { uuid: id, requeue: outcome.requeue });
    void signals.taskRejected.send({ sender: request.name, request });
    this.#reject(request, outcome.requeue);
  }

  async #follow(plan: () => readonly TaskCall[]): Promise<readonly ResultTuple[]> {
    try {
      const { app } = this.#shop;
      const envelopes = plan().map((call) => app.createEnvelope(call));
      const refused = await this.#outbox.send(envelopes);
      if (refused === null) return envelopes.map(({ id }) => [[id, null], null] as const);
      this.#shop.emit({
        type: "failure",
        where: "worker",
        reason: `what follows a task could not be sent: ${refused}`,
      });
    } catch (error) {
      const reason = `what follows a task could not be sent: ${messageOf(error)}`;
      this.#shop.emit({ type: "failure", where: "worker", reason });
    }
    return [];
  }

  #put(request: Request, parts: RecordParts): Promise<void> {
    const { app, results, hostname } = this.#shop;
    return results.put(recordOf(request, parts, { hostname, extended: app.conf.resultExtended }));
  }

  #finish(request: Request): void {
    if (request.acknowledged) return;
    request.acknowledged = true;
    request.delivery.ack().catch(ignore);
  }

  #reject(request: Request, requeue: boolean): void {
    if (request.acknowledged) return;
    request.acknowledged = true;
    request.delivery.reject(requeue).catch(ignore);
  }
}

function familyOf({ id, rootId, delivery }: Request, inheritsPriority: boolean): Family {
  return { id, rootId, ...(inheritsPriority ? { priority: delivery.envelope.properties.priority } : {}) };
}

function endOf({ startedAt, runtimeMs }: Outcome): number {
  return Math.round(startedAt + runtimeMs);
}

function rejectedText({ requeue, reason }: Rejected, { acknowledged }: Request): string {
  const kept = requeue ? "put back" : "set aside";
  const done = acknowledged ? "its message was acknowledged before; set acksLate to keep it" : kept;
  return `rejected (${reason}): ${done}`;
}

function ignore(): void {
  // The consumer closed before it could settle: the message stays the broker's, and comes again.
}
