// Looks at the clock when something is due, and every few seconds in any case, so that sleep and clock changes heal.
import { setImmediate } from "node:timers/promises";
import { type Clock, type Instant, sleepUntil, untilRoundMs } from "../clock.ts";
import type { Emit } from "../event.ts";
import { type Ahead, aheadMs } from "./ahead.ts";
import type { Plan } from "./plan.ts";
import type { Publisher } from "./publish.ts";
import { lateMs, longTickLimit, type Tick, tick, tickLimit } from "./tick.ts";

export interface TickerOptions {
  readonly plan: Plan;
  readonly publisher: Pick<Publisher, "unsent">;
  readonly onDue: (due: Tick["due"]) => void;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly maxIntervalMs: number;
  readonly ahead: Pick<Ahead, "prepare">;
  readonly onMissed: (missed: Tick["missed"]) => void;
  /** The wall clock has moved against the monotonic one, backwards where `byMs` is negative. */
  readonly onJump: (byMs: number) => void;
}

/** With so many unsent the rest waits in the plan: it costs no memory there, and goes by its entry's policy afterwards. */
const backlogLimit = 100_000;
const backlogPauseMs = 50;
/** With so many unsent the publisher has enough to do. */
const enoughUnsent = 10_000;
/** A burst may take so long to be taken from the plan; what is later than that by then was missed. */
const longestBurstMs = 60_000;
/** The end of a rest that is longer is met to a fraction of a millisecond; that costs three milliseconds of work each time. */
const calmMs = 100;
/** A wall clock that moved by more than this against the monotonic one has jumped. */
const jumpMs = 1000;

export class Ticker {
  readonly #options: TickerOptions;
  #nap = new AbortController();
  /** Wall clock minus monotonic clock; constant while nobody touches the wall clock. */
  #offset: number;
  /** Since when there has been something due all the time, without a gap in which nobody looked. */
  #busySince: Instant | null = null;

  /** When the ticker last looked at the clock, or began to. */
  lookedAt: Instant;

  constructor(options: TickerOptions) {
    this.#options = options;
    this.lookedAt = options.clock.now();
    this.#offset = options.clock.now() - options.clock.monotonic();
  }

  /** Ends the present sleep: there may be something new to do. */
  wake(): void {
    this.#nap.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.wake();
    signal.addEventListener("abort", wake, { once: true });
    while (!signal.aborted) {
      this.#watchClock();
      this.#tick();
      await this.#rest(signal);
    }
    signal.removeEventListener("abort", wake);
  }

  #tick(): void {
    const { plan, clock, onDue, onMissed } = this.#options;
    if (this.#isBacklogged()) {
      this.#busySince = null;
      return;
    }
    const now = clock.now();
    const { due, missed } = tick(plan, now, this.#limit(), this.#inTimeAt(now));
    this.#busySince = plan.dueSince <= now ? (this.#busySince ?? now) : null;
    if (due.length > 0) onDue(due);
    if (missed.length > 0) onMissed(missed);
  }

  /** The first of a burst leave at once; then the publisher gets all it can send. */
  #limit(): number {
    const isLong = this.#busySince !== null && this.#options.publisher.unsent < enoughUnsent;
    return isLong ? longTickLimit : tickLimit;
  }

  #inTimeAt(now: Instant): Instant {
    return this.#busySince === null ? now : Math.max(this.#busySince, now - longestBurstMs);
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const { plan, clock } = this.#options;
    if (signal.aborted) return;
    const dueInMs = plan.wakeAt - clock.now();
    const waitMs = this.#isBacklogged() ? backlogPauseMs : Math.min(dueInMs, this.#lookInMs(dueInMs));
    if (waitMs <= 0) {
      await setImmediate();
      return;
    }
    this.#nap = new AbortController();
    await this.#sleep(waitMs, dueInMs);
  }

  /** What is due soon needs the time until then: no round comes in between. */
  #lookInMs(dueInMs: number): number {
    const { clock, maxIntervalMs } = this.#options;
    return dueInMs <= maxIntervalMs ? maxIntervalMs : untilRoundMs(clock, maxIntervalMs);
  }

  /** What is due when the sleep ends is made ready in the last part of it. */
  async #sleep(waitMs: number, dueInMs: number): Promise<void> {
    const { plan, clock, ahead } = this.#options;
    const { signal } = this.#nap;
    if (waitMs < dueInMs) {
      const untilAheadMs = dueInMs - aheadMs;
      await clock.sleep(untilAheadMs > 0 ? Math.min(waitMs, untilAheadMs) : waitMs, signal);
      return;
    }
    const dueAt = plan.wakeAt;
    if (waitMs > aheadMs) await clock.sleep(waitMs - aheadMs, signal);
    // What has just become due goes first.
    else await setImmediate();
    await ahead.prepare(dueAt, signal);
    const leftMs = dueAt - clock.now();
    if (waitMs >= calmMs) await sleepUntil(clock, dueAt, waitMs, signal);
    else if (leftMs > 0) await clock.sleep(Math.min(leftMs, waitMs), signal);
  }

  #isBacklogged(): boolean {
    const { plan, publisher } = this.#options;
    return publisher.unsent >= Math.max(backlogLimit, 2 * plan.slots.size);
  }

  #watchClock(): void {
    const { clock, emit, onJump } = this.#options;
    const now = clock.now();
    if (Math.abs(now - this.lookedAt) >= lateMs) this.#busySince = null;
    this.lookedAt = now;
    const offset = now - clock.monotonic();
    const byMs = offset - this.#offset;
    if (Math.abs(byMs) < jumpMs) return;
    this.#offset = offset;
    emit({ type: "clock-jumped", byMs });
    onJump(byMs);
  }
}
