// Which entries an order is for: those named, all, or those whose names contain a text.
import { LovageError } from "../error.ts";

export interface EntryChoice {
  readonly all?: boolean;
  readonly match?: string;
}

interface Named {
  readonly entry: string;
}

/** @throws LovageError (`usage`) unless entries are chosen in exactly one way */
export function assertChoice(names: readonly string[], { all = false, match }: EntryChoice): void {
  const ways = [names.length > 0, all, match !== undefined].filter(Boolean).length;
  if (ways === 1) return;
  const message = ways === 0 ? "which entries?" : "names, --all and --match do not go together";
  throw new LovageError("usage", message, { hint: "name entries, or give --all or --match TEXT" });
}

/**
 * @param reports asked for only where no names are given
 * @throws LovageError (`usage`) when nothing matches
 */
export async function chooseEntries<Report extends Named>(
  names: readonly string[],
  { match }: EntryChoice,
  reports: () => Promise<readonly Report[]>,
): Promise<readonly string[]> {
  if (names.length > 0) return [...new Set(names)];
  const chosen = (await reports()).map(({ entry }) => entry).filter((entry) => entry.includes(match ?? ""));
  if (chosen.length > 0 || match === undefined) return chosen;
  throw new LovageError("usage", `no entry has ${JSON.stringify(match)} in its name`, {
    hint: "beat list shows all entries",
  });
}
