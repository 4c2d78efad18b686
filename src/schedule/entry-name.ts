// What may stand as the name of an entry: it is found again on the broker, and must come back as it was.
import { toUSVString } from "node:util";

/** What is wrong with a name; null for a good one. */
export function nameFault(name: unknown): string | null {
  if (typeof name !== "string" || name === "") return "an entry needs a name";
  return toUSVString(name) === name ? null : "its name holds half of a character (a lone surrogate): write it out";
}
