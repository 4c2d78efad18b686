// Tells which entries of a file are as they were when it was last read, by 16 bytes each: of a large file that was edited, only
// what is new has to come from one thread to the other and be built.
import { hash } from "node:crypto";
import type { CheckedEntry } from "./parse-file.ts";

export const digestSize = 16;

/** Of all that makes the entry, but for the place where it was written: a new line moves all that follow. */
export function digestOf({ place, data }: CheckedEntry): string {
  const { name, timezone, missedWithinMs } = place;
  const text = JSON.stringify([name, timezone, missedWithinMs, data], writeOddNumber);
  return hash("sha1", text, "binary").slice(0, digestSize);
}

/** JSON has no words for some numbers, and would take them for others. */
function writeOddNumber(_key: string, value: unknown): unknown {
  if (typeof value !== "number" || (Number.isFinite(value) && !Object.is(value, -0))) return value;
  return Object.is(value, -0) ? "\u0000-0" : `\u0000${value}`;
}

/** In memory that all threads see. */
export function packDigests(digests: readonly string[]): Uint8Array {
  const packed = Buffer.from(new SharedArrayBuffer(digests.length * digestSize));
  for (const [index, digest] of digests.entries()) packed.write(digest, index * digestSize, "latin1");
  return packed;
}

/** The place of each digest among those that were packed. */
export function unpackDigests(packed: Uint8Array): ReadonlyMap<string, number> {
  const text = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  const places = new Map<string, number>();
  for (let at = 0; at < text.length; at += digestSize) {
    places.set(text.toString("latin1", at, at + digestSize), at / digestSize);
  }
  return places;
}
