// `worker`: checks and opens everything, then serves until the end.
import { systemClock } from "../clock.ts";
import { EventStream } from "../event.ts";
import { createLogger, type Logger, logEvents } from "../log.ts";
import { expandNode, nodeName } from "../remote/node-name.ts";
import type { Steering } from "../worker/steering.ts";
import { detachWorker, reportReady } from "./detach.ts";
import { catchStrayErrors, strayText } from "./fail.ts";
import { consumeUrl, enterWorkdir } from "./open.ts";
import { loggerOptions } from "./options.ts";
import { createPidfile } from "./pidfile.ts";
import { runningLines } from "./running-lines.ts";
import { serveWorker } from "./serve-worker.ts";
import { StopSignals } from "./stop-signals.ts";
import { workerBanner } from "./worker-banner.ts";
import { refuseOptions, type WorkerCommandOptions } from "./worker-options.ts";
import { assembleWorker } from "./worker-parts.ts";
import { logFileOf, planWorker, type WorkerPlan } from "./worker-plan.ts";

export async function runWorker(given: WorkerCommandOptions): Promise<number> {
  refuseOptions({ ...given });
  const node = nodeName(given.hostname);
  if (given.detach === true && given.detached !== true) return detachWorker(given, node);
  const { workdir, ...options } = given;
  enterWorkdir(workdir);
  const logFile = logFileOf(options, node);
  const logger = createLogger({ ...loggerOptions(options, "worker"), file: logFile });
  const plan = await planWorker(options);
  const removePidfile = options.pidfile === undefined ? null : createPidfile(expandNode(options.pidfile, node));
  try {
    if (options.quiet !== true) showBanner(plan);
    if (options.optimization !== undefined) logger.info(`-O ${options.optimization} changes nothing here`);
    return await runPlan(plan, logger);
  } finally {
    removePidfile?.();
  }
}

async function runPlan(plan: WorkerPlan, logger: Logger): Promise<number> {
  const events = new EventStream();
  const { emit } = events;
  const endLog = logEvents(events, logger);
  const stop = new StopSignals(systemClock);
  catchStrayErrors((error) => emit({ type: "failure", where: "uncaught", reason: strayText(error) }));
  const parts = await assembleWorker(plan, { emit, onShutdown: (reason) => stop.stop(reason) });
  process.on("SIGUSR1", () => tellRunning(parts.worker, logger));
  const onReady = (): void => reportReady(plan);
  try {
    return await serveWorker({ plan, parts, emit, stop, onReady });
  } finally {
    endLog();
  }
}

function tellRunning(worker: Steering, logger: Logger): void {
  for (const line of runningLines(worker, systemClock.now())) logger.info(line);
}

function showBanner(plan: WorkerPlan): void {
  const { options, logFile, app } = plan;
  process.stdout.write(
    workerBanner({
      project: plan,
      node: plan.node,
      brokerUrl: consumeUrl(plan),
      resultUrl: app.conf.resultBackend,
      pool: plan.pool,
      poolName: plan.poolName,
      concurrency: plan.concurrency,
      autoscale: plan.autoscale,
      queues: plan.queues,
      beat: options.beat === true,
      log: `${logFile ?? "stderr"} at ${options.loglevel.toUpperCase()}`,
      now: systemClock.now(),
    }),
  );
}
