// A worker's life between its opening and its end: it waits for the broker, consumes until it is told to stop, and closes.
import { signals } from "../app/worker-signals.ts";
import { systemClock } from "../clock.ts";
import type { Emit } from "../event.ts";
import { connectBroker } from "./connect-broker.ts";
import { purgeQueues } from "./purge.ts";
import { aborted, coldExitCode, type StopSignals } from "./stop-signals.ts";
import type { WorkerParts } from "./worker-parts.ts";
import type { WorkerPlan } from "./worker-plan.ts";

export interface ServeOptions {
  readonly plan: WorkerPlan;
  readonly parts: WorkerParts;
  readonly emit: Emit;
  readonly stop: StopSignals;
  /** Called when the worker consumes. */
  readonly onReady: () => void;
}

/** What closing connections may take when the broker is away. */
const closeMs = 2000;

/** Resolves with the exit code. */
export async function serveWorker(options: ServeOptions): Promise<number> {
  const { parts, stop, onReady } = options;
  try {
    await reachBroker(options);
    if (stop.warm.aborted) return 0;
    await purge(options);
    await startUnless(stop.warm, parts);
    if (!stop.warm.aborted) onReady();
    await aborted(stop.warm);
    return await shutDown(options);
  } finally {
    await close(options);
  }
}

async function reachBroker({ plan, parts, emit, stop }: ServeOptions): Promise<void> {
  const { conf } = plan.app;
  const queue = plan.queues[0]?.name ?? conf.taskDefaultQueue;
  const { broker } = parts;
  await connectBroker({ broker, queue, settings: conf, emit, clock: systemClock, signal: stop.warm });
}

/** As in Celery, `--purge` does not ask. */
async function purge({ plan: { options, queues }, parts }: ServeOptions): Promise<void> {
  if (options.purge !== true && options.discard !== true) return;
  const names = queues.map(({ name }) => name);
  const count = await purgeQueues(parts.broker, names);
  process.stdout.write(`purge: Erased ${count} ${count === 1 ? "message" : "messages"} from ${names.join(", ")}.\n`);
}

/** Beat first: a mistake in its schedule is to end the start before the first task is taken. */
async function startUnless(
  stopping: AbortSignal,
  { beat, worker, control, heartbeat, events }: WorkerParts,
): Promise<void> {
  const start = async (): Promise<void> => {
    await beat?.start();
    if (stopping.aborted) return;
    await worker.start();
    await events.start();
    await control?.start();
    await heartbeat?.start();
  };
  const started = start();
  await Promise.race([started, aborted(stopping)]);
}

/** Warm; or cold, when it is asked for while the tasks still run. */
async function shutDown({ plan, parts, emit, stop }: ServeOptions): Promise<number> {
  const { worker, beat } = parts;
  const tell = async (how: "warm" | "cold", reason: string): Promise<void> => {
    emit({ type: "worker-stopping", how, reason, running: worker.active().length });
    await signals.workerShuttingDown.send({ sender: plan.node, app: plan.app, how, reason });
  };
  if (!stop.cold.aborted) {
    await tell("warm", String(stop.warm.reason));
    const stopped = Promise.all([worker.stop(), beat?.stop()]).then(() => true);
    if (await Promise.race([stopped, aborted(stop.cold).then(() => false)])) return 0;
  }
  await tell("cold", String(stop.cold.reason));
  await Promise.all([worker.kill(), beat?.stop()]);
  return coldExitCode;
}

/** What failed halfway through the start is stopped here as well; stopping twice does no harm. */
async function close({ plan, parts }: ServeOptions): Promise<void> {
  const { broker, worker, heartbeat, events, control, beat, revoked } = parts;
  await Promise.all([worker.stop(), beat?.stop()]);
  const closing = async (): Promise<void> => {
    await heartbeat?.stop();
    await Promise.all([events.stop(), control?.stop(), revoked.save()]);
    await Promise.all([broker.close(), plan.app.close()]);
  };
  const limit = new AbortController();
  await Promise.race([closing(), systemClock.sleep(closeMs, limit.signal)]);
  limit.abort();
}
