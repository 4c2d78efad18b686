// From the line into the pool: starts a request, follows it while it runs, and hands its outcome to be settled.
import { messageOf } from "../error.ts";
import type { Failure, Job, Outcome } from "./job.ts";
import { type Policy, policyOf, type TimeLimits, timeLimitsOf } from "./policy.ts";
import { reportLost } from "./report-lost.ts";
import type { Request } from "./request.ts";
import type { Settlement } from "./settlement.ts";
import { recordOf } from "./task-fields.ts";
import type { Workshop } from "./workshop.ts";

export interface RunnerOptions {
  readonly shop: Workshop;
  readonly settlement: Settlement;
  /** Told when a slot of the pool is free again, which is before the outcome is settled. */
  readonly onFree: () => void;
  /** Told when a request is out of the worker's hands. */
  readonly onDone: (request: Request) => void;
}

export class Runner {
  readonly #shop: Workshop;
  readonly #settlement: Settlement;
  readonly #onFree: () => void;
  readonly #onDone: (request: Request) => void;
  readonly #active = new Set<Request>();
  readonly #running = new Set<Promise<void>>();
  readonly #totals: Record<string, number> = {};
  readonly #limits = new Map<string, TimeLimits>();
  #isCold = false;

  constructor({ shop, settlement, onFree, onDone }: RunnerOptions) {
    this.#shop = shop;
    this.#settlement = settlement;
    this.#onFree = onFree;
    this.#onDone = onDone;
  }

  get active(): readonly Request[] {
    return [...this.#active];
  }

  get activeCount(): number {
    return this.#active.size;
  }

  /** How many have run, and wait for the broker or the backend to take what came of them. */
  get unsettledCount(): number {
    return this.#running.size - this.#active.size;
  }

  /** How many of each task were started. */
  get totals(): Readonly<Record<string, number>> {
    return this.#totals;
  }

  setTimeLimits(task: string, limits: TimeLimits): void {
    this.#limits.set(task, limits);
  }

  start(request: Request): void {
    request.stage = "active";
    this.#active.add(request);
    const running = this.#run(request)
      .catch((error: unknown) => this.#shop.emit({ type: "failure", where: "worker", reason: messageOf(error) }))
      .then(() => {
        this.#running.delete(running);
        this.#onDone(request);
      });
    this.#running.add(running);
  }

  /** Resolves when everything that was started is settled. */
  async drain(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** From now on what is cut off while it runs goes back to its queue, where it was not acknowledged yet. */
  turnCold(): void {
    this.#isCold = true;
  }

  async #run(request: Request): Promise<void> {
    const { pool, app } = this.#shop;
    const policy = policyOf(app, request);
    // Without a wait in the usual case: the pool must know of the job before the next one is chosen.
    if (policy.deduplicates && request.delivery.redelivered && (await this.#isDoneAlready(request))) {
      this.#active.delete(request);
      request.ack();
      return;
    }
    const job = this.#jobOf(request, policy);
    const outcome = await pool.run(job, {
      onStart: (pid, at) => this.#onStart(request, policy, { pid, at }),
      onState: (state, metaText) => this.#onState(request, policy, { state, metaText }),
    });
    request.stage = "done";
    this.#active.delete(request);
    this.#onFree();
    if (this.#goesBack(request, outcome)) return;
    if (isLost(outcome)) await reportLost(app, job, outcome);
    await this.#settlement.settle(request, outcome);
  }

  /** `workerDeduplicateSuccessfulTasks`: it comes again, though it succeeded, because its acknowledgement got lost. */
  async #isDoneAlready({ id, shownName: task }: Request): Promise<boolean> {
    const [meta] = (await (await this.#shop.app.backend())?.get([id])) ?? [];
    if (meta?.state !== "SUCCESS") return false;
    this.#shop.emit({ type: "task-discarded", task, id, reason: "it has succeeded before" });
    return true;
  }

  #jobOf(request: Request, { limits }: Policy): Job {
    const { delivery, id, name, body, headers } = request;
    const { envelope, queue, redelivered } = delivery;
    const { hard, soft } = timeLimitsOf(request, this.#limits.get(name) ?? limits);
    return {
      id,
      task: name,
      body,
      headers,
      delivery: {
        queue,
        exchange: envelope.destination.exchange,
        routingKey: envelope.destination.routingKey,
        priority: envelope.properties.priority,
        redelivered,
        replyTo: envelope.properties.replyTo,
        correlationId: envelope.properties.correlationId,
      },
      hostname: this.#shop.hostname,
      timeLimitMs: hard === null ? null : hard * 1000,
      softTimeLimitMs: soft === null ? null : soft * 1000,
    };
  }

  #onStart(request: Request, policy: Policy, { pid, at }: { readonly pid: number; readonly at: number }): void {
    const { events, hostname } = this.#shop;
    const isFirst = request.startedAt === null;
    request.startedAt = at;
    request.pid = pid;
    if (isFirst) this.#totals[request.name] = (this.#totals[request.name] ?? 0) + 1;
    if (!policy.acksLate) request.ack();
    if (events.enabled) events.send("task-started", { uuid: request.id });
    if (policy.trackStarted && !policy.ignoreResult) {
      this.#put(request, "STARTED", JSON.stringify({ pid, hostname }));
    }
  }

  #onState(
    request: Request,
    { ignoreResult }: Policy,
    { state, metaText }: { readonly state: string; readonly metaText: string },
  ): void {
    if (!ignoreResult) this.#put(request, state, metaText);
  }

  #put(request: Request, state: string, resultText: string): void {
    const { app, results, hostname, clock } = this.#shop;
    const context = { hostname, extended: app.conf.resultExtended };
    void results.put(recordOf(request, { state, resultText, at: clock.now() }, context));
  }

  /** Closing the consumer puts it back; its message must only not be settled before. */
  #goesBack(request: Request, outcome: Outcome): boolean {
    const isCutOff = outcome.state === "FAILURE" && outcome.cause === "worker-lost";
    return this.#isCold && isCutOff && !request.acknowledged;
  }
}

/** The task's own process could not tell of its end. */
function isLost(outcome: Outcome): outcome is Failure {
  return outcome.state === "FAILURE" && (outcome.cause === "worker-lost" || outcome.cause === "time-limit");
}
