// The end of a run: what follows is sent, the result is kept, the message is settled, in this order, so that dying between
// any two of these repeats something and loses nothing.
import { constants, hostname as machineName } from "node:os";
import { Reject } from "../app/task-errors.ts";
import { signals } from "../app/worker-signals.ts";
import { messageOf } from "../error.ts";
import { exceptionJson } from "../protocol/exception.ts";
import { retryEnvelope } from "../protocol/retry.ts";
import { embedOf, type FollowUp } from "./follow-up.ts";
import type { Failure, Outcome, Rejected, Retried, Revoked, Success } from "./job.ts";
import type { Outbox } from "./outbox.ts";
import { type Policy, policyOf } from "./policy.ts";
import type { Request } from "./request.ts";
import { type RecordContext, recordOf, type RecordParts } from "./task-fields.ts";
import type { Workshop } from "./workshop.ts";

/** The outcomes that are reported on the task's state. */
type Reported = Success | Failure | Retried | Revoked;

const origin = `gen${process.pid}@${machineName()}`;

export interface SettlementOptions {
  readonly shop: Workshop;
  readonly outbox: Outbox;
  readonly followUp: FollowUp;
}

export class Settlement {
  readonly #shop: Workshop;
  readonly #outbox: Outbox;
  readonly #followUp: FollowUp;
  readonly #context: RecordContext;

  constructor({ shop, outbox, followUp }: SettlementOptions) {
    this.#shop = shop;
    this.#outbox = outbox;
    this.#followUp = followUp;
    // Once: settings do not change while a worker runs, and asking for one costs as much as writing down a result.
    this.#context = { hostname: shop.hostname, extended: shop.app.conf.resultExtended };
  }

  /** Resolves when all is done but for the broker's answer to the acknowledgement. Never rejects. */
  async settle(request: Request, outcome: Outcome): Promise<void> {
    const policy = policyOf(this.#shop.app, request);
    try {
      if (outcome.state === "SUCCESS") await this.#succeed(request, outcome, policy);
      else if (outcome.state === "FAILURE") await this.#fail(request, outcome, policy);
      else if (outcome.state === "RETRY") await this.#retry(request, outcome, policy);
      else if (outcome.state === "REVOKED") await this.#revoke(request, outcome, policy);
      else await this.#withdraw(request, outcome);
    } catch (error) {
      const reason = `the outcome of ${request.name}[${request.id}] was not settled: ${messageOf(error)}`;
      this.#shop.emit({ type: "failure", where: "worker", reason });
    }
  }

  async #succeed(request: Request, outcome: Success, policy: Policy): Promise<void> {
    const { emit, events } = this.#shop;
    const { id, shownName: task } = request;
    const { embed, runtimeMs, resultRepr, resultText } = outcome;
    const following = embed === undefined ? [] : await this.#followUp.succeeded(request, embed, resultText);
    const children = [...outcome.children, ...following];
    const isKept = !policy.ignoreResult;
    if (isKept) await this.#put(request, { state: "SUCCESS", resultText, children, at: endOf(outcome) });
    if (embed !== undefined && embed.chord !== null) {
      await this.#followUp.ended(request, embed, { state: "SUCCESS", resultText, traceback: null, isKept });
    }
    request.ack();
    emit({ type: "task-succeeded", task, id, runtimeMs, result: resultRepr });
    if (events.enabled) {
      events.send("task-succeeded", { uuid: id, result: resultRepr, runtime: runtimeMs / 1000 });
    }
  }

