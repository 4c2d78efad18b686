// A whole worker in this process: the memory broker and results, the async pool, and a clock that the test moves.
import { randomUUID } from "node:crypto";
import { App } from "../../src/app/app.ts";
import type { AppOptions } from "../../src/app/conf.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openBroker } from "../../src/broker/open.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { EventStream, type LovageEvent } from "../../src/event.ts";
import { openResultBackend } from "../../src/result/open.ts";
import type { ResultBackend } from "../../src/result/result.ts";
import type { EventSink } from "../../src/remote/event-sink.ts";
import { createPool } from "../../src/worker/pool/open.ts";
import type { Pool } from "../../src/worker/pool/pool.ts";
import { openRevoked } from "../../src/worker/revoked.ts";
import { runJob } from "../../src/worker/run-job.ts";
import { Worker } from "../../src/worker/worker.ts";

export interface MonitorEvent {
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface WorkerStage extends AsyncDisposable {
  readonly app: App;
  readonly worker: Worker;
  readonly broker: Broker;
  readonly backend: ResultBackend;
  readonly pool: Pool;
  /** What was logged. */
  readonly log: LovageEvent[];
  /** What monitors were told. */
  readonly monitored: MonitorEvent[];
  readonly shutdowns: string[];
  /** The states that were stored for a task, in order, ended by the last one. */
  readonly meta: (id: string) => ReturnType<ResultBackend["get"]>;
}

export interface WorkerStageOptions {
  readonly settings?: AppOptions;
  readonly define?: (app: App) => void;
  readonly concurrency?: number;
  readonly prefetchMultiplier?: number;
  readonly clock?: Clock;
  readonly queues?: readonly string[];
  readonly autoscale?: { readonly max: number; readonly min: number };
}

export async function startWorkerStage(options: WorkerStageOptions = {}): Promise<WorkerStage> {
  const { settings = {}, define, concurrency = 2, prefetchMultiplier = 4, clock = systemClock } = options;
  const name = randomUUID();
  const app = new App("proj", { broker: `memory://${name}`, backend: `memory://${name}`, ...settings });
  define?.(app);
  await app.finalize();
  const log: LovageEvent[] = [];
  const stream = new EventStream();
  stream.subscribe((event) => void log.push(event));
  const { emit } = stream;
  const monitored: MonitorEvent[] = [];
  const events: EventSink = {
    enabled: true,
    enable: () => undefined,
    disable: () => undefined,
    send: (type, fields) => void monitored.push({ type, fields }),
  };
  const broker = await openBroker(`memory://${name}`, { clock });
  const backend = await openResultBackend(`memory://${name}`, { expiresMs: null, emit, clock, transportOptions: {} });
  const pool = createPool("async", {
    child: { module: "", args: [] },
    size: concurrency,
    run: (job, hooks) => runJob(app, job, { ...hooks, clock }),
    emit,
    clock,
  });
  const shutdowns: string[] = [];
  const worker = new Worker({
    app,
    hostname: "celery@stage",
    broker,
    backend,
    pool,
    queues: (options.queues ?? ["celery"]).map((queue) => ({
      name: queue,
      exchange: queue,
      exchangeType: "direct",
      routingKey: queue,
    })),
    prefetchMultiplier,
    events,
    emit,
    clock,
    revoked: await openRevoked(null, clock, { emit }),
    autoscale: options.autoscale ?? null,
    onShutdown: (reason) => void shutdowns.push(reason),
  });
  await worker.start();
  return {
    app,
    worker,
    broker,
    backend,
    pool,
    log,
    monitored,
    shutdowns,
    meta: (id) => backend.get([id]),
    [Symbol.asyncDispose]: async () => {
      await worker.kill();
      await app.close();
      await backend.close();
      await broker.close();
    },
  };
}
