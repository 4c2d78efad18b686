// The Redis broker's words for what goes wrong, and what only a broker's commands can mean.
import { LovageError } from "../../error.ts";
import { commandFailure as failure } from "../../redis/failure.ts";
import type { RedisWords } from "../../redis/words.ts";
import { RefusedError } from "../broker.ts";

export const brokerWords = Object.freeze<RedisWords>({
  code: "broker",
  name: "broker",
  server: "",
  setting: "the broker URL",
  elsewhere: "set another broker with -b",
  example: "redis://:password@host:6379/0",
  memory: "give it more, and keep maxmemory-policy at noeviction for a broker",
  permissions: "the user needs the commands and keys of Celery, and lovage:*",
  unanswered: "whether it was done is not known; under a guard the same batch may be sent again",
  refusal: (message, details) => new RefusedError(message, details),
});

/** What an unanswered or refused command means; `keys` are those it was for. */
export function commandFailure(url: string, error: unknown, keys: readonly string[] = []): LovageError {
  return failure(brokerWords, url, error, keys);
}

/** One of beat's own keys is in use for something else: nothing goes before somebody has put that right. */
export function wrongKind(key: string, kind: string, wanted: string): LovageError {
  const message = `redis key ${key} holds a ${kind}, not a ${wanted}: delete it (DEL) and beat goes on`;
  return new LovageError("broker", message);
}
