// `broker_transport_options` for Redis, in Celery's names: read once, with the mistakes found before anything connects.
import { didYouMean, LovageError } from "../../error.ts";

export interface RedisTransport {
  /** The name Sentinel knows the master by. */
  readonly masterName?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  /** Put before every key, as kombu does. */
  readonly prefix: string;
  /** Without an answer for so long, the connection counts as lost. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** The hash of what was taken and not settled yet, by tag; with the prefix. */
  readonly unackedKey: string;
  /** The same tags by when they were taken; with the prefix. */
  readonly unackedIndexKey: string;
  /** What was taken so long ago and is not settled goes back to its queue. */
  readonly visibilityTimeoutMs: number;
}

const strings = ["masterName", "globalKeyprefix", "unackedKey", "unackedIndexKey"] as const;
const seconds = ["socketTimeout", "socketConnectTimeout", "visibilityTimeout"] as const;
// What kombu knows and we have no use for; Celery projects bring it along.
const unused = `
  unackedMutexKey unackedMutexExpire unackedRestoreLimit
  fanoutPrefix fanoutPatterns queueOrderStrategy maxConnections healthCheckInterval retryOnTimeout
  socketKeepalive socketKeepaliveOptions clientName maxRetries intervalStart intervalStep intervalMax
`
  .trim()
  .split(/\s+/);
const fixed: Readonly<Record<string, string>> = {
  sep: "\u0006\u0016",
  prioritySteps: "[0,3,6,9]",
};

export function readTransport(options: Readonly<Record<string, unknown>>): RedisTransport {
  const read = new Map(Object.entries(options).map(([key, value]) => [camel(key), value]));
  for (const [key, value] of read) check(key, value);
  const sentinel = read.get("sentinelKwargs") as { username?: unknown; password?: unknown } | undefined;
  const masterName = read.get("masterName") as string | undefined;
  const text = (key: (typeof strings)[number], otherwise: string): string =>
    (read.get(key) as string | undefined) ?? otherwise;
  const span = (key: (typeof seconds)[number], otherwise: number): number =>
    ((read.get(key) as number | undefined) ?? otherwise) * 1000;
  const prefix = text("globalKeyprefix", "");
  return Object.freeze({
    ...(masterName === undefined ? {} : { masterName }),
    ...(typeof sentinel?.username === "string" ? { sentinelUsername: sentinel.username } : {}),
    ...(typeof sentinel?.password === "string" ? { sentinelPassword: sentinel.password } : {}),
    prefix,
    timeoutMs: span("socketTimeout", 5),
    connectTimeoutMs: span("socketConnectTimeout", 5),
    unackedKey: prefix + text("unackedKey", "unacked"),
    unackedIndexKey: prefix + text("unackedIndexKey", "unacked_index"),
    visibilityTimeoutMs: span("visibilityTimeout", 3600),
  });
}

function check(key: string, value: unknown): void {
  if (is(strings, key)) expect(typeof value === "string", key, "a string");
  else if (is(seconds, key)) expect(typeof value === "number" && value > 0, key, "a number of seconds above 0");
  else if (key === "sentinelKwargs") expect(typeof value === "object" && value !== null, key, "a map");
  else if (key in fixed)
    expect((typeof value === "string" ? value : JSON.stringify(value)) === fixed[key], key, "kombu's default");
  else if (!is(unused, key)) refuseTypo(key);
}

function expect(holds: boolean, key: string, what: string): void {
  if (!holds) throw new LovageError("config", `broker_transport_options.${snake(key)} must be ${what}`);
}

/** What is like nothing we know may be meant for another transport, and kombu does not mind it either. */
function refuseTypo(key: string): void {
  const meant = didYouMean(key, [...strings, ...seconds, "sentinelKwargs", ...unused, ...Object.keys(fixed)]);
  if (meant === null) return;
  const hint = `did you mean ${snake(meant)}?`;
  throw new LovageError("config", `broker_transport_options has no ${snake(key)} for Redis`, { hint });
}

function is(names: readonly string[], key: string): boolean {
  return names.includes(key);
}

function camel(key: string): string {
  return key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function snake(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
