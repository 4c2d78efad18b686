// The other side of a beat-record's door: how another process on this machine asks and tells the beat.
import { connect, type Socket } from "node:net";
import type { Clock } from "../../clock.ts";
import { LovageError, messageOf } from "../../error.ts";
import { readLines, writeLine } from "./door-line.ts";
import { checkFolder, doorPlace } from "./door-place.ts";
import type { Ask } from "./remote-steering.ts";

export interface OpenedDoor {
  readonly ask: Ask;
  readonly close: () => void;
}

export interface BellOptions {
  readonly clock: Clock;
  /** How long an answer may take. */
  readonly timeoutMs: number;
}

/** A page of a thousand entries has far less. */
const longestAnswerBytes = 67_108_864;
const nobodyThere: ReadonlySet<string> = new Set(["ENOENT", "ECONNREFUSED", "ENOTSOCK"]);

/**
 * Null when no beat runs on this record, which is known at once.
 *
 * @throws LovageError when there is one that this user may not speak to
 */
export async function openDoor(record: string, { clock, timeoutMs }: BellOptions): Promise<OpenedDoor | null> {
  const place = doorPlace(record);
  if (place === null) return null;
  const socket = await reach(place.path, () => checkFolder(place));
  if (socket === null) return null;
  const lines = readLines(socket, longestAnswerBytes);
  const exchange = async (method: string, args: object): Promise<unknown> => {
    await writeLine(socket, JSON.stringify({ method, arguments: args }));
    const line = await lines.next().catch(() => null);
    if (line === null || line.done === true) {
      throw new LovageError("store", `the beat on ${record} ended before it answered`);
    }
    return JSON.parse(line.value) as unknown;
  };
  const late = async (signal: AbortSignal): Promise<never> => {
    await clock.sleep(timeoutMs, signal);
    const hint = "it hangs, or is very busy; what was asked for may still be done";
    throw new LovageError("store", `the beat on ${record} has not answered for ${timeoutMs / 1000} s`, { hint });
  };
  let last: Promise<unknown> = Promise.resolve();
  const ask: Ask = (method, args) => {
    const turn = async (): Promise<unknown> => {
      const answered = new AbortController();
      try {
        return await Promise.race([exchange(method, args), late(answered.signal)]);
      } finally {
        answered.abort();
      }
    };
    const answer = last.then(turn);
    last = answer.catch(() => socket.destroy());
    return answer;
  };
  return { ask, close: () => void socket.destroy() };
}

async function reach(path: string, check: () => void): Promise<Socket | null> {
  try {
    check();
    return await connected(path);
  } catch (error) {
    if (error instanceof LovageError) throw error;
    const { code = "" } = error as NodeJS.ErrnoException;
    if (nobodyThere.has(code)) return null;
    const hint = "run this as the user of the beat, or ask over the broker with --remote";
    throw new LovageError("store", `cannot speak to the beat at ${path}: ${messageOf(error)}`, { hint });
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject).once("connect", () => {
      // What goes wrong from now on ends the lines.
      socket.off("error", reject).on("error", () => undefined);
      resolve(socket);
    });
  });
}
