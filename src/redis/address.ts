// Where a Redis URL points to, in every form Celery takes: TCP, TLS, a Unix socket, sentinels.
import { readFileSync } from "node:fs";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { LovageError, messageOf } from "../error.ts";
import { maskUrl } from "./url.ts";
import type { RedisWords } from "./words.ts";

export interface RedisAddress {
  readonly host?: string;
  readonly port?: number;
  /** A Unix socket. */
  readonly path?: string;
  readonly sentinels?: readonly { readonly host: string; readonly port: number }[];
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly tls?: TlsOptions;
}

export const redisSchemes: readonly string[] = ["redis", "rediss", "redis+socket", "sentinel"];

/** For people who wrote a URL of no kind we know. */
export const redisForms = "redis://host:6379/0, rediss://, redis+socket:///path, sentinel://host:26379";

const forms = [
  "redis://user:password@host:6379/0",
  "rediss://host:6379/0",
  "redis+socket:///path/to/redis.sock",
  "sentinel://host1:26379;sentinel://host2:26379/0",
].join(", ");

/** The URL as it was written, and who is to speak of it. */
interface Written {
  readonly text: string;
  readonly words: RedisWords;
}

/** @throws LovageError("config") for a URL that cannot be read */
export function parseRedisUrl(text: string, words: RedisWords): RedisAddress {
  const written = { text, words };
  const scheme = text.slice(0, text.indexOf("://")).toLowerCase();
  if (scheme === "sentinel") return parseSentinels(written);
  if (/;\w+:\/\//.test(text)) {
    throw mistake(written, "it names several servers", "write one URL; several are for sentinel:// only");
  }
  if (scheme === "redis+socket") return parseSocket(written);
  const url = parse(text, written);
  const address = { host: url.hostname === "" ? "localhost" : bare(url.hostname), port: portOf(url, 6379) };
  const tls = scheme === "rediss" ? { tls: readTls(url.searchParams, written) } : {};
  return { ...address, ...credentials(url), ...tls, db: database(url, url.pathname, written) };
}

/** `sentinel://a;sentinel://b/0` and `sentinel://a;b/0` are the same. */
function parseSentinels(written: Written): RedisAddress {
  const parts = written.text.split(";").map((part) => (part.includes("://") ? part : `sentinel://${part}`));
  const urls = parts.map((part) => parse(part, written));
  const last = urls.at(-1);
  if (last === undefined) throw mistake(written, "it names no sentinel");
  const sentinels = urls.map((url) => ({ host: bare(url.hostname), port: portOf(url, 26_379) }));
  const withPassword = urls.find((url) => url.password !== "") ?? last;
  const withPath = urls.find((url) => url.pathname.length > 1) ?? last;
  return { sentinels, ...credentials(withPassword), db: database(withPath, withPath.pathname, written) };
}

function parseSocket(written: Written): RedisAddress {
  // A password without a host is no URL: one is lent to it for the parser.
  const url = parse(written.text.replace("@/", "@localhost/"), written);
  return { path: socketPath(url, written), ...credentials(url), db: database(url, "", written) };
}

function parse(part: string, written: Written): URL {
  try {
    return new URL(part);
  } catch {
    // Not with its cause, which carries the password.
    throw mistake(written, "it is not a URL", "characters like @ / : # in a password are written %40 %2F %3A %23");
  }
}

function credentials(url: URL): { username?: string; password?: string } {
  return {
    ...(url.username === "" ? {} : { username: decode(url.username) }),
    ...(url.password === "" ? {} : { password: decode(url.password) }),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function portOf(url: URL, normal: number): number {
  return url.port === "" ? normal : Number(url.port);
}

/** `[::1]` without its brackets. */
function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

function database(url: URL, path: string, written: Written): number {
  const name = (url.searchParams.get("virtual_host") ?? url.searchParams.get("db") ?? path).replace(/^\//, "");
  if (/^\d*$/.test(name)) return Number(name);
  const what = `database ${JSON.stringify(name)} is not a number`;
  throw mistake(written, what, "the path is the database: redis://host:6379/0");
}

function socketPath(url: URL, written: Written): string {
  if ((url.hostname === "" || url.hostname === "localhost") && url.pathname.length > 1) return decode(url.pathname);
  const hint = "redis+socket:///path/to/redis.sock, with three slashes";
  throw mistake(written, "it has no absolute path to a socket", hint);
}

/** Celery's query parameters: `?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem&ssl_certfile=...&ssl_keyfile=...` */
function readTls(query: URLSearchParams, written: Written): TlsOptions {
  const wanted = (query.get("ssl_cert_reqs") ?? "required").toLowerCase().replace(/^cert_/, "");
  if (!["required", "optional", "none"].includes(wanted)) {
    throw mistake(written, `ssl_cert_reqs=${wanted} is not known`, "write required, optional or none");
  }
  const files = { ca: "ssl_ca_certs", cert: "ssl_certfile", key: "ssl_keyfile" };
  const read = Object.entries(files).flatMap(([option, name]) => {
    const path = query.get(name);
    return path === null ? [] : [[option, readTlsFile(path, name, written)]];
  });
  return { rejectUnauthorized: wanted === "required", ...(Object.fromEntries(read) as TlsOptions) };
}

function readTlsFile(path: string, name: string, written: Written): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw mistake(written, `${name} cannot be read: ${messageOf(cause)}`);
  }
}

function mistake({ text, words }: Written, what: string, hint = `forms: ${forms}`): LovageError {
  return new LovageError("config", `${words.name} URL ${maskUrl(text)}: ${what}`, { hint });
}
