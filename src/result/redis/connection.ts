// A connection to the Redis that keeps results, which says so when something goes wrong.
import type { Redis } from "ioredis";
import type { ErrorDetails } from "../../error.ts";
import { parseRedisUrl, type RedisAddress } from "../../redis/address.ts";
import { RedisConnection } from "../../redis/connection.ts";
import type { RedisWords } from "../../redis/words.ts";
import { ResultRefusedError } from "../result.ts";
import type { RedisResultOptions } from "./options.ts";

export interface ConnectionOptions {
  /** For people. */
  readonly url: string;
  readonly place: RedisAddress;
  readonly options: RedisResultOptions;
  /** Called when an open connection is lost. */
  readonly onLost?: () => void;
  readonly onMessage?: (channel: string, text: string) => void;
}

const words: RedisWords = Object.freeze({
  code: "result",
  name: "result backend",
  server: "the result backend",
  setting: "resultBackend",
  elsewhere: "set another resultBackend",
  example: "redis://:password@host:6379/1",
  memory: "give it more, or keep results for less long (resultExpires)",
  refusal: (message: string, details: ErrorDetails) => new ResultRefusedError(message, details),
  permissions:
    "the user needs read and write commands, PUBLISH, SUBSCRIBE and EVALSHA on celery-task-meta-* and celery-taskset-meta-*",
});

/** @throws LovageError("config") for a URL that cannot be read */
export function readPlace(url: string): RedisAddress {
  return parseRedisUrl(url, words);
}

export class ResultConnection {
  readonly #connection: RedisConnection;

  constructor({ place: address, options: transport, ...more }: ConnectionOptions) {
    this.#connection = new RedisConnection({ ...more, address, transport, words, name: "lovage-results" });
  }

  /** Runs commands on the open connection; what goes wrong becomes a LovageError("result") that says what to do. */
  run<T>(use: (client: Redis) => Promise<T>): Promise<T> {
    return this.#connection.run(use);
  }

  /** Waits for the answers to what was sent. Safe twice. */
  close(): Promise<void> {
    return this.#connection.close();
  }
}
