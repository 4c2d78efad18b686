// What is wrong at this moment, as the event stream tells it: events come and go, and health is asked for in between.
import type { Clock, Instant } from "../clock.ts";
import type { Problem } from "../error.ts";
import type { EventStream, LovageEvent } from "../event.ts";

export interface BrokerTrouble {
  readonly reason: string;
  /** On the monotonic clock. */
  readonly since: number;
}

const sendsAgain: ReadonlySet<LovageEvent["type"]> = new Set(["publish-recovered", "beat-lost-lease", "beat-started"]);

export class Troubles {
  readonly #clock: Clock;
  readonly #quarantined = new Set<string>();
  #connection: BrokerTrouble | null = null;
  #sending: BrokerTrouble | null = null;
  #record: string | null = null;
  #problems: readonly Problem[] = [];
  #reloadedAt: Instant | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the function that ends it. */
  follow(events: EventStream): () => void {
    return events.subscribe((event) => {
      this.#takeConnection(event);
      this.#takeSending(event);
      this.#takeRecord(event);
      this.#takeSchedule(event);
    });
  }

  /** Since when nothing goes to the broker, and why; null while it answers. A server can be there and take nothing. */
  get broker(): BrokerTrouble | null {
    const [connection, sending] = [this.#connection, this.#sending];
    if (connection === null || sending === null) return connection ?? sending;
    return connection.since < sending.since ? connection : sending;
  }

  /** Why the beat-record was not written; null once it is again. */
  get record(): string | null {
    return this.#record;
  }

  /** Of the last reload; empty when it was taken. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** When a reload was last taken. */
  get reloadedAt(): Instant | null {
    return this.#reloadedAt;
  }

  /** Entries that were set aside; some may have been mended since. */
  get quarantined(): readonly string[] {
    return [...this.#quarantined];
  }

  /** The entry works again, or is gone. */
  mended(entry: string): void {
    this.#quarantined.delete(entry);
  }

  #takeConnection(event: LovageEvent): void {
    if (event.type === "broker-disconnected") this.#connection ??= this.#trouble(event.reason);
    if (event.type === "broker-connected" || event.type === "beat-started") this.#connection = null;
  }

  /** What another beat has taken over is not ours to send any more. */
  #takeSending(event: LovageEvent): void {
    if (event.type === "publish-failed") this.#sending ??= this.#trouble(event.reason);
    if (sendsAgain.has(event.type)) this.#sending = null;
  }

  #takeRecord(event: LovageEvent): void {
    if (event.type === "record-failed") this.#record = event.reason;
    if (event.type === "record-recovered") this.#record = null;
  }

  #takeSchedule(event: LovageEvent): void {
    if (event.type === "entry-quarantined") this.#quarantined.add(event.entry);
    if (event.type === "reload-failed") this.#problems = event.problems;
    if (event.type !== "reload-applied") return;
    this.#problems = [];
    this.#reloadedAt = this.#clock.now();
  }

  #trouble(reason: string): BrokerTrouble {
    return { reason, since: this.#clock.monotonic() };
  }
}
