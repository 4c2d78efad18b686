// The other side of a beat-record's door: how another process on this machine asks and tells the beat.
import { connect, type Socket } from "node:net";
import type { Clock } from "../../clock.ts";
import { LovageError, messageOf } from "../../error.ts";
import { readLines, writeLine } from "./door-line.ts";
import { checkFolder, type DoorPlace, doorPlace } from "./door-place.ts";
import type { Ask } from "./remote-steering.ts";

export interface BellOptions {
  readonly clock: Clock;
  /** How long an answer may take. */
  readonly timeoutMs: number;
}

/** A page of a thousand entries has far less. */
const longestAnswerBytes = 67_108_864;
const nobodyThere: ReadonlySet<string> = new Set(["ENOENT", "ECONNREFUSED", "ENOTSOCK"]);

/**
 * Null when no beat runs on this record, which is known at once. Each request has a connection of its own: who thinks between
 * two of them keeps no place at the door.
 *
 * @throws LovageError when there is one that this user may not speak to; `ask` throws `store` when nobody serves it
 */
export async function openDoor(record: string, { clock, timeoutMs }: BellOptions): Promise<Ask | null> {
  const place = doorPlace(record);
  if (place === null) return null;
  const probe = await reach(place);
  if (probe === null) return null;
  probe.destroy();
  const late = async (signal: AbortSignal): Promise<never> => {
    await clock.sleep(timeoutMs, signal);
    const hint = "it hangs, or is very busy; what was asked for may still be done";
    throw new LovageError("store", `the beat on ${record} has not answered for ${timeoutMs / 1000} s`, { hint });
  };
  return async (method, args) => {
    const socket = await reach(place);
    if (socket === null) throw new LovageError("store", `the beat on ${record} has ended`);
    const answered = new AbortController();
    try {
      const answer = exchange(socket, JSON.stringify({ method, arguments: args }));
      const line = await Promise.race([answer, late(answered.signal)]);
      if (line === null) throw endedEarly(record);
      return JSON.parse(line) as unknown;
    } finally {
      answered.abort();
      socket.destroy();
    }
  };
}

/** Null when there is no answer. */
async function exchange(socket: Socket, request: string): Promise<string | null> {
  await writeLine(socket, request);
  const line = await readLines(socket, longestAnswerBytes)
    .next()
    .catch(() => null);
  return line === null || line.done === true ? null : line.value;
}

function endedEarly(record: string): LovageError {
  const hint = "it has stopped, or too many speak to it at once; --remote asks over the broker";
  return new LovageError("store", `the beat on ${record} ended before it answered`, { hint });
}

async function reach(place: DoorPlace): Promise<Socket | null> {
  const { path } = place;
  try {
    checkFolder(place);
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
