// Tells one URL again and again that all is well. What watches it raises the alarm when the pings stop: the only alarm that
// works when the whole machine is gone.
import { type Clock, untilRoundMs } from "../clock.ts";
import type { Emit } from "../event.ts";
import type { Service } from "../service.ts";
import { knock, type KnockOptions } from "./knock.ts";
import { shownUrl } from "./ping-url.ts";

export interface DeadMansSwitchOptions {
  readonly url: string;
  readonly everyMs: number;
  /** Whether all is well: this beat leads, and can do its work. */
  readonly isWell: () => boolean;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly knocking?: Pick<KnockOptions, "limitMs" | "tries" | "retry">;
}

/** A beat that has just started soon leads: the first ping does not wait for its full turn. */
const lookMs = 1000;

export class DeadMansSwitch implements Service {
  readonly #options: DeadMansSwitchOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: DeadMansSwitchOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    this.#running = this.#run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, everyMs, isWell } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const isTold = isWell();
      if (isTold) await this.#ping();
      await clock.sleep(untilRoundMs(clock, isTold ? everyMs : Math.min(everyMs, lookMs)), signal);
    }
  }

  async #ping(): Promise<void> {
    const { url, clock, emit, knocking } = this.#options;
    const { signal } = this.#stopping;
    const { reason } = await knock(url, { clock, signal, ...knocking });
    if (reason !== null && !signal.aborted) emit({ type: "ping-failed", entry: "--ping", url: shownUrl(url), reason });
  }
}
