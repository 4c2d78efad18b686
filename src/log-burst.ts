// A hundred thousand tasks on one minute are not a hundred thousand lines: the first of a kind in each second are
// written, the rest of that second as one.
import type { Clock } from "./clock.ts";
import type { LovageEvent } from "./event.ts";
import { type LineLevel, levelOf } from "./log-line.ts";

const WINDOW_MS = 1_000;

/** The kinds that come by the thousand, and what to call many of them. */
const KINDS: { readonly [Type in LovageEvent["type"]]?: string } = {
  "occurrence-sent": "tasks sent",
  "occurrence-duplicate": "occurrences not sent twice",
  "occurrences-missed": "entries with missed occurrences",
  "entry-finished": "entries finished",
  "entry-quarantined": "entries set aside",
  "ping-failed": "pings that were not taken",
};

export interface BurstOptions {
  readonly clock: Clock;
  /** Lines of a kind per second. */
  readonly most: number;
  readonly write: (level: LineLevel, fields: Readonly<Record<string, unknown>>, line: string) => void;
}

interface Tally {
  readonly level: LineLevel;
  shown: number;
  held: number;
  /** The greatest delay among those held, where they have one. */
  latestMs: number;
}

export class Burst {
  readonly #options: BurstOptions;
  readonly #tallies = new Map<LovageEvent["type"], Tally>();
  #window: AbortController | null = null;

  constructor(options: BurstOptions) {
    this.#options = options;
  }

  /** Whether this event is to have a line of its own; if not, it has been counted. */
  admits(event: LovageEvent): boolean {
    if (event.type === "beat-stopped") this.stop();
    if (KINDS[event.type] === undefined) return true;
    this.#openWindow();
    const tally = this.#tallyOf(event);
    if (tally.shown < this.#options.most) {
      tally.shown += 1;
      return true;
    }
    tally.held += 1;
    if (event.type === "occurrence-sent") tally.latestMs = Math.max(tally.latestMs, event.sentAt - event.dueAt);
    return false;
  }

  /** Writes what is held back, and ends the wait for it. */
  stop(): void {
    this.#window?.abort();
    this.#flush();
  }

  #tallyOf(event: LovageEvent): Tally {
    const known = this.#tallies.get(event.type);
    if (known !== undefined) return known;
    const tally = { level: levelOf(event), shown: 0, held: 0, latestMs: 0 };
    this.#tallies.set(event.type, tally);
    return tally;
  }

  #openWindow(): void {
    if (this.#window !== null) return;
    const window = new AbortController();
    this.#window = window;
    void this.#options.clock.sleep(WINDOW_MS, window.signal).then(() => {
      if (window.signal.aborted) return;
      try {
        this.#flush();
      } catch {
        // A log that cannot be written must not end what it tells of.
      }
    });
  }

  #flush(): void {
    this.#window = null;
    const tallies = [...this.#tallies];
    this.#tallies.clear();
    for (const [event, { level, held, latestMs }] of tallies) {
      if (held === 0) continue;
      const late = event === "occurrence-sent" ? `, up to ${latestMs} ms late` : "";
      const line = `Scheduler: and ${held} more ${KINDS[event]} within a second${late} (-l DEBUG shows each)`;
      this.#options.write(level, { event, more: held }, line);
    }
  }
}
