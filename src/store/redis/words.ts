// A beat-record in Redis: its words for what goes wrong, and what may be said about the connection to it.
import { type OptionKind, readOptions, type RedisLink, text, unused } from "../../redis/options.ts";
import type { RedisWords } from "../../redis/words.ts";

export const recordWords = Object.freeze<RedisWords>({
  code: "store",
  name: "beat-record",
  server: "the beat-record",
  setting: "-s",
  elsewhere: "name another beat-record with -s",
  example: "-s redis://:password@host:6379/0",
  memory: "give it more, and keep maxmemory-policy at noeviction for a beat-record",
  permissions: "the user needs hashes, lists, PEXPIRE, PERSIST, HSCAN and EVALSHA on lovage:*",
  unanswered: "whether it was written is not known; it is written again",
});

export interface RecordTransport extends RedisLink {
  /** Put before every key. */
  readonly prefix: string;
}

const kinds: Readonly<Record<string, OptionKind>> = {
  globalKeyprefix: text,
  ...unused(`
    unackedKey unackedIndexKey unackedMutexKey unackedMutexExpire unackedRestoreLimit visibilityTimeout sep prioritySteps
    fanoutPrefix fanoutPatterns queueOrderStrategy maxRetries intervalStart intervalStep intervalMax
  `),
};

/** @throws LovageError("config") for a value that does not fit, and for what looks like a mistyped name */
export function readTransport(options: Readonly<Record<string, unknown>>): RecordTransport {
  const { link, textOf } = readOptions("broker_transport_options", options, kinds);
  return Object.freeze({ ...link, prefix: textOf("globalKeyprefix", "") });
}
