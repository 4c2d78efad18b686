// How large a pool may be.
import { LovageError } from "../../error.ts";

/** @throws {LovageError} when the number is none that a pool can have */
export function checkSize(size: number): number {
  if (Number.isSafeInteger(size) && size >= 1) return size;
  throw new LovageError("usage", `a pool cannot have ${size} slots`, { hint: "give a whole number, 1 or more" });
}
