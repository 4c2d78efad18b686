// `worker`: checks and opens everything, then serves until the end.
import { systemClock } from "../clock.ts";
import { EventStream } from "../event.ts";
import { createLogger, type Logger, logEvents } from "../log.ts";
import { count } from "../log-words.ts";
import { Systemd, type SystemdPlace, takeSystemdPlace } from "../monitor/systemd.ts";
import { expandNode, nodeName } from "../remote/node-name.ts";
import type { Steering } from "../worker/steering.ts";
import { detachWorker, reportReady } from "./detach.ts";
import { catchStrayErrors, strayText } from "./fail.ts";
import { consumeUrl, enterWorkdir } from "./open.ts";
import { loggerOptions } from "./options.ts";
import { createPidfile } from "./pidfile.ts";
import { runningLines } from "./running-lines.ts";
import { serveWorker } from "./serve-worker.ts";
import { aborted, StopSignals } from "./stop-signals.ts";
import { workerBanner, workerBannerFields, workerBannerTitle } from "./worker-banner.ts";
import { refuseOptions, type WorkerCommandOptions } from "./worker-options.ts";
import { assembleWorker } from "./worker-parts.ts";
import { logFileOf, planWorker, type WorkerPlan } from "./worker-plan.ts";

export async function runWorker(given: WorkerCommandOptions): Promise<number> {
  refuseOptions({ ...given });
  const node = nodeName(given.hostname);
  if (given.detach === true && given.detached !== true) return detachWorker(given, node);
  const { workdir, ...options } = given;
  const place = takeSystemdPlace(process.env, process.pid);
  enterWorkdir(workdir);
  const logFile = logFileOf(options, node);
  const logger = createLogger({ ...loggerOptions(options, "worker"), file: logFile });
  const plan = await planWorker(options);
  const removePidfile = options.pidfile === undefined ? null : createPidfile(expandNode(options.pidfile, node));
  try {
    if (options.quiet !== true) showBanner(plan, logger);
    if (options.optimization !== undefined) logger.info(`-O ${options.optimization} changes nothing here`);
    return await runPlan(plan, logger, place);
  } finally {
    removePidfile?.();
  }
}

async function runPlan(plan: WorkerPlan, logger: Logger, place: SystemdPlace | null): Promise<number> {
  const events = new EventStream();
  const { emit } = events;
  const endLog = logEvents(events, logger, { format: plan.options.logFormat });
  const stop = new StopSignals(systemClock);
  catchStrayErrors((error) => emit({ type: "failure", where: "uncaught", reason: strayText(error) }));
  const parts = await assembleWorker(plan, { emit, onShutdown: (reason) => stop.stop(reason) });
  process.on("SIGUSR1", () => tellRunning(parts.worker, logger));
  const status = (): string => `${plan.node} runs ${count(parts.worker.active().length, "task")}`;
  // Its loop is alive when it gets to say so.
  const tools = { clock: systemClock, emit, isLive: () => true, status };
  const systemd = place === null ? null : new Systemd(place, tools);
  void aborted(stop.warm).then(() => systemd?.stopping());
  const onReady = (): void => {
    systemd?.ready();
    reportReady(plan);
  };
  try {
    return await serveWorker({ plan, parts, emit, stop, onReady });
  } finally {
    endLog();
  }
}

function tellRunning(worker: Steering, logger: Logger): void {
  for (const line of runningLines(worker, systemClock.now())) logger.info(line);
}

function showBanner(plan: WorkerPlan, logger: Logger): void {
  const { options, logFile, app } = plan;
  const input = {
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
  };
  if (options.logFormat === "json") logger.info(workerBannerFields(input), workerBannerTitle(input));
  else process.stdout.write(workerBanner(input));
}
