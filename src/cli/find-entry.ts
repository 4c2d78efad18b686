// An entry by its name, or the name that was probably meant.
import { didYouMean, LovageError } from "../error.ts";

/** @throws LovageError (`usage`) for a name that is not there */
export function findEntry<Found>(byName: ReadonlyMap<string, Found>, name: string): Found {
  const found = byName.get(name);
  if (found === undefined) throw unknownEntry(name, byName.keys());
  return found;
}

export function unknownEntry(name: string, known: Iterable<string>): LovageError {
  const meant = didYouMean(name, known);
  const hint = meant === null ? "beat list shows all entries" : `did you mean ${meant}?`;
  return new LovageError("usage", `there is no entry ${name}`, { hint });
}
