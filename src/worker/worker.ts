// The worker: takes messages while there is room, runs each when its turn has come, and can be looked at and steered.
import type { App } from "../app/app.ts";
import { signals } from "../app/worker-signals.ts";
import type { Broker } from "../broker/broker.ts";
import type { BoundQueue, Consumer } from "../broker/consumer.ts";
import type { Clock, Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Emit } from "../event.ts";
import type { ResultBackend } from "../result/result.ts";
import type { Service } from "../service.ts";
import { Autoscaler, type AutoscalerOptions } from "./autoscale.ts";
import { Discards } from "./discards.ts";
import type { EventSink } from "../remote/event-sink.ts";
import { FollowUp } from "./follow-up.ts";
import { Intake } from "./intake.ts";
import { Line } from "./line.ts";
import { Outbox } from "./outbox.ts";
import type { Pool } from "./pool/pool.ts";
import { createPrefetch } from "./prefetch.ts";
import type { Request } from "./request.ts";
import { ResultWriter } from "./result-writer.ts";
import { revokeInHand, type Termination } from "./revoke.ts";
import type { RevokedTasks } from "./revoked.ts";
import { Runner } from "./runner.ts";
import { Settlement } from "./settlement.ts";
import type { Steering } from "./steering.ts";
import { tellOfWaiting } from "./tell-of-waiting.ts";
import { TaskControls } from "./task-controls.ts";
import type { Workshop } from "./workshop.ts";

export interface WorkerOptions {
  /** Finalized. */
  readonly app: App;
  /** The node name: `celery@host`. */
  readonly hostname: string;
  /** To consume from; whoever opened it closes it. */
  readonly broker: Broker;
  /** Null: results are not kept. */
  readonly backend: ResultBackend | null;
  readonly pool: Pool;
  readonly queues: readonly BoundQueue[];
  /** Messages to hold for each slot of the pool; 0: no bound. */
  readonly prefetchMultiplier: number;
  readonly events: EventSink;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly revoked: RevokedTasks;
  readonly autoscale: Pick<AutoscalerOptions, "max" | "min" | "keepaliveMs"> | null;
  /** Remote control asked for a warm shutdown: stop the worker. */
  readonly onShutdown: (reason: string) => void;
}

export class Worker implements Service, Steering {
  readonly app: App;
  readonly hostname: string;
  readonly startedAt: Instant;
  readonly pool: Pool;
  readonly #options: WorkerOptions;
  readonly #prefetchOf: ReturnType<typeof createPrefetch>;
  readonly #ending = new AbortController();
  readonly #results: ResultWriter;
  readonly #line: Line;
  readonly #runner: Runner;
  readonly #intake: Intake;
  readonly #discards: Discards;
  readonly #autoscaler: Autoscaler | null;
  readonly #revoked: RevokedTasks;
  readonly #controls: TaskControls;
  /** Everything that was received and is not settled. */
  readonly #inHand = new Set<Request>();
  #consumer: Consumer | null = null;
  #starting: Promise<void> | null = null;
  #isDispatching = false;
  #stopping: Promise<void> | null = null;

