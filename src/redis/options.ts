// Transport options for Redis in Celery's names, in either case: read once, with mistakes found before anything connects.
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { didYouMean, LovageError } from "../error.ts";

/** What of the options is about the connection, whatever it is used for. */
export interface RedisLink {
  /** Without an answer for so long, the connection counts as lost. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** How long a connection is silent before TCP asks whether the other side is there; the system's own unless set. */
  readonly keepAliveMs?: number;
  /** The name Sentinel knows the master by. */
  readonly masterName: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  /** For a server that the URL does not say TLS of. */
  readonly tls?: TlsOptions;
}

/** What an option may hold, and how that is called. */
export type OptionKind = readonly [holds: (value: unknown) => boolean, what: string];

export const text: OptionKind = [(value) => typeof value === "string", "a string"];
export const seconds: OptionKind = [(value) => typeof value === "number" && value > 0, "a number of seconds above 0"];
const map: OptionKind = [(value) => typeof value === "object" && value !== null, "a map"];
const anything: OptionKind = [() => true, "anything"];

/** What Celery knows and we have no use for; projects bring it along. */
export function unused(names: string): Readonly<Record<string, OptionKind>> {
  return Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, anything]),
  );
}

const linkKinds: Readonly<Record<string, OptionKind>> = {
  socketTimeout: seconds,
  socketConnectTimeout: seconds,
  socketKeepalive: anything,
  masterName: text,
  sentinelKwargs: map,
  ssl: anything,
  ...unused("maxConnections healthCheckInterval retryOnTimeout socketKeepaliveOptions clientName"),
};

const keepAliveMs = 30_000;

export interface ReadOptions {
  readonly link: RedisLink;
  readonly textOf: (name: string, otherwise: string) => string;
  /** What was written in seconds, in milliseconds. */
  readonly msOf: (name: string, otherwiseSeconds: number) => number;
}

/**
 * @param setting as users write it: `broker_transport_options`
 * @param kinds the options beside those of the connection, in camel case
 * @throws LovageError("config") for a value that does not fit, and for what looks like a mistyped name
 */
export function readOptions(
  setting: string,
  options: Readonly<Record<string, unknown>>,
  kinds: Readonly<Record<string, OptionKind>>,
): ReadOptions {
  const known = { ...linkKinds, ...kinds };
  const read = new Map(Object.entries(options).map(([key, value]) => [camel(key), value]));
  for (const [key, value] of read) {
    const kind = Object.hasOwn(known, key) ? known[key] : undefined;
    if (kind === undefined) refuseTypo(setting, key, Object.keys(known));
    else if (!kind[0](value)) throw new LovageError("config", `${setting}.${snake(key)} must be ${kind[1]}`);
  }
  const textOf = (name: string, otherwise: string): string => (read.get(name) as string | undefined) ?? otherwise;
  const msOf = (name: string, otherwiseSeconds: number): number =>
    ((read.get(name) as number | undefined) ?? otherwiseSeconds) * 1000;
  const link = Object.freeze({
    timeoutMs: msOf("socketTimeout", 5),
    connectTimeoutMs: msOf("socketConnectTimeout", 5),
    ...(read.get("socketKeepalive") === true ? { keepAliveMs } : {}),
    masterName: textOf("masterName", "mymaster"),
    ...sentinelLogin(read.get("sentinelKwargs")),
    ...tlsOf(read.get("ssl")),
  });
  return { link, textOf, msOf };
}

function sentinelLogin(value: unknown): Pick<RedisLink, "sentinelUsername" | "sentinelPassword"> {
  const { username, password } = (value ?? {}) as { readonly username?: unknown; readonly password?: unknown };
  return {
    ...(typeof username === "string" ? { sentinelUsername: username } : {}),
    ...(typeof password === "string" ? { sentinelPassword: password } : {}),
  };
}

/** True, or the options of Node's TLS socket; Celery's own `ssl_*` names are understood where they only say "trust all". */
function tlsOf(value: unknown): Pick<RedisLink, "tls"> {
  if (value === undefined || value === false) return {};
  if (value === true) return { tls: {} };
  const options = value as Readonly<Record<string, unknown>>;
  const trusts = options["ssl_cert_reqs"] ?? options["sslCertReqs"];
  const trustAll = typeof trusts === "string" && /^(cert_)?none$/i.test(trusts);
  return { tls: { ...options, ...(trustAll ? { rejectUnauthorized: false } : {}) } };
}

/** What is like nothing we know may be meant for another transport, and Celery does not mind it either. */
function refuseTypo(setting: string, key: string, names: readonly string[]): void {
  const meant = didYouMean(key, names);
  if (meant === null) return;
  const hint = `did you mean ${snake(meant)}?`;
  throw new LovageError("config", `${setting} has no ${snake(key)} for Redis`, { hint });
}

function camel(key: string): string {
  return key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function snake(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
