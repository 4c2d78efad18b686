// From a URL to a keeper of results: one line for each kind, loaded only when it is asked for.
import { type Clock, systemClock } from "../clock.ts";
import { didYouMean, LovageError } from "../error.ts";
import type { Emit } from "../event.ts";
import { redisForms, redisSchemes } from "../redis/address.ts";
import { maskUrl, schemeOf } from "../redis/url.ts";
import type { ResultBackend } from "./result.ts";

export interface OpenResultOptions {
  /** How long a result is kept; null: for ever. */
  readonly expiresMs: number | null;
  /** Hears of connections made and lost. */
  readonly emit?: Emit;
  readonly clock?: Clock;
  /** Celery's `result_backend_transport_options`, in snake or camel case. */
  readonly transportOptions?: Readonly<Record<string, unknown>>;
}

type Open = (url: string, options: Required<OpenResultOptions>) => Promise<ResultBackend>;

const openRedis: Open = async (url, options) => {
  const { RedisResults } = await import("./redis/redis-results.ts");
  return new RedisResults(url, options);
};

const openSqlite: Open = async (url, options) => {
  const { SqliteResults } = await import("./sqlite/sqlite-results.ts");
  return new SqliteResults(url, options);
};

const openMemory: Open = async (url, options) => {
  const { MemoryResults } = await import("./memory.ts");
  return new MemoryResults(url, options);
};

const kinds: Readonly<Record<string, Open>> = {
  ...Object.fromEntries(redisSchemes.map((scheme) => [scheme, openRedis])),
  sqlite: openSqlite,
  memory: openMemory,
};

const forms = `${redisForms}, sqlite:///path, memory://`;

// Known to Celery, and not spoken here.
const foreign = new Set(["db", "mongodb", "couchdb", "elasticsearch", "dynamodb", "s3", "azureblockblob", "consul"]);

/**
 * Opens the result backend a URL names. A server is connected to when it is first needed, so this does not fail because
 * it is down; a file is opened, and created, at once.
 *
 * @throws LovageError("config") for a URL that cannot be read, LovageError("result") for a file that cannot be opened
 */
export async function openResultBackend(url: string, options: OpenResultOptions): Promise<ResultBackend> {
  const scheme = schemeOf(url);
  const open = scheme === undefined ? undefined : kinds[scheme];
  if (open === undefined) throw unknownScheme(url, scheme);
  const { expiresMs, emit = () => undefined, clock = systemClock, transportOptions = {} } = options;
  return open(url, { expiresMs: expiresMs === 0 ? null : expiresMs, emit, clock, transportOptions });
}

function unknownScheme(url: string, scheme: string | undefined): LovageError {
  const shown = maskUrl(url);
  const hint = `write one of ${forms}`;
  if (scheme === undefined) {
    return new LovageError("config", `result backend ${JSON.stringify(shown)} is not a URL`, { hint });
  }
  if (scheme === "rpc") {
    return new LovageError("config", `result backend ${shown}: rpc:// comes in a later version`, { hint });
  }
  const [kind = scheme] = scheme.split("+");
  if (foreign.has(kind)) {
    return new LovageError("config", `result backend ${shown}: ${kind} is not spoken here`, { hint });
  }
  const meant = scheme.startsWith("sqla") ? "sqlite" : didYouMean(scheme, [...Object.keys(kinds), "rpc"]);
  const question = meant === null ? "" : `did you mean ${meant}://? `;
  return new LovageError("config", `result backend ${shown}: ${scheme}:// is not a result backend we know`, {
    hint: question + hint,
  });
}
