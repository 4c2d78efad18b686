// Settings of the connection to the broker.
import { z } from "zod";
import { count, flag, optionalCount, optionalFlag, optionalText, options, seconds, text } from "./value.ts";

/** Several addresses are one text, separated by `;`, as in Celery. */
const address = z.preprocess(
  (value) => (Array.isArray(value) ? value.join(";") : value),
  text.min(1, "expected a URL such as redis://127.0.0.1:6379/0"),
);

export const broker = {
  /**
   * `redis://`, `rediss://`, `sentinel://`, `amqp://`, `sqlite:///path` or `memory://`. When nothing is set, the embedded
   * broker: a SQLite file in `.lovage/` of the working directory.
   */
  brokerUrl: address.default("sqlite:///.lovage/broker.sqlite"),
  /** Where to consume from; null: `brokerUrl`. */
  brokerReadUrl: address.nullable().default(null),
  /** Where to publish to; null: `brokerUrl`. */
  brokerWriteUrl: address.nullable().default(null),
  /** Without `brokerUrl`, the address may be given in parts: this is its scheme. */
  brokerTransport: optionalText,
  /** Host name, or a whole URL. */
  brokerHost: optionalText,
  brokerPort: optionalCount,
  brokerUser: optionalText,
  brokerPassword: optionalText,
  /** The virtual host, or the number of the Redis database. */
  brokerVhost: optionalText,
  /** Options of the transport, such as `visibility_timeout`, `priority_steps` or `queue_order_strategy`. */
  brokerTransportOptions: options.default(() => ({})),
  /** True, or the options of Node's TLS socket. */
  brokerUseSsl: z.union([flag, options]).default(false),
  /** Seconds to wait for a connection. */
  brokerConnectionTimeout: seconds.default(4),
  /** Connect again when the connection was lost. */
  brokerConnectionRetry: flag.default(true),
  /** The same for the first connection; null: as `brokerConnectionRetry`. */
  brokerConnectionRetryOnStartup: optionalFlag,
  /** Attempts before giving up; 0 or null: never. */
  brokerConnectionMaxRetries: count.nullable().default(100),
  /** Seconds between AMQP heartbeats. */
  brokerHeartbeat: seconds.nullable().default(120),
} satisfies z.ZodRawShape;
