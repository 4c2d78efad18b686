// `result_backend_transport_options` for Redis, in Celery's names: read once, with mistakes found before anything connects.
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { didYouMean, LovageError } from "../../error.ts";

export interface RedisResultOptions {
  /** Put before every key, as Celery does. */
  readonly prefix: string;
  /** Without an answer for so long, the connection counts as lost. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly keepAlive: boolean;
  /** The name Sentinel knows the master by. */
  readonly masterName: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  /** From `redis_backend_use_ssl`. */
  readonly tls?: TlsOptions;
}

const texts = ["globalKeyprefix", "masterName"];
const seconds = ["socketTimeout", "socketConnectTimeout"];
// What Celery knows and this backend has no use for; projects bring it along.
const unused = `visibilityTimeout retryPolicy maxConnections healthCheckInterval retryOnTimeout socketKeepaliveOptions
  clientName resultChordOrdered`.split(/\s+/);
const names = [...texts, ...seconds, "socketKeepalive", "sentinelKwargs", "ssl", ...unused];

export function readOptions(options: Readonly<Record<string, unknown>>): RedisResultOptions {
  const read = new Map(Object.entries(options).map(([key, value]) => [camel(key), value]));
  for (const [key, value] of read) check(key, value);
  const sentinel = (read.get("sentinelKwargs") ?? {}) as { username?: unknown; password?: unknown };
  return Object.freeze({
    prefix: prefixOf((read.get("globalKeyprefix") as string | undefined) ?? ""),
    timeoutMs: ((read.get("socketTimeout") as number | undefined) ?? 5) * 1000,
    connectTimeoutMs: ((read.get("socketConnectTimeout") as number | undefined) ?? 5) * 1000,
    keepAlive: read.get("socketKeepalive") === true,
    masterName: (read.get("masterName") as string | undefined) ?? "mymaster",
    ...(typeof sentinel.username === "string" ? { sentinelUsername: sentinel.username } : {}),
    ...(typeof sentinel.password === "string" ? { sentinelPassword: sentinel.password } : {}),
    ...tlsOf(read.get("ssl")),
  });
}

/** Celery puts an underscore between, where the prefix does not end in a mark of its own. */
function prefixOf(written: string): string {
  return written === "" || /[:_.-]$/.test(written) ? written : `${written}_`;
}

/** True, or the options of Node's TLS socket; Celery's own `ssl_*` names are understood where they only say "trust all". */
function tlsOf(value: unknown): { tls?: TlsOptions } {
  if (value === undefined || value === false) return {};
  if (value === true) return { tls: {} };
  const options = value as Readonly<Record<string, unknown>>;
  const trusts = options["ssl_cert_reqs"] ?? options["sslCertReqs"];
  const trustAll = typeof trusts === "string" && /^(cert_)?none$/i.test(trusts);
  return { tls: { ...options, ...(trustAll ? { rejectUnauthorized: false } : {}) } };
}

function check(key: string, value: unknown): void {
  if (texts.includes(key)) expect(typeof value === "string", key, "a string");
  else if (seconds.includes(key)) expect(typeof value === "number" && value > 0, key, "a number of seconds above 0");
  else if (key === "sentinelKwargs") expect(typeof value === "object" && value !== null, key, "a map");
  else if (!names.includes(key)) refuseTypo(key);
}

function expect(holds: boolean, key: string, what: string): void {
  if (!holds) throw new LovageError("config", `result_backend_transport_options.${snake(key)} must be ${what}`);
}

/** What is like nothing we know may be meant for another backend, and Celery does not mind it either. */
function refuseTypo(key: string): void {
  const meant = didYouMean(key, names);
  if (meant === null) return;
  const hint = `did you mean ${snake(meant)}?`;
  throw new LovageError("config", `result_backend_transport_options has no ${snake(key)} for Redis`, { hint });
}

function camel(key: string): string {
  return key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function snake(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
