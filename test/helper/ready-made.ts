// The raw limit of this machine: a client that has nothing to do but to send bytes that were made before.
import { Command, type Redis } from "ioredis";
import { encodeCommand } from "../../src/redis/bulk.ts";

export interface ReadyMade {
  readonly bytes: Buffer;
  /** In one command. */
  readonly messages: number;
}

class ReadyCommand extends Command {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    super("lpush", [], { replyEncoding: "utf8" });
    this.#bytes = bytes;
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}

/** One LPUSH of many copies of a message: whoever sends it again and again needs no memory and no time to make it. */
export function readyMade(key: string, message: string, messages = 500): ReadyMade {
  const copies = Array.from({ length: messages }, () => message);
  return { bytes: encodeCommand(["lpush", key, ...copies]), messages };
}

const inFlight = 4;

/** Messages as anyone would send them who has nothing else to do: variadic LPUSH, several of them in flight. */
export async function pushTexts(client: Redis, key: string, texts: readonly string[], each = 500): Promise<void> {
  let from = 0;
  await inLanes(async () => {
    while (from < texts.length) {
      const next = texts.slice(from, from + each);
      from += next.length;
      await client.lpush(key, ...next);
    }
  });
}

/** Pushes so many messages, rounded up to whole commands, several of them in flight. */
export async function pushReadyMade(client: Redis, ready: ReadyMade, count: number): Promise<void> {
  let left = Math.ceil(count / ready.messages);
  await inLanes(async () => {
    while (left > 0) {
      left -= 1;
      await client.sendCommand(new ReadyCommand(ready.bytes));
    }
  });
}

async function inLanes(lane: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: inFlight }, lane));
}
