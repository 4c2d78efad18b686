// What is known of one beat at any moment, for whoever asks: probes, scrapes, systemd, the dead-man's switch.
import type { Clock } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { EventStream } from "../event.ts";
import { type Health, type HealthFacts, isLive, isReady, judgeHealth, silenceMs } from "./health.ts";
import type { Subject, SubjectStatus } from "./subject.ts";
import { Troubles } from "./troubles.ts";

export interface MonitorOptions {
  readonly clock: Clock;
  readonly events: EventStream;
  /** The longest sleep of beat's loop between two looks at the clock. */
  readonly maxIntervalMs: number;
}

/** How a beat stands at one moment. */
export interface Look {
  /** Null while it still starts. */
  readonly beat: SubjectStatus | null;
  /** How long its loop has not looked at the clock. */
  readonly silenceMs: number | null;
  readonly isLive: boolean;
  readonly health: Health;
}

/** Names looked up for health; a schedule with more entries set aside is broken as a whole. */
const mostQuarantined = 20;

export class Monitor {
  readonly #options: MonitorOptions;
  readonly #startedAt: number;
  readonly troubles: Troubles;
  readonly #unfollow: () => void;
  #subject: Subject | null = null;

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
    this.troubles = new Troubles(options.clock);
    this.#unfollow = this.troubles.follow(options.events);
  }

  /** From now on there is a beat to ask. */
  attach(subject: Subject): void {
    this.#subject = subject;
  }

  end(): void {
    this.#unfollow();
  }

  /** Null while beat still starts. */
  get subject(): Subject | null {
    return this.#subject;
  }

  status(): SubjectStatus | null {
    return this.#subject?.status() ?? null;
  }

  isLive(): boolean {
    const { clock, maxIntervalMs } = this.#options;
    return isLive({ beat: this.status(), now: clock.now(), maxIntervalMs });
  }

  health(): Health {
    return this.look().health;
  }

  /** All of it from one question to beat. */
  look(): Look {
    const facts = this.#facts();
    const { beat, now } = facts;
    const age = beat === null ? null : silenceMs(beat, now);
    return { beat, silenceMs: age, isLive: isLive(facts), health: judgeHealth(facts) };
  }

  #facts(): HealthFacts {
    const { clock, maxIntervalMs } = this.#options;
    const beat = this.status();
    return {
      now: clock.now(),
      beat,
      maxIntervalMs,
      brokerAway: this.#brokerAway(beat),
      recordFailure: this.troubles.record,
      reloadProblems: this.troubles.problems,
      quarantined: this.#sortOutQuarantined(),
    };
  }

  /** A beat that knows of no leader has never had an answer: not even its own lease has been taken. */
  #brokerAway(beat: SubjectStatus | null): HealthFacts["brokerAway"] {
    const now = this.#options.clock.monotonic();
    const trouble = this.troubles.broker;
    if (trouble !== null) return { forMs: now - trouble.since, reason: trouble.reason };
    if (beat === null || isReady({ beat })) return null;
    return { forMs: now - this.#startedAt, reason: "it has not answered yet" };
  }

  /** Forgets the entries that are mended, and tells of those that are still set aside. */
  #sortOutQuarantined(): HealthFacts["quarantined"] {
    return this.troubles.quarantined.slice(0, mostQuarantined).flatMap((entry) => {
      const reason = this.#faultOf(entry);
      if (reason === null) this.troubles.mended(entry);
      return reason === null ? [] : [{ entry, reason }];
    });
  }

  /** Null: it is mended, or gone, or another beat's by now. */
  #faultOf(entry: string): string | null {
    try {
      return this.#subject?.show(entry).quarantined ?? null;
    } catch (error) {
      // A question that failed for another reason leaves the entry as it was.
      return isGone(error) ? null : messageOf(error);
    }
  }
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "usage" || code === "standby";
}
