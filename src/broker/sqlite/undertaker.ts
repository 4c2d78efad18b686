// Shows that our consumer is there, looks whether the others are, and gives back what the dead had in hand.
import type { Clock, Instant } from "../../clock.ts";
import type { Bell } from "./bell.ts";
import type { Claims } from "./claims.ts";
import type { BrokerFile } from "./file.ts";
import { whenDead } from "./presence.ts";

const roundEveryMs = 1000;

export interface UndertakerOptions {
  readonly bell: Bell;
  readonly clock: Clock;
  readonly visibilityTimeoutMs: number;
}

export class Undertaker {
  readonly #file: BrokerFile;
  readonly #claims: Claims;
  readonly #options: UndertakerOptions;
  /** Whose time was over in the last round, and since when. */
  #overdue: ReadonlyMap<string, Instant> = new Map();
  #shownAt: Instant = 0;

  constructor(file: BrokerFile, claims: Claims, options: UndertakerOptions) {
    this.#file = file;
    this.#claims = claims;
    this.#options = options;
  }

  /** Before we are known ourselves: what was left by those of before, when all of them are dead. */
  begin(): void {
    this.#file.transaction(() => this.#claims.buryUnknown());
    this.#buryDead();
  }

  async keepWatch(signal: AbortSignal): Promise<void> {
    this.#shownAt = this.#options.clock.now();
    for (;;) {
      await this.#options.clock.sleep(roundEveryMs, signal);
      if (signal.aborted) return;
      try {
        this.#show();
        this.#buryDead();
      } catch {
        // The consumer meets the same trouble, and tells of it; here there is always a next round.
      }
    }
  }

  #show(): void {
    const { clock, visibilityTimeoutMs } = this.#options;
    const elapsedMs = clock.now() - this.#shownAt;
    if (elapsedMs >= 0 && elapsedMs < visibilityTimeoutMs / 3) return;
    this.#file.transaction(() => {
      if (this.#claims.isRegistered()) this.#claims.register();
    });
    this.#shownAt = clock.now();
  }

  #buryDead(): void {
    const others = this.#file.read(() => this.#claims.others());
    const now = this.#options.clock.now();
    const overdue = new Map([...others].filter(([, aliveUntil]) => aliveUntil < now));
    for (const [other, aliveUntil] of others) {
      const bury = (): void => this.#file.transaction(() => this.#claims.bury(other));
      const isBuried = whenDead(this.#file.path, other, bury) || this.#buryOverdue(other, aliveUntil, overdue);
      if (isBuried) this.#options.bell.ring();
    }
    this.#overdue = overdue;
  }

  /** Not in the first round: after a sleep of the machine all are overdue until each had its turn to show up. */
  #buryOverdue(other: string, aliveUntil: Instant, overdue: ReadonlyMap<string, Instant>): boolean {
    if (!overdue.has(other) || this.#overdue.get(other) !== aliveUntil) return false;
    this.#file.transaction(() => this.#claims.bury(other));
    return true;
  }
}
