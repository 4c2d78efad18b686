// Where received tasks wait for their turn: for their eta, for the rate limit of their task, or for a free slot.
import type { Clock, Instant } from "../clock.ts";
import { Alarm } from "./alarm.ts";
import { EtaHeap } from "./eta-heap.ts";
import { parseRate, TokenBucket } from "./rate-limit.ts";
import type { Request } from "./request.ts";

export interface LineOptions {
  readonly clock: Clock;
  /** Called when {@link Line.next} may have something that it had not before. */
  readonly onReady: () => void;
}

/** The tasks of one name, when their rate is limited. */
interface Lane {
  readonly bucket: TokenBucket;
  readonly waiting: Set<Request>;
}

export class Line {
  readonly #clock: Clock;
  readonly #onReady: () => void;
  readonly #scheduled = new EtaHeap<Request>();
  readonly #lanes = new Map<string, Lane>();
  readonly #ready = new Set<Request>();
  readonly #alarm: Alarm;

  constructor({ clock, onReady }: LineOptions) {
    this.#clock = clock;
    this.#onReady = onReady;
    this.#alarm = new Alarm(clock, () => {
      this.#advance();
      this.#onReady();
    });
  }

  /** Waiting for their eta, in its order. */
  get scheduled(): readonly Request[] {
    return this.#scheduled.items();
  }

  get scheduledCount(): number {
    return this.#scheduled.size;
  }

  /** Waiting for a slot or for a rate limit, in order of arrival. */
  get reserved(): readonly Request[] {
    return [...this.#ready, ...[...this.#lanes.values()].flatMap(({ waiting }) => [...waiting])];
  }

  get readyCount(): number {
    return this.#ready.size;
  }

  add(request: Request): void {
    if (request.etaAt !== null && request.etaAt > this.#clock.now()) {
      request.stage = "scheduled";
      this.#scheduled.push(request.etaAt, request);
      this.#setAlarm();
      return;
    }
    this.#admit(request);
    this.#setAlarm();
  }

  /** The next task that may start now, taken out of the line. */
  next(): Request | undefined {
    const first = this.#ready.values().next();
    if (first.done === true) return undefined;
    this.#ready.delete(first.value);
    return first.value;
  }

  remove(request: Request): void {
    this.#scheduled.remove(request);
    this.#ready.delete(request);
    this.#lanes.get(request.name)?.waiting.delete(request);
  }

  /** Takes everything out. */
  clear(): readonly Request[] {
    this.#alarm.stop();
    const all = [...this.reserved, ...this.scheduled];
    for (const request of all) this.remove(request);
    return all;
  }

  /**
   * From now on so many tasks of that name start per second, minute or hour; 0 or null: no limit.
   *
   * @throws LovageError when the rate cannot be read
   */
  setRate(task: string, rate: string | number | null): void {
    const perSecond = parseRate(rate);
    const before = this.#lanes.get(task);
    this.#lanes.delete(task);
    if (perSecond > 0) this.#lanes.set(task, { bucket: new TokenBucket(perSecond), waiting: new Set() });
    for (const request of before?.waiting ?? []) this.#admit(request);
    this.#setAlarm();
    this.#onReady();
  }

  #admit(request: Request): void {
    request.stage = "received";
    const lane = this.#lanes.get(request.name);
    if (lane === undefined || (lane.waiting.size === 0 && lane.bucket.canConsume(this.#clock.monotonic()))) {
      this.#ready.add(request);
    } else {
      lane.waiting.add(request);
    }
  }

  #advance(): void {
    for (const request of this.#scheduled.popDue(this.#clock.now())) this.#admit(request);
    for (const { bucket, waiting } of this.#lanes.values()) {
      for (const request of waiting) {
        if (!bucket.canConsume(this.#clock.monotonic())) break;
        waiting.delete(request);
        this.#ready.add(request);
      }
    }
    this.#setAlarm();
  }

  #setAlarm(): void {
    const next: Instant[] = [];
    const etaAt = this.#scheduled.nextAt();
    if (etaAt !== null) next.push(etaAt);
    for (const { bucket, waiting } of this.#lanes.values()) {
      // Whole milliseconds: a timer that rings a hair too early would only be set again.
      if (waiting.size > 0) next.push(Math.ceil(this.#clock.now() + bucket.waitMs(this.#clock.monotonic())));
    }
    this.#alarm.set(next.length === 0 ? null : Math.min(...next));
  }
}
