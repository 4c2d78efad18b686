// Where a Redis URL points to, in every form Celery takes: TCP, TLS, a Unix socket, sentinels.
import { readFileSync } from "node:fs";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { LovageError, messageOf } from "../../error.ts";
import { maskUrl } from "../url.ts";

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

const nobody = "no-host.invalid";

const forms = [
  "redis://user:password@host:6379/0",
  "rediss://host:6379/0",
  "redis+socket:///path/to/redis.sock",
  "sentinel://host1:26379;sentinel://host2:26379/0",
].join(", ");

/** @throws LovageError("config") for a URL that cannot be read */
export function parseRedisUrl(text: string): RedisAddress {
  const scheme = text.slice(0, text.indexOf("://")).toLowerCase();
  if (scheme === "sentinel") return parseSentinels(text);
  if (/;\w+:\/\//.test(text)) {
    throw mistake(text, "it names several servers", "write one URL; several are for sentinel:// only");
  }
  // A password without a host is no URL: one is lent to it for the parser.
  const url = parse(scheme === "redis+socket" ? text.replace("@/", `@${nobody}/`) : text);
  if (scheme === "redis+socket")
    return { path: socketPath(url, text), ...credentials(url), db: database(url, text, true) };
  const address = { host: url.hostname === "" ? "localhost" : bare(url.hostname), port: portOf(url, 6379) };
  const tls = scheme === "rediss" ? { tls: readTls(url, text) } : {};
  return { ...address, ...credentials(url), ...tls, db: database(url, text, false) };
}

function parseSentinels(text: string): RedisAddress {
  // `sentinel://a;sentinel://b/0` and `sentinel://a;b/0` are the same.
  const urls = text.split(";").map((part) => parse(part.includes("://") ? part : `sentinel://${part}`));
  const last = urls.at(-1);
  if (last === undefined) throw mistake(text, "it names no sentinel");
  const sentinels = urls.map((url) => ({ host: bare(url.hostname), port: portOf(url, 26_379) }));
  const withPassword = urls.find((url) => url.password !== "") ?? last;
  const withPath = urls.find((url) => url.pathname.length > 1) ?? last;
  return { sentinels, ...credentials(withPassword), db: database(withPath, text, false) };
}

function parse(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw mistake(text, "it is not a URL", "characters like @ / : # in a password are written %40 %2F %3A %23", cause);
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

function database(url: URL, text: string, isSocket: boolean): number {
  const fromQuery = url.searchParams.get("virtual_host") ?? url.searchParams.get("db");
  const written = fromQuery ?? (isSocket ? "" : url.pathname.slice(1));
  const name = written.replace(/^\//, "");
  if (name === "") return 0;
  if (/^\d+$/.test(name)) return Number(name);
  throw mistake(
    text,
    `database ${JSON.stringify(name)} is not a number`,
    "the path is the database: redis://host:6379/0",
  );
}

function socketPath(url: URL, text: string): string {
  if ((url.hostname === "" || url.hostname === nobody) && url.pathname.length > 1) return decode(url.pathname);
  throw mistake(text, "it has no absolute path to a socket", "redis+socket:///path/to/redis.sock, with three slashes");
}

/** Celery's query parameters: `?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem&ssl_certfile=...&ssl_keyfile=...` */
function readTls(url: URL, text: string): TlsOptions {
  const query = url.searchParams;
  const wanted = (query.get("ssl_cert_reqs") ?? "required").toLowerCase().replace(/^cert_/, "");
  if (!["required", "optional", "none"].includes(wanted)) {
    throw mistake(text, `ssl_cert_reqs=${wanted} is not known`, "write required, optional or none");
  }
  const file = (name: string): Buffer | undefined => {
    const path = query.get(name);
    if (path === null) return undefined;
    try {
      return readFileSync(path);
    } catch (cause) {
      throw mistake(text, `${name} cannot be read: ${messageOf(cause)}`, undefined, cause);
    }
  };
  const [ca, cert, key] = [file("ssl_ca_certs"), file("ssl_certfile"), file("ssl_keyfile")];
  return {
    rejectUnauthorized: wanted === "required",
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function mistake(text: string, what: string, hint = `forms: ${forms}`, cause?: unknown): LovageError {
  return new LovageError("config", `broker URL ${maskUrl(text)}: ${what}`, { hint, cause });
}