  constructor(options: WorkerOptions) {
    const { app, hostname, backend, pool, revoked, emit, clock } = options;
    const ending = this.#ending.signal;
    this.#options = options;
    this.#prefetchOf = createPrefetch(app.conf, options.prefetchMultiplier);
    this.app = app;
    this.hostname = hostname;
    this.pool = pool;
    this.startedAt = clock.now();
    this.#revoked = revoked;
    this.#results = new ResultWriter({ backend, emit, clock, ending, onRoom: () => this.#dispatch() });
    const results = this.#results;
    const shop: Workshop = { ...options, results, ending };
    const outbox = new Outbox({ broker: () => app.broker(), clock, emit, ending });
    const onDone = (request: Request): void => this.#onDone(request);
    this.#line = new Line({ clock, onReady: () => this.#dispatch() });
    const onFree = (): void => this.#dispatch();
    const followUp = new FollowUp(shop, outbox);
    this.#runner = new Runner({ shop, settlement: new Settlement({ shop, outbox, followUp }), onFree, onDone });
    this.#discards = new Discards({ shop, followUp, onDone });
    pool.onRoom(onFree);
    this.#intake = new Intake({ shop, discards: this.#discards, admit: (request) => this.#admit(request) });
    this.#autoscaler = this.#createAutoscaler();
    this.#controls = new TaskControls({
      app,
      limitRate: (task, rate) => this.#line.setRate(task, rate),
      limitTime: (task, limits) => this.#runner.setTimeLimits(task, limits),
    });
  }

  get queues(): readonly BoundQueue[] {
    return this.#consumer?.queues ?? this.#options.queues;
  }

  get prefetchCount(): number {
    return this.#prefetchOf(this.pool.size, this.#line.scheduledCount);
  }

  /** Starts the pool, then consumes. A stop that comes meanwhile waits for it, and then ends it. */
  async start(): Promise<void> {
    this.#starting ??= this.#start();
    await this.#starting;
  }

  async #start(): Promise<void> {
    const { queues, broker, emit, hostname, app } = this.#options;
    await signals.workerInit.send({ sender: hostname, app });
    await this.pool.start();
    if (this.#stopping !== null) return;
    this.#consumer = await broker.consume(queues, {
      label: hostname,
      prefetch: this.prefetchCount,
      onDelivery: this.#intake.take,
      onUnreadable: this.#intake.refuse,
    });
    await this.#autoscaler?.start();
    emit({ type: "worker-ready", hostname });
    await signals.workerReady.send({ sender: hostname, app });
  }

  /** Warm: takes nothing more, waits for what runs, gives back the rest. Safe twice. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  /**
   * Cold: ends what runs by force. What was not acknowledged goes back to its queue, the rest fails as WorkerLost. It may
   * come while a warm stop waits.
   */
  async kill(): Promise<void> {
    const { workerSoftShutdownTimeout: seconds } = this.app.conf;
    const stopping = this.stop();
    if (seconds > 0) await Promise.race([stopping, this.#options.clock.sleep(seconds * 1000)]);
    this.#runner.turnCold();
    await this.pool.kill();
    // Results that the backend takes at once are kept; nothing waits for one that is away.
    await Promise.race([this.#results.flush(), this.#options.clock.sleep(1000)]);
    this.#ending.abort();
    await stopping;
  }

  reserved(): readonly Request[] {
    return this.#line.reserved;
  }

  active(): readonly Request[] {
    return this.#runner.active;
  }

  scheduled(): readonly Request[] {
    return this.#line.scheduled;
  }

  find(id: string): Request | undefined {
    for (const request of this.#inHand) if (request.id === id) return request;
    return undefined;
  }

  revoked(): readonly string[] {
    return this.#revoked.ids;
  }

  totals(): Readonly<Record<string, number>> {
    return this.#runner.totals;
  }

  rateLimitOf(task: string): string | undefined {
    return this.#controls.rateOf(task);
  }

  revoke(ids: readonly string[], termination: Termination = {}): readonly string[] {
    const parts = { inHand: this.#inHand, line: this.#line, discards: this.#discards, pool: this.pool };
    this.#revoked.add(ids, this.#options.clock.now());
    return revokeInHand(parts, ids, termination);
  }

  setRateLimit(task: string, rate: string | number | null): void {
    this.#controls.setRate(task, rate);
  }

  setTimeLimit(task: string, hard: number | null, soft: number | null): void {
    this.#controls.setTimeLimits(task, { hard, soft });
  }

  async addQueue(queue: BoundQueue): Promise<void> {
    await this.#consumer?.addQueue(queue);
  }

  async cancelQueue(name: string): Promise<boolean> {
    return (await this.#consumer?.cancelQueue(name)) ?? false;
  }

  async resizePool(size: number): Promise<void> {
    await this.pool.resize(size);
    this.#consumer?.setPrefetch(this.prefetchCount);
    this.#dispatch();
  }

  get autoscale(): { readonly max: number; readonly min: number } | null {
    return this.#autoscaler;
  }

  async setAutoscale(max: number, min: number): Promise<void> {
    if (this.#autoscaler === null) {
      throw new LovageError("usage", "this worker does not scale by itself", {
        hint: "start it with --autoscale 10,3",
      });
    }
    await this.#autoscaler.update(max, min);
  }

  shutdown(reason: string): void {
    this.#options.onShutdown(reason);
  }

  #admit(request: Request): void {
    this.#inHand.add(request);
    this.#line.add(request);
    if (request.stage === "scheduled") this.#consumer?.setPrefetch(this.prefetchCount);
    this.#dispatch();
  }

  /** What it starts or discards may end at once and call it again: then the loop that is under way goes on. */
  #dispatch(): void {
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    while (this.#stopping === null && this.pool.free > 0 && !this.#results.isFull) {
      const request = this.#line.next();
      if (request === undefined) {
        this.#askForMore();
        break;
      }
      this.#begin(request);
    }
    this.#isDispatching = false;
  }

  #begin(request: Request): void {
    if (request.delivery.isLost) this.#onDone(request);
    else if (this.#revoked.has(request.id)) this.#discards.discard(request, "revoked");
    else if (request.isExpired(this.#options.clock.now())) this.#discards.discard(request, "expired");
    else this.#runner.start(request);
  }

  /** A consumer may wait until there is room for several, but not while a slot is free and nothing waits for it. */
  #askForMore(): void {
    if (this.#inHand.size > 0) this.#consumer?.setPrefetch(this.prefetchCount);
  }

  #onDone(request: Request): void {
    this.#inHand.delete(request);
    if (request.etaAt !== null) this.#consumer?.setPrefetch(this.prefetchCount);
    this.#dispatch();
  }

  async #stop(): Promise<void> {
    const { emit, hostname, app } = this.#options;
    await this.#autoscaler?.stop();
    await this.#starting?.catch(() => undefined);
    await this.#consumer?.pause();
    // At once, so that others need not wait for them until the longest task here has ended.
    for (const request of this.#line.clear()) request.reject(true);
    const { clock } = this.#options;
    const waiting = tellOfWaiting({ clock, emit, runner: this.#runner });
    await this.#runner.drain();
    await this.#discards.drain();
    await this.#results.flush();
    waiting.abort();
    await this.pool.stop();
    await this.#consumer?.close();
    this.#ending.abort();
    await signals.workerShutdown.send({ sender: hostname, app });
    emit({ type: "worker-stopped", unfinished: this.#results.waiting });
  }

  #createAutoscaler(): Autoscaler | null {
    const { autoscale, clock, emit, pool } = this.#options;
    if (autoscale === null) return null;
    const reserved = (): number => this.#line.readyCount;
    const active = (): number => this.#runner.activeCount;
    const resize = (size: number): Promise<void> => this.resizePool(size);
    return new Autoscaler({ ...autoscale, clock, emit, pool, reserved, active, resize });
  }
}
