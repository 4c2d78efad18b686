// Leading: take the lease or stand by and say who has it; keep it in the background; notice when it is gone.
import { randomUUID } from "node:crypto";
import { type BackoffOptions, backoff } from "../backoff.ts";
import type { Lease, LeaseHolder, LeaseKeeper, LeaseOwner } from "../broker/lease.ts";
import { type Clock, untilRoundMs } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { Emit } from "../event.ts";

export interface LeaderOptions {
  readonly scope: string;
  readonly owner: LeaseOwner;
  readonly leases: LeaseKeeper;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly leaseMs: number;
  /** The broker has just answered. */
  readonly onRenewed: () => void;
}

const forgottenPauseMs = 100;
const retry: BackoffOptions = { firstMs: 200, mostMs: 5000 };

export class Leader {
  readonly #options: LeaderOptions;
  #owner: LeaseOwner;
  /** Whom this beat stands by for, as far as it knows. */
  #holder: string | null = null;
  /** Since when the broker knows of no leader at all, by the monotonic clock. */
  #forgottenSince: number | null = null;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#owner = options.owner;
  }

  get holder(): string | null {
    return this.#holder;
  }

  /**
   * A broker that has lost its memory knows the marks no more. Who led last does, so who stood by leaves it a lease's time
   * to come back.
   */
  #isToWait(): boolean {
    const { clock, leaseMs } = this.#options;
    if (this.#holder === null) return false;
    return this.#forgottenSince === null || clock.monotonic() - this.#forgottenSince < leaseMs;
  }

  /** Waits until this beat leads; null when `signal` ends the wait. A broker out of reach is asked again and again. */
  async acquire(signal: AbortSignal): Promise<Lease | null> {
    const { scope, leases, clock, leaseMs } = this.#options;
    let failures = 0;
    let announced: string | null = null;
    while (!signal.aborted) {
      try {
        const acquired = await leases.acquire(scope, this.#owner, leaseMs, { unlessForgotten: this.#isToWait() });
        if ("lease" in acquired) {
          this.#holder = null;
          this.#forgottenSince = null;
          return acquired.lease;
        }
        if ("isForgotten" in acquired) {
          this.#forgottenSince ??= clock.monotonic();
          await clock.sleep(forgottenPauseMs, signal);
          continue;
        }
        this.#forgottenSince = null;
        this.#holder = acquired.heldBy.label;
        announced = this.#announce(acquired.heldBy, announced);
        failures = 0;
        await clock.sleep(standbyMs(acquired.heldBy, leaseMs), signal);
      } catch (error) {
        const retryInMs = backoff(failures, retry);
        failures += 1;
        this.#options.emit({ type: "failure", where: `cannot ask who leads scope ${scope}`, reason: messageOf(error) });
        await clock.sleep(retryInMs, signal);
      }
    }
    return null;
  }

  /** Renews until `signal` is aborted or the lease is lost; true when it was lost. */
  async keep(lease: Lease, signal: AbortSignal): Promise<boolean> {
    const { leases, clock, emit, leaseMs } = this.#options;
    let isFailing = false;
    while (!signal.aborted) {
      await clock.sleep(isFailing ? leaseMs / 10 : untilRoundMs(clock, leaseMs / 4), signal);
      if (signal.aborted) return false;
      try {
        if (!(await leases.renew(lease, leaseMs))) return true;
        isFailing = false;
        this.#options.onRenewed();
      } catch (error) {
        if (!isFailing) emit({ type: "failure", where: "cannot renew the lease", reason: messageOf(error) });
        isFailing = true;
        // Leading ends when somebody else has taken over, which the broker tells on the next renewal or refuses on the
        // next publish; until then nothing can be sent twice.
      }
    }
    return false;
  }

  /**
   * The lease was lost to somebody. If that somebody uses a copy of our beat-record, he has our id too, and the two would
   * take the lease from each other for ever; under a new id the one who lost it stands by.
   */
  renounce(): void {
    this.#owner = { id: randomUUID(), label: this.#options.owner.label };
  }

  async release(lease: Lease): Promise<void> {
    await this.#options.leases.release(lease);
  }

  #announce(holder: LeaseHolder, announced: string | null): string {
    if (holder.label !== announced) {
      this.#options.emit({ type: "beat-standby", scope: this.#options.scope, leader: holder.label });
    }
    return holder.label;
  }
}

/** Often enough to follow a clean stop at once, and not later than the lease runs out. */
function standbyMs(holder: LeaseHolder, leaseMs: number): number {
  return Math.max(20, Math.min(holder.remainingMs + 5, leaseMs / 20, 500));
}
