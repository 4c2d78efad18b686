// Who gives an order: kept with a pause, a run or a backfill, for whoever asks later.
import { hostname, userInfo } from "node:os";

/** `alice@host`; in a container whose user has no name, its number. */
export function author(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "somebody");
  }
}
