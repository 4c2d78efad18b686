// From the line into the pool: starts a request, follows it while it runs, and hands its outcome to be settled.
import type { Clock } from "../clock.ts";
import type { Job, Outcome } from "./job.ts";
import { type Policy, policyOf, type TimeLimits, timeLimitsOf } from "./policy.ts";
import type { Request } from "./request.ts";
import type { Settlement } from "./settlement.ts";
import { recordOf } from "./task-fields.ts";
import type { Workshop } from "./workshop.ts";

export interface RunnerOptions {
  readonly shop: Workshop;
  readonly settlement: Settlement;
  /** Told when a request is out of the worker's hands. */
  readonly onDone: (request: Request) => void;
}

export class Runner {
  readonly #shop: Workshop;
  readonly #settlement: Settlement;
  readonly #onDone: (request: Request) => void;
  readonly #active = new Set<Request>();
  readonly #running = new Set<Promise<void>>();
  readonly #totals: Record<string, number> = {};
  readonly #limits = new Map<string, TimeLimits>();
  #isCold = false;

  constructor({ shop, settlement, onDone }: RunnerOptions) {
    this.#shop = shop;
    this.#settlement = settlement;
    this.#onDone = onDone;
  }

  get active(): readonly Request[] {
    return [...this.#active];
  }

  get activeCount(): number {
    return this.#active.size;
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
    const running = this.#run(request).finally(() => {
      this.#running.delete(running);
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
    const outcome = await pool.run(this.#jobOf(request), {
      onStart: (pid, at) => this.#onStart(request, policy, { pid, at }),
      onState: (state, metaText) => this.#onState(request, policy, { state, metaText }),
    });
    request.stage = "done";
    this.#active.delete(request);
    if (!this.#goesBack(request, outcome)) await this.#settlement.settle(request, outcome);
    this.#onDone(request);
  }

  #jobOf(request: Request): Job {
    const { delivery, id, name, body, headers } = request;
    const { envelope, queue, redelivered } = delivery;
    const { hard, soft } = timeLimitsOf(this.#shop.app, request, this.#limits.get(name));
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
    const { events, clock, hostname } = this.#shop;
    const isFirst = request.startedAt === null;
    request.startedAt = at;
    request.pid = pid;
    if (isFirst) this.#totals[request.name] = (this.#totals[request.name] ?? 0) + 1;
    if (!policy.acksLate && !request.acknowledged) {
      request.acknowledged = true;
      request.delivery.ack().catch(ignore);
    }
    if (events.enabled) events.send("task-started", { uuid: request.id });
    if (policy.trackStarted && !policy.ignoreResult) {
      this.#put(request, "STARTED", JSON.stringify({ pid, hostname }), clock);
    }
  }

  #onState(
    request: Request,
    { ignoreResult }: Policy,
    { state, metaText }: { readonly state: string; readonly metaText: string },
  ): void {
    if (!ignoreResult) this.#put(request, state, metaText, this.#shop.clock);
  }

  #put(request: Request, state: string, resultText: string, clock: Clock): void {
    const { app, results, hostname } = this.#shop;
    const context = { hostname, extended: app.conf.resultExtended };
    void results.put(recordOf(request, { state, resultText, at: clock.now() }, context));
  }

  /** Closing the consumer puts it back; its message must only not be settled before. */
  #goesBack(request: Request, outcome: Outcome): boolean {
    const isCutOff = outcome.state === "FAILURE" && outcome.cause === "worker-lost";
    return this.#isCold && isCutOff && !request.acknowledged;
  }
}

function ignore(): void {
  // The consumer closed before it could settle: the message stays the broker's, and comes again.
}