  async #fail(request: Request, outcome: Failure, policy: Policy): Promise<void> {
    const { emit, events } = this.#shop;
    const { id, shownName: task } = request;
    const { embed = embedOf(request), exceptionRepr: error, traceback, runtimeMs, expected } = outcome;
    emit({ type: "task-failed", task, id, runtimeMs, error, traceback, expected });
    if (comesAgain(outcome, policy)) {
      if (events.enabled) events.send("task-rejected", { uuid: id, requeue: true });
      request.reject(true);
      return;
    }
    await this.#followUp.failed(request, embed);
    const resultText = JSON.stringify(outcome.exception);
    const isKept = keepsErrors(policy);
    if (isKept) {
      const { children } = outcome;
      await this.#put(request, { state: "FAILURE", resultText, traceback, children, at: endOf(outcome) });
    }
    await this.#followUp.ended(request, embed, { state: "FAILURE", resultText, traceback, isKept });
    if (isDoneWith(outcome, policy)) request.ack();
    else request.reject(false);
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
    // The worker ends before the broker is back: nothing is said of the task, and its message is not given up.
    if (refused !== null && this.#shop.ending.aborted) return;
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
    request.ack();
    emit({ type: "task-retried", task, id, inMs: Math.max(0, etaAt - clock.now()), error });
    if (events.enabled) events.send("task-retried", { uuid: id, exception: error, traceback });
  }

  async #revoke(request: Request, outcome: Revoked, { ignoreResult }: Policy): Promise<void> {
    const { emit, events } = this.#shop;
    const { id, shownName: task, name: sender } = request;
    const { reason, signal } = outcome;
    const signum = signalNumber(signal);
    emit({ type: "task-discarded", task, id, reason });
    const exception = { exc_type: "TaskRevokedError", exc_message: [reason], exc_module: "celery.exceptions" };
    const resultText = JSON.stringify(exception);
    if (!ignoreResult) {
      const { children } = outcome;
      await this.#put(request, { state: "REVOKED", resultText, children, at: endOf(outcome) });
    }
    const end = { state: "REVOKED", resultText, traceback: null, isKept: !ignoreResult };
    await this.#followUp.ended(request, embedOf(request), end);
    request.ack();
    if (events.enabled) {
      events.send("task-revoked", { uuid: id, terminated: true, signum, expired: false });
    }
    void signals.taskRevoked.send({ sender, request, terminated: true, signum, expired: false });
  }

  /** The task said so itself: nothing is kept. */
  async #withdraw(request: Request, outcome: Exclude<Outcome, Reported>): Promise<void> {
    const { emit } = this.#shop;
    const { id, shownName: task } = request;
    if (outcome.state === "IGNORED") {
      emit({ type: "task-discarded", task, id, reason: "ignored" });
      request.ack();
      return;
    }
    emit({ type: "task-discarded", task, id, reason: rejectedText(outcome, request) });
    if (!request.acknowledged) this.#shop.events.send("task-rejected", { uuid: id, requeue: outcome.requeue });
    void signals.taskRejected.send({ sender: request.name, request });
    if (outcome.embed !== undefined && !outcome.requeue) {
      const resultText = JSON.stringify(exceptionJson(new Reject(outcome.reason)));
      await this.#followUp.ended(request, outcome.embed, {
        state: "FAILURE",
        resultText,
        traceback: null,
        isKept: false,
      });
    }
    request.reject(outcome.requeue);
  }

  #put(request: Request, parts: RecordParts): Promise<void> {
    return this.#shop.results.put(recordOf(request, parts, this.#context));
  }
}

function comesAgain({ cause }: Failure, { acksLate, rejectOnWorkerLost }: Policy): boolean {
  return cause === "worker-lost" && acksLate && rejectOnWorkerLost;
}

/** Else its message is set aside. What nobody could read, nobody has run: after a mend of whoever sent it, somebody may. */
function isDoneWith({ cause }: Failure, { acksLate, acksOnFailureOrTimeout }: Policy): boolean {
  return cause !== "unreadable" && (acksOnFailureOrTimeout || !acksLate);
}

function signalNumber(signal: string): number | null {
  return Object.entries(constants.signals).find(([name]) => name === signal)?.[1] ?? null;
}

function keepsErrors({ ignoreResult, storeErrorsEvenIfIgnored }: Policy): boolean {
  return !ignoreResult || storeErrorsEvenIfIgnored;
}

function endOf({ startedAt, runtimeMs }: Outcome): number {
  return Math.round(startedAt + runtimeMs);
}

function rejectedText({ requeue, reason }: Rejected, { acknowledged }: Request): string {
  const kept = requeue ? "put back" : "set aside";
  const done = acknowledged ? "its message was acknowledged before; set acksLate to keep it" : kept;
  return `rejected (${reason}): ${done}`;
}
