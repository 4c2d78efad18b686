// Waits for a task's function, but not beyond its soft time limit where the function takes no notice of it.
import type { Clock } from "../clock.ts";
import type { LiveContext } from "./task-context.ts";
import { isTaskError, SoftTimeLimitExceeded } from "./task-errors.ts";

export type Settled =
  | { readonly isDone: true; readonly value: unknown; readonly isAbandoned: false }
  | { readonly isDone: false; readonly error: unknown; readonly isAbandoned: boolean };

/** Takes what is to be called when somebody wants the run ended: an AbortSignal costs as much as a small task. */
export type OnStop = (stop: (reason: Error) => void) => void;

export interface EndOptions {
  readonly context: LiveContext;
  readonly clock: Clock;
  readonly onStop: OnStop | undefined;
  readonly softTimeLimitMs: number | null;
}

/** What the function gave or threw. Never rejects. */
export async function runToEnd(call: () => unknown, options: EndOptions): Promise<Settled> {
  const { context, onStop, softTimeLimitMs } = options;
  onStop?.((reason) => context.stop(reason));
  if (context.stopReason !== undefined) return failed(context.stopReason);
  const running = attempt(call);
  const settled = await (softTimeLimitMs === null ? running : within(softTimeLimitMs, running, options));
  return settled.isDone ? settled : { ...settled, error: behindAbort(settled.error, context.stopReason) };
}

/** Whether a run ended because somebody wanted it to. */
export function wasTerminated(error: unknown, context: LiveContext): boolean {
  return error === context.stopReason && isTaskError(error, "TaskRevokedError");
}

async function attempt(call: () => unknown): Promise<Settled> {
  try {
    return { isDone: true, value: await call(), isAbandoned: false };
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown, isAbandoned = false): Settled {
  return { isDone: false, error, isAbandoned };
}

async function within(limitMs: number, running: Promise<Settled>, options: EndOptions): Promise<Settled> {
  const { context, clock } = options;
  const done = new AbortController();
  const first = await Promise.race([running, clock.sleep(limitMs, done.signal)]);
  done.abort();
  if (first !== undefined) return first;
  const reason = new SoftTimeLimitExceeded(limitMs / 1000);
  context.stop(reason);
  return context.isSignalUsed ? running : failed(reason, true);
}

/** Who waits with the signal gets an AbortError of its own: what counts is why. */
function behindAbort(error: unknown, stopReason: unknown): unknown {
  const isAbort = error instanceof Error && error.name === "AbortError";
  return stopReason !== undefined && isAbort ? stopReason : error;
}
