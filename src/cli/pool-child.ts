// What a child process of the prefork pool runs: the same app as the worker's, opened with the same options.
import { signals, type WorkerPayload } from "../app/worker-signals.ts";
import { systemClock } from "../clock.ts";
import { serveJobs } from "../worker/pool/child.ts";
import type { RunInProcess } from "../worker/pool/pool-options.ts";
import { runJob } from "../worker/run-job.ts";
import { openApp } from "./open.ts";
import { readChildOptions } from "./pool-child-options.ts";

/** What a task has sent off without waiting may still be on its way; the pool kills who takes much longer. */
const closeMs = 1000;

async function load(): Promise<WorkerPayload> {
  const { node, options, settings } = readChildOptions(process.env);
  const { app } = await openApp(options, settings);
  return { sender: node, app };
}

async function runWhenLoaded(): Promise<RunInProcess> {
  const { app } = await loading;
  return (job, hooks) => runJob(app, job, { clock: systemClock, ...hooks });
}

async function shutDown(): Promise<void> {
  const loaded = await loading;
  await signals.workerProcessShutdown.send(loaded);
  await Promise.race([loaded.app.close(), systemClock.sleep(closeMs)]);
}

const loading = load();
await serveJobs(runWhenLoaded(), {
  onInit: async () => signals.workerProcessInit.send(await loading),
  onShutdown: shutDown,
});
