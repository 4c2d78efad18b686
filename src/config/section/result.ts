// Settings of results and of the place that keeps them.
import { z } from "zod";
import { flag, jsonOnly, optionalText, options, seconds } from "./value.ts";

export const result = {
  /**
   * `redis://`, `sqlite:///path`, `rpc://` or `memory://`; null: results are not kept. With the embedded broker and
   * nothing set, a SQLite file beside it.
   */
  resultBackend: optionalText,
  resultBackendTransportOptions: options.default(() => ({})),
  /** Seconds that a result is kept; null: for ever. */
  resultExpires: seconds.nullable().default(86_400),
  resultSerializer: jsonOnly.default("json"),
  /** Keep name, arguments, worker and queue with the result. */
  resultExtended: flag.default(false),
  /** Options of Node's TLS socket for a `rediss://` backend. */
  redisBackendUseSsl: z.union([flag, options]).nullable().default(null),
  redisSocketTimeout: seconds.nullable().default(120),
  redisSocketConnectTimeout: seconds.nullable().default(null),
  redisSocketKeepalive: flag.default(false),
} satisfies z.ZodRawShape;
