// From a URL to a broker: one line for each kind, loaded only when it is asked for.
import { type Clock, systemClock } from "../clock.ts";
import { didYouMean, LovageError } from "../error.ts";
import type { Emit } from "../event.ts";
import { redisForms, redisSchemes } from "../redis/address.ts";
import { maskUrl, schemeOf } from "../redis/url.ts";
import type { Broker } from "./broker.ts";

export interface OpenBrokerOptions {
  /** Hears of connections made and lost. */
  readonly emit?: Emit;
  readonly clock?: Clock;
  /** Celery's `broker_transport_options`, in snake or camel case. */
  readonly transportOptions?: Readonly<Record<string, unknown>>;
}

type Open = (url: string, options: Required<OpenBrokerOptions>) => Promise<Broker>;

const openRedis: Open = async (url, { emit, transportOptions }) => {
  const { RedisBroker } = await import("./redis/redis-broker.ts");
  return new RedisBroker(url, { emit, transport: transportOptions });
};

const openSqlite: Open = async (url, { clock, emit, transportOptions }) => {
  const { SqliteBroker } = await import("./sqlite/sqlite-broker.ts");
  return SqliteBroker.open(url, { clock, emit, transport: transportOptions });
};

const openMemory: Open = async (url, { clock }) => {
  const { MemoryBroker } = await import("./memory.ts");
  return new MemoryBroker({ clock, name: url.slice("memory://".length) });
};

const kinds: Readonly<Record<string, Open>> = {
  ...Object.fromEntries(redisSchemes.map((scheme) => [scheme, openRedis])),
  sqlite: openSqlite,
  memory: openMemory,
};

const forms = `${redisForms}, sqlite:///path, memory://`;

/**
 * Opens the broker a URL names. Servers are connected to when they are first needed, so this does not fail because one
 * is down; an embedded broker's file is opened, and created, at once.
 *
 * @throws LovageError("config") for a URL that cannot be read, LovageError("broker") for a file that cannot be opened
 */
export async function openBroker(url: string, options: OpenBrokerOptions = {}): Promise<Broker> {
  const scheme = schemeOf(url);
  const open = scheme === undefined ? undefined : kinds[scheme];
  if (open === undefined) throw unknownScheme(url, scheme);
  return open(url, { emit: () => undefined, clock: systemClock, transportOptions: {}, ...options });
}

function unknownScheme(url: string, scheme: string | undefined): LovageError {
  const hint = `write one of ${forms}`;
  if (scheme === undefined) {
    return new LovageError("config", `broker ${JSON.stringify(maskUrl(url))} is not a URL`, { hint });
  }
  if (scheme === "amqp" || scheme === "amqps" || scheme === "pyamqp") {
    return new LovageError("config", `broker ${maskUrl(url)}: RabbitMQ comes in a later version`, { hint });
  }
  const meant = scheme.startsWith("sqla") ? "sqlite" : didYouMean(scheme, Object.keys(kinds));
  const question = meant === null ? "" : `did you mean ${meant}://? `;
  return new LovageError("config", `broker ${maskUrl(url)}: ${scheme}:// is not a broker we know`, {
    hint: question + hint,
  });
}
