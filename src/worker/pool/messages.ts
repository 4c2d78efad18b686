// What a pool and its child processes say to each other, a line of JSON each, over two pipes: orders in, answers out.
import { deserialize, serialize } from "node:v8";
import type { Instant } from "../../clock.ts";
import type { Job, Outcome } from "../job.ts";

/** A child's end of the pipes. */
export const ordersDescriptor = 3;
export const answersDescriptor = 4;

export type ToChild =
  | {
      readonly type: "run";
      readonly job: Job;
      /** Whether the outcome is to say how much memory is used. */
      readonly measure: boolean;
    }
  /** Finish in good order; only sent to a child without a job. */
  | { readonly type: "stop" }
  /** Die of this signal now, which else is not heeded: it may be meant for the whole process group. */
  | { readonly type: "die"; readonly signal: NodeJS.Signals };

export type FromChild =
  | { readonly type: "ready" }
  /** It is about to exit with an error. */
  | { readonly type: "failed"; readonly message: string; readonly hint?: string }
  | { readonly type: "start"; readonly at: Instant }
  | { readonly type: "state"; readonly state: string; readonly metaText: string }
  | { readonly type: "done"; readonly outcome: Outcome; readonly rssKiB?: number }
  | { readonly type: "dying" };

/**
 * What a terminal or a service manager sends to a worker and all its children at once. The worker decides what that means;
 * a child dies of one only when its pool says `die`.
 */
export const GROUP_SIGNALS: readonly NodeJS.Signals[] = Object.freeze(["SIGINT", "SIGTERM", "SIGHUP"] as const);

/** What JSON would bend (a bigint in a header, a Date in a chain's arguments) crosses as a structured clone. */
interface Packed {
  readonly type: "packed";
  readonly data: string;
}

/** @throws {Error} when the message holds what no process can send to another, such as a function */
export function writeMessage(message: ToChild | FromChild): string {
  const crossing: ToChild | FromChild | Packed = crossesAsJson(message)
    ? message
    : { type: "packed", data: serialize(message).toString("base64") };
  return `${JSON.stringify(crossing)}\n`;
}

/** @param line without its end */
export function readMessage(line: string): ToChild | FromChild {
  const message = JSON.parse(line) as ToChild | FromChild | Packed;
  if (message.type !== "packed") return message;
  return deserialize(Buffer.from(message.data, "base64")) as ToChild | FromChild;
}

const lineEnd = 10;

/** Takes what a pipe brings, piece by piece, and calls with each line that is whole. The pieces may be reused. */
export function splitLines(onLine: (line: string) => void): (piece: Uint8Array) => void {
  let begun: Buffer[] = [];
  return (piece) => {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let from = 0;
    for (let end = bytes.indexOf(lineEnd); end !== -1; end = bytes.indexOf(lineEnd, from)) {
      const rest = bytes.subarray(from, end);
      const line = begun.length === 0 ? rest : Buffer.concat([...begun, rest]);
      begun = [];
      from = end + 1;
      onLine(line.toString("utf8"));
    }
    if (from < bytes.length) begun.push(Buffer.from(bytes.subarray(from)));
  };
}

function crossesAsJson(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object") return typeof value === "string" || typeof value === "boolean" || value === undefined;
  if (value === null) return true;
  if (Array.isArray(value)) return value.every((item) => item !== undefined && crossesAsJson(item));
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && everyPartCrosses(value);
}

/** Each message is walked like this, and a list of its values would be as much garbage as the message itself. */
function everyPartCrosses(record: object): boolean {
  for (const key in record) {
    if (!crossesAsJson((record as Readonly<Record<string, unknown>>)[key])) return false;
  }
  return true;
}
