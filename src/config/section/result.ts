// Settings of results and of the place that keeps them.
import { z } from "zod";
import { count, flag, optionalCount, optionalFlag, optionalText, options, seconds, text } from "./value.ts";

export const result = {
  /**
   * `redis://`, `sqlite:///path`, `rpc://` or `memory://`; null: results are not kept. With the embedded broker and
   * nothing set, a SQLite file beside it.
   */
  resultBackend: optionalText,
  resultBackendTransportOptions: options.default(() => ({})),
  /** Seconds that a result is kept; null: for ever. */
  resultExpires: seconds.nullable().default(86_400),
  resultSerializer: text.default("json"),
  resultCompression: optionalText,
  /** Keep name, arguments, worker and queue with the result. */
  resultExtended: flag.default(false),
  /** For `rpc://`: whether results outlive a restart of the broker. */
  resultPersistent: optionalFlag,
  resultExchange: text.default("celeryresults"),
  resultExchangeType: text.default("direct"),
  resultChordRetryInterval: seconds.default(1),
  resultChordJoinTimeout: seconds.default(3),
  resultBackendAlwaysRetry: flag.default(false),
  /** null: without end. */
  resultBackendMaxRetries: count.nullable().default(null),
  resultBackendBaseSleepBetweenRetriesMs: count.default(10),
  resultBackendMaxSleepBetweenRetriesMs: count.default(10_000),
  /** Options of Node's TLS socket for a `rediss://` backend. */
  redisBackendUseSsl: z.union([flag, options]).nullable().default(null),
  redisMaxConnections: optionalCount,
  redisSocketTimeout: seconds.nullable().default(120),
  redisSocketConnectTimeout: seconds.nullable().default(null),
  redisSocketKeepalive: flag.default(false),
  redisRetryOnTimeout: flag.default(false),
} satisfies z.ZodRawShape;
