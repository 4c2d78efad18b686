// Puts a worker together: the pool, the connections, what monitors hear, and beat where it runs along.
import { transportOptionsOf } from "../app/transport.ts";
import type { Broker } from "../broker/broker.ts";
import { openBroker } from "../broker/open.ts";
import { systemClock } from "../clock.ts";
import type { Emit } from "../event.ts";
import { LamportClock } from "../protocol/lamport.ts";
import type { ResultBackend } from "../result/result.ts";
import type { Service } from "../service.ts";
import { EmbeddedBeat } from "../worker/embedded-beat.ts";
import { autoscaleKeepaliveMs } from "../worker/autoscale.ts";
import { EventDispatcher } from "../remote/event-dispatcher.ts";
import { Heartbeat } from "../remote/heartbeat.ts";
import { createPool } from "../worker/pool/open.ts";
import type { Pool } from "../worker/pool/pool.ts";
import { createRemoteControl } from "../worker/remote-control.ts";
import { openRevoked, revokedLimits, type RevokedTasks } from "../worker/revoked.ts";
import { runJob } from "../worker/run-job.ts";
import { Worker } from "../worker/worker.ts";
import { consumeUrl } from "./open.ts";
import { childEnvironment } from "./pool-child-options.ts";
import { siblingModule } from "./sibling-module.ts";
import { watchArguments } from "./watch-options.ts";
import { type WorkerPlan, workerSettings } from "./worker-plan.ts";

export interface WorkerParts {
  readonly broker: Broker;
  readonly worker: Worker;
  readonly events: EventDispatcher;
  /** Null: `--without-heartbeat`. */
  readonly heartbeat: Heartbeat | null;
  /** Null: `workerEnableRemoteControl` is off. */
  readonly control: Service | null;
  /** Null: without `-B`. */
  readonly beat: EmbeddedBeat | null;
  readonly revoked: RevokedTasks;
}

export interface Surroundings {
  readonly emit: Emit;
  /** Remote control asked for a warm shutdown. */
  readonly onShutdown: (reason: string) => void;
}

/** Opens what can be opened without a server. Nothing runs yet. */
export async function assembleWorker(plan: WorkerPlan, { emit, onShutdown }: Surroundings): Promise<WorkerParts> {
  const { app, node, options, queues } = plan;
  const { conf } = app;
  const clock = systemClock;
  const backend: ResultBackend | null = await app.backend();
  const revoked = await openRevoked(plan.stateFile, clock, { emit, ...revokedLimits(process.env) });
  const broker = await openBroker(consumeUrl(plan), { emit, clock, transportOptions: transportOptionsOf(conf) });
  const lamport = new LamportClock();
  const { eventExchange: exchange, workerSendTaskEvents: enabled } = conf;
  const events = new EventDispatcher({ broker, clock, lamport, hostname: node, exchange, enabled });
  const worker = new Worker({
    app,
    hostname: node,
    broker,
    backend,
    pool: openPool(plan, emit),
    queues,
    prefetchMultiplier: conf.workerPrefetchMultiplier,
    events,
    emit,
    clock,
    revoked,
    autoscale: plan.autoscale && { ...plan.autoscale, keepaliveMs: autoscaleKeepaliveMs(process.env) },
    onShutdown,
  });
  const control = conf.workerEnableRemoteControl
    ? createRemoteControl({ steering: worker, broker, events, emit, clock, lamport, settings: conf })
    : null;
  const heartbeat =
    options.withoutHeartbeat === true ? null : new Heartbeat({ events, clock, load: () => loadOf(worker) });
  const beat = options.beat === true ? openBeat(plan, emit) : null;
  return { broker, worker, events, heartbeat, control, beat, revoked };
}

function openPool({ app, node, options, poolName, concurrency }: WorkerPlan, emit: Emit): Pool {
  const { conf } = app;
  return createPool(poolName, {
    size: concurrency,
    run: (job, hooks) => runJob(app, job, { clock: systemClock, ...hooks }),
    child: {
      module: siblingModule("pool-child"),
      args: [],
      env: childEnvironment({ node, options, settings: workerSettings(options) }),
    },
    maxTasksPerChild: conf.workerMaxTasksPerChild,
    maxMemoryPerChildKiB: conf.workerMaxMemoryPerChild,
    procAliveTimeoutMs: conf.workerProcAliveTimeout * 1000,
    lostWaitMs: conf.workerLostWait * 1000,
    timeouts: [conf.taskTimeLimit ?? 0, conf.taskSoftTimeLimit ?? 0],
    emit,
    clock: systemClock,
  });
}

/** The ordinary beat with the worker's own options; they share the working directory, so paths mean the same. */
function openBeat({ app: { conf }, node, options, logFile }: WorkerPlan, emit: Emit): EmbeddedBeat {
  const { app, broker, config, include, schedule, schedules = [], scope, scheduler } = options;
  const given = {
    app,
    broker,
    config,
    include: include?.join(","),
    schedule,
    scope,
    scheduler,
    loglevel: options.loglevel,
    logfile: logFile,
    "log-format": options.logFormat,
    hostname: `beat${node.slice(node.indexOf("@")).replaceAll("%", "%%")}`,
  };
  const args = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
  const files = schedules.map((path) => `--schedules=${path}`);
  const flags = ["--embedded", "--quiet", ...(options.color ? [] : ["--no-color"])];
  if (!conf.workerEnableRemoteControl) flags.push("--without-remote");
  return new EmbeddedBeat({
    module: siblingModule("beat"),
    args: [...args, ...files, ...flags, ...watchArguments(options)],
    emit,
    clock: systemClock,
  });
}

function loadOf(worker: Worker): { readonly active: number; readonly processed: number } {
  const processed = Object.values(worker.totals()).reduce((sum, count) => sum + count, 0);
  return { active: worker.active().length, processed };
}
