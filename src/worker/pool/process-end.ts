// How a child process ended, told once all that it had to say has been read: a result sent just before an exit counts.
import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import type { Clock } from "../../clock.ts";
import { messageOf } from "../../error.ts";

export interface LastWords {
  /** How long after the exit its channel may stay open: a process of the task's own may hold it. */
  readonly lostWaitMs: number;
  readonly clock: Clock;
}

/** Resolves in Celery's words: `signal 9 (SIGKILL)`, `exitcode 1`. Never rejects. */
export function whenEnded(child: ChildProcess, { lostWaitMs, clock }: LastWords): Promise<string> {
  const closed = new AbortController();
  return new Promise((resolve) => {
    child.once("close", (code, signal) => {
      closed.abort();
      resolve(formatEnd(code, signal));
    });
    child.once("exit", (code, signal) => {
      void clock.sleep(lostWaitMs, closed.signal).then(() => resolve(formatEnd(code, signal)));
    });
    // Also what a send to a dying child comes to; then its end is about to be told.
    child.on("error", (error) => {
      if (child.pid === undefined) resolve(`it could not be started: ${messageOf(error)}`);
    });
  });
}

function formatEnd(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exitcode ${code}` : `signal ${constants.signals[signal]} (${signal})`;
}
