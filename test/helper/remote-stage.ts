// A worker's mailbox with a stub of a worker behind it: a few tasks in hand, and a note of what it was told.
import { App } from "../../src/app/app.ts";
import type { AppOptions } from "../../src/app/conf.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { BoundQueue } from "../../src/broker/consumer.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { LovageError } from "../../src/error.ts";
import type { LovageEvent } from "../../src/event.ts";
import { LamportClock } from "../../src/protocol/lamport.ts";
import type { Service } from "../../src/service.ts";
import type { EventSink } from "../../src/remote/event-sink.ts";
import type { Pool } from "../../src/worker/pool/pool.ts";
import { createRemoteControl } from "../../src/worker/remote-control.ts";
import { Request } from "../../src/worker/request.ts";
import type { Steering } from "../../src/worker/steering.ts";
import { envelopeOf, type EnvelopeWish } from "./envelope.ts";

export interface RemoteStage extends AsyncDisposable {
  readonly app: App;
  readonly steering: Steering;
  readonly control: Service;
  readonly lamport: LamportClock;
  /** What the worker was told, in order: `setRateLimit proj.add 10/m`. */
  readonly told: string[];
  readonly log: LovageEvent[];
  /** Types of events that monitors were sent. */
  readonly monitored: string[];
}

export interface RemoteStageOptions {
  readonly hostname?: string;
  readonly settings?: AppOptions;
  readonly clock?: Clock;
  readonly autoscale?: { readonly max: number; readonly min: number };
  /** What the worker cannot do: names of methods that throw. */
  readonly broken?: readonly string[];
}

export async function startRemoteStage(broker: Broker, options: RemoteStageOptions = {}): Promise<RemoteStage> {
  const { hostname = "w1@stage", settings = {}, clock = systemClock } = options;
  const app = new App("proj", settings);
  app.task("proj.add", (x: number, y: number) => x + y, { rateLimit: "5/s", maxRetries: 7 });
  app.task("proj.nothing", () => null);
  app.task("celery.internal", () => null);
  await app.finalize();
  const told: string[] = [];
  const log: LovageEvent[] = [];
  const monitored: string[] = [];
  const lamport = new LamportClock();
  const steering = createSteering(app, hostname, { told, ...options });
  const control = createRemoteControl({
    steering,
    broker,
    events: createSink(monitored),
    emit: (event) => void log.push(event),
    clock,
    lamport,
    settings: app.conf,
  });
  await control.start();
  const stop = async (): Promise<void> => {
    await control.stop();
    await app.close();
  };
  return { app, steering, control, lamport, told, log, monitored, [Symbol.asyncDispose]: stop };
}

function createSink(monitored: string[]): EventSink {
  return {
    enabled: false,
    enable() {
      (this as { enabled: boolean }).enabled = true;
    },
    disable() {
      (this as { enabled: boolean }).enabled = false;
    },
    send: (type) => void monitored.push(type),
  };
}

interface SteeringParts extends RemoteStageOptions {
  readonly told: string[];
}

function createSteering(app: App, hostname: string, { told, autoscale, broken = [] }: SteeringParts): Steering {
  const rates = new Map<string, string>([["proj.add", "5/s"]]);
  const revoked = new Set<string>();
  const queues: BoundQueue[] = [{ name: "celery", exchange: "celery", exchangeType: "direct", routingKey: "celery" }];
  const requests = createRequests();
  const inStage = (stage: Request["stage"]): readonly Request[] => requests.filter((one) => one.stage === stage);
  const note = (method: string, ...words: readonly unknown[]): void => {
    if (broken.includes(method)) throw new LovageError("config", `${method} is broken`, { hint: "mend it" });
    told.push([method, ...words].join(" "));
  };
  return {
    app,
    hostname,
    startedAt: Date.now() - 97_000,
    pool: createPool(note),
    queues,
    prefetchCount: 8,
    autoscale: autoscale ?? null,
    reserved: () => inStage("received"),
    active: () => inStage("active"),
    scheduled: () => inStage("scheduled"),
    find: (id) => requests.find((request) => request.id === id),
    revoked: () => [...revoked],
    totals: () => ({ "proj.add": 12, "proj.nothing": 3 }),
    rateLimitOf: (task) => rates.get(task),
    revoke: (ids, { terminate = false, signal = "" } = {}) => {
      note("revoke", ids.join(","), terminate, signal);
      for (const id of ids) revoked.add(id);
      return terminate ? inStage("active").flatMap(({ id }) => (ids.includes(id) ? [id] : [])) : [];
    },
    setRateLimit: (task, rate) => {
      note("setRateLimit", task, rate);
      if (rate === "often") throw new LovageError("config", "often is no rate");
      if (rate === null) rates.delete(task);
      else rates.set(task, String(rate));
    },
    setTimeLimit: (task, hard, soft) => note("setTimeLimit", task, hard, soft),
    addQueue: async (queue) => {
      note("addQueue", queue.name, queue.exchange, queue.exchangeType, queue.routingKey);
      queues.push(queue);
    },
    cancelQueue: async (name) => {
      note("cancelQueue", name);
      const index = queues.findIndex((queue) => queue.name === name);
      if (index >= 0) queues.splice(index, 1);
      return index >= 0;
    },
    resizePool: async (size) => note("resizePool", size),
    setAutoscale: async (max, min) => note("setAutoscale", max, min),
    shutdown: (reason) => note("shutdown", reason),
  };
}

function createPool(note: (method: string) => void): Pool {
  return {
    kind: "prefork",
    size: 2,
    free: 1,
    onRoom: () => undefined,
    run: () => Promise.reject(new Error("not here")),
    terminate: () => false,
    resize: async () => undefined,
    restart: async () => note("restart"),
    stats: () => ({ "max-concurrency": 2, processes: [11, 12], "max-tasks-per-child": "N/A", timeouts: [0, 0] }),
    processes: [11, 12],
    start: async () => undefined,
    stop: async () => undefined,
    kill: async () => undefined,
  };
}

/** One that runs, one that waits for its turn, one that waits for its eta. */
function createRequests(): readonly Request[] {
  const running = requestOf("running", { args: [2, { deep: "ž" }] });
  running.stage = "active";
  running.startedAt = 1_795_252_821_281.5;
  running.acknowledged = true;
  running.pid = 9105;
  const waiting = requestOf("waiting", { args: [1], priority: 3 });
  const later = requestOf("later", {}, { eta: "2026-11-21T09:20:32.538283+00:00" });
  later.stage = "scheduled";
  return [running, waiting, later];
}

export function requestOf(
  name: string,
  wish: EnvelopeWish = {},
  headers: Readonly<Record<string, unknown>> = {},
): Request {
  const plain = envelopeOf(name, { task: "proj.add", ...wish });
  const envelope = { ...plain, headers: { ...plain.headers, ...headers } };
  const settle = async (): Promise<boolean> => true;
  const delivery = { envelope, queue: "celery", redelivered: false, isLost: false, ack: settle, reject: settle };
  return new Request(delivery, 0, "UTC");
}
