// What a starting worker says of itself, in the manner of Celery's: where tasks come from and which it can run.
import type { BoundQueue } from "../broker/consumer.ts";
import type { Instant } from "../clock.ts";
import { maskUrl } from "../redis/url.ts";
import { type OpenedApp, shortPath } from "./open.ts";
import { table, utcTime } from "./print.ts";
import { version } from "./version.ts";
import type { Autoscale } from "./worker-options.ts";

export interface WorkerBannerInput {
  readonly project: OpenedApp;
  readonly node: string;
  readonly brokerUrl: string;
  /** Null: results are not kept. */
  readonly resultUrl: string | null;
  readonly pool: string;
  /** As the user wrote it: Celery's `gevent` is our `async`. */
  readonly poolName: string;
  readonly concurrency: number;
  readonly autoscale: Autoscale | null;
  readonly queues: readonly BoundQueue[];
  /** Whether beat runs along. */
  readonly beat: boolean;
  readonly log: string;
  readonly now: Instant;
}

export function workerBanner(input: WorkerBannerInput): string {
  const title = `${workerBannerTitle(input)}, ${utcTime(input.now)}, Node ${process.version}, pid ${process.pid}`;
  const config = table(rowsOf(input).map(([name, text]) => [`  . ${name}`, "->", text]));
  return `${title}\n${config}\n[queues]\n${queueLines(input.queues)}\n[tasks]\n${taskLines(input.project)}\n`;
}

export function workerBannerTitle({ node }: Pick<WorkerBannerInput, "node">): string {
  return `${node}: lovage worker v${version()} is starting`;
}

/** The same for a log that machines read. */
export function workerBannerFields(input: WorkerBannerInput): Readonly<Record<string, unknown>> {
  const queues = input.queues.map(({ name }) => name);
  const rows = Object.fromEntries(rowsOf(input).map(([name, text]) => [name.replaceAll(" ", "_"), text]));
  return { event: "worker-starting", version: version(), node: process.version, hostname: input.node, ...rows, queues };
}

function rowsOf(input: WorkerBannerInput): readonly (readonly [name: string, text: string])[] {
  const { project } = input;
  const { app, file } = project;
  return [
    ["app", file === undefined ? `${app.name} (no -A: it knows no tasks)` : `${app.name} (${shortPath(file)})`],
    ["transport", transportText(input)],
    ["results", input.resultUrl === null ? "disabled (resultBackend is not set)" : maskUrl(input.resultUrl)],
    ["concurrency", concurrencyText(input)],
    ["task events", app.conf.workerSendTaskEvents ? "ON" : "OFF (enable -E to monitor tasks in this worker)"],
    ["beat", input.beat ? "runs along, as a process of its own" : "no (-B runs one along)"],
    ["log", input.log],
  ];
}

function transportText({ project, brokerUrl }: WorkerBannerInput): string {
  const { conf } = project.app;
  const isDefault = conf.isBrokerDefault && conf.brokerReadUrl === null;
  return `${maskUrl(brokerUrl)}${isDefault ? "  (embedded default: no server needed; -b names another)" : ""}`;
}

function concurrencyText({ pool, poolName, concurrency, autoscale }: WorkerBannerInput): string {
  const size = autoscale === null ? String(concurrency) : `{min=${autoscale.min}, max=${autoscale.max}}`;
  return `${size} (${pool}${poolName === pool ? "" : `, for ${poolName}`})`;
}

function queueLines(queues: readonly BoundQueue[]): string {
  return table(
    queues.map(({ name, exchange, exchangeType, routingKey }) => [
      `  . ${name}`,
      `exchange=${exchange}(${exchangeType})`,
      `key=${routingKey}`,
    ]),
  );
}

/** Celery hides its own tasks, too. */
function taskLines({ app }: OpenedApp): string {
  const names = [...app.tasks.keys()].filter((name) => !name.startsWith("celery.")).sort();
  return names.length === 0 ? "  none\n" : table(names.map((name) => [`  . ${name}`]));
}
