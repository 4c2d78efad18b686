// Where the URL of a Redis result backend and its options point to, in every form Celery takes.
import { readFileSync } from "node:fs";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { LovageError, messageOf } from "../../error.ts";
import { maskUrl } from "../url.ts";

export interface RedisPlace {
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

const forms =
  "redis://user:password@host:6379/0, rediss://, redis+socket:///path/to/redis.sock, sentinel://host:26379/0";

/** @throws LovageError("config") for a URL that cannot be read */
export function readPlace(text: string): RedisPlace {
  const scheme = text.slice(0, text.indexOf("://")).toLowerCase();
  if (scheme === "sentinel") return readSentinels(text);
  if (/;\w+:\/\//.test(text)) throw mistake(text, "it names several servers, which is for sentinel:// only");
  // A password without a host is no URL: one is lent to it for the parser.
  const url = parse(scheme === "redis+socket" ? text.replace("@/", "@localhost/") : text, text);
  if (scheme === "redis+socket") return { path: socketPath(url, text), ...login(url), db: databaseOf(url, "", text) };
  const tls = scheme === "rediss" ? { tls: readTls(url.searchParams, text) } : {};
  const host = url.hostname === "" ? "localhost" : bare(url.hostname);
  return { host, port: Number(url.port || 6379), ...login(url), ...tls, db: databaseOf(url, url.pathname, text) };
}

/** `sentinel://a;sentinel://b/0` and `sentinel://a;b/0` are the same. */
function readSentinels(text: string): RedisPlace {
  const urls = text.split(";").map((part) => parse(part.includes("://") ? part : `sentinel://${part}`, text));
  const sentinels = urls.map((url) => ({ host: bare(url.hostname), port: Number(url.port || 26_379) }));
  const last = urls.find((url) => url.pathname.length > 1) ?? urls.at(-1);
  const known = urls.find((url) => url.password !== "");
  const db = last === undefined ? 0 : databaseOf(last, last.pathname, text);
  return { sentinels, ...(known === undefined ? {} : login(known)), db };
}

function parse(part: string, text: string): URL {
  try {
    return new URL(part);
  } catch {
    throw mistake(text, "it is not a URL", "characters like @ / : # in a password are written %40 %2F %3A %23");
  }
}

function login(url: URL): { username?: string; password?: string } {
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

/** `[::1]` without its brackets. */
function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

function databaseOf(url: URL, path: string, text: string): number {
  const written = url.searchParams.get("virtual_host") ?? url.searchParams.get("db") ?? path;
  const name = written.replace(/^\//, "");
  if (/^\d*$/.test(name)) return Number(name);
  throw mistake(text, `database ${JSON.stringify(name)} is not a number`);
}

function socketPath(url: URL, text: string): string {
  if ((url.hostname === "" || url.hostname === "localhost") && url.pathname.length > 1) return decode(url.pathname);
  throw mistake(text, "it has no absolute path to a socket");
}

/** Celery's query parameters: `?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem&ssl_certfile=...&ssl_keyfile=...` */
function readTls(query: URLSearchParams, text: string): TlsOptions {
  const wanted = (query.get("ssl_cert_reqs") ?? "required").toLowerCase().replace(/^cert_/, "");
  if (!["required", "optional", "none"].includes(wanted)) {
    throw mistake(text, `ssl_cert_reqs=${wanted} is not known`, "write required, optional or none");
  }
  const files = { ca: "ssl_ca_certs", cert: "ssl_certfile", key: "ssl_keyfile" };
  const read = Object.entries(files).flatMap(([option, name]) => {
    const path = query.get(name);
    return path === null ? [] : [[option, readTlsFile(path, name, text)]];
  });
  return { rejectUnauthorized: wanted === "required", ...(Object.fromEntries(read) as TlsOptions) };
}

function readTlsFile(path: string, name: string, text: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw mistake(text, `${name} cannot be read: ${messageOf(cause)}`);
  }
}

function mistake(text: string, what: string, hint = `forms: ${forms}`): LovageError {
  return new LovageError("config", `result backend URL ${maskUrl(text)}: ${what}`, { hint });
}
