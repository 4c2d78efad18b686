// What an embedded beat does when another process has its beat-record: it waits for it, as a standby.
import type { Clock } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Store } from "../store/store.ts";

export interface AwaitRecordOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called once, with who has it. */
  readonly onBusy: (holder: string) => Promise<void>;
}

const lookAgainMs = 2000;

/** The record as soon as nobody else has it; null when the signal is aborted first. */
export async function awaitRecord(open: () => Promise<Store>, options: AwaitRecordOptions): Promise<Store | null> {
  const { clock, signal, onBusy } = options;
  let isTold = false;
  while (!signal.aborted) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof LovageError) || error.code !== "locked") throw error;
      if (!isTold) await onBusy(/ is in use by (.+)$/.exec(error.message)?.[1] ?? "another process");
      isTold = true;
    }
    await clock.sleep(lookAgainMs, signal);
  }
  return null;
}
