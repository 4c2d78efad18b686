// A warm stop waits for what runs, and for the broker and the backend to take what came of it: it says so, now and then.
import type { Clock } from "../clock.ts";
import type { Emit } from "../event.ts";
import type { Runner } from "./runner.ts";

export interface WaitingOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly runner: Pick<Runner, "activeCount" | "unsettledCount">;
}

const tellEveryMs = 10_000;

/** Abort what it returns when the wait is over. */
export function tellOfWaiting(options: WaitingOptions): AbortController {
  const over = new AbortController();
  void tellUntil(over.signal, options);
  return over;
}

async function tellUntil(over: AbortSignal, { clock, emit, runner }: WaitingOptions): Promise<void> {
  for (;;) {
    await clock.sleep(tellEveryMs, over);
    if (over.aborted) return;
    emit({ type: "worker-waiting", running: runner.activeCount, unsettled: runner.unsettledCount });
  }
}
