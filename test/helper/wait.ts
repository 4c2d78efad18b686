// Waits on the outside world by asking it again and again; when the time is up, the failure says what was waited for.
import { systemClock } from "../../src/clock.ts";

export interface WaitOptions {
  /** What is waited for, as a noun clause: "the worker to be ready". */
  readonly what: string;
  readonly timeoutMs?: number;
  readonly everyMs?: number;
  /** Added to the failure: what is known of the side that did not deliver. */
  readonly detail?: () => string;
}

/** Resolves with the first value of `probe` that is neither undefined, null nor false. What it throws is tried again. */
export async function waitUntil<T>(
  probe: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, undefined | null | false>> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const startedAt = systemClock.monotonic();
  let problem = "";
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== null && value !== false) {
        return value as Exclude<T, undefined | null | false>;
      }
      problem = "";
    } catch (error) {
      problem = `; last error: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (systemClock.monotonic() - startedAt > timeoutMs) {
      const detail = options.detail === undefined ? "" : `\n${options.detail()}`;
      throw new Error(`waited ${timeoutMs} ms in vain for ${options.what}${problem}${detail}`);
    }
    await systemClock.sleep(options.everyMs ?? 20);
  }
}
