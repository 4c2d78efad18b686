// Signals as a worker takes them: the first asks it to finish, the second to give up, a third is not asked at all.
import type { Clock } from "../clock.ts";
import { leave } from "./fail.ts";

/** Exit code of a worker that was ended before its tasks were done, as Celery's. */
export const coldExitCode = 1;

/** npm hands on to its script the Ctrl-C that the terminal has sent to both: that is one signal, not two. */
const echoMs = 300;

export class StopSignals {
  readonly #clock: Clock;
  readonly #warm = new AbortController();
  readonly #cold = new AbortController();
  #last = { signal: "", at: Number.NEGATIVE_INFINITY };

  constructor(clock: Clock) {
    this.#clock = clock;
    for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT"] as const) process.on(signal, () => this.#take(signal));
    // Node.js would end at once on it, and it means nothing here.
    process.on("SIGUSR2", () => undefined);
    // A terminal that closes takes its programs along; where there is none, nobody means anything by it.
    process.on("SIGHUP", () => {
      if (process.stdin.isTTY) this.stop("SIGHUP");
    });
  }

  /** Aborted by the first signal, which is its reason. */
  get warm(): AbortSignal {
    return this.#warm.signal;
  }

  /** Aborted by the second one, or by SIGQUIT. */
  get cold(): AbortSignal {
    return this.#cold.signal;
  }

  /** What the first signal does; further calls do nothing. */
  stop(reason: string): void {
    this.#warm.abort(reason);
  }

  #take(signal: string): void {
    const at = this.#clock.monotonic();
    const isEcho = this.#last.signal === signal && at - this.#last.at < echoMs;
    this.#last = { signal, at };
    if (isEcho) return;
    if (this.#cold.signal.aborted) leave(coldExitCode);
    if (signal === "SIGQUIT" || this.#warm.signal.aborted) this.#cold.abort(signal);
    this.#warm.abort(signal);
  }
}

/** Resolves with the reason once the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<string> {
  if (signal.aborted) return Promise.resolve(String(signal.reason));
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(String(signal.reason)), { once: true });
  });
}
