// Revoking what a worker has in hand: what has not begun is dropped at once, what runs is ended where that is asked for.
import { LovageError } from "../error.ts";
import type { Discards } from "./discards.ts";
import type { Line } from "./line.ts";
import type { Pool } from "./pool/pool.ts";
import type { Request } from "./request.ts";

export interface RevokeParts {
  readonly inHand: Iterable<Request>;
  readonly line: Line;
  readonly discards: Discards;
  readonly pool: Pool;
}

export interface Termination {
  readonly terminate?: boolean;
  readonly signal?: NodeJS.Signals;
}

/**
 * The ids of those that run and are being ended.
 *
 * @throws LovageError for a signal that would not end a task
 */
export function revokeInHand(
  { inHand, line, discards, pool }: RevokeParts,
  ids: readonly string[],
  { terminate = false, signal = "SIGTERM" }: Termination,
): readonly string[] {
  if (terminate) checkSignal(signal);
  const named = new Set(ids);
  const found = [...inHand].filter(({ id }) => named.has(id));
  for (const request of found) {
    if (request.stage !== "received" && request.stage !== "scheduled") continue;
    line.remove(request);
    discards.discard(request, "revoked");
  }
  if (!terminate) return [];
  const active = found.filter(({ stage }) => stage === "active");
  return active.filter(({ id }) => pool.terminate(id, signal)).map(({ id }) => id);
}

/** Node.js opens its debugger on SIGUSR1, to whoever asks; and none of the others in this list would end anything. */
function checkSignal(signal: string): void {
  if (!["SIGUSR1", "SIGCONT", "SIGCHLD", "SIGWINCH", "SIGURG"].includes(signal)) return;
  throw new LovageError("usage", `${signal} does not end a task here`, {
    hint: "say SIGTERM or SIGKILL; a soft limit is for time_limit to set",
  });
}
