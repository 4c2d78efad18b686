// Everything that happens, as one typed stream: log lines, metrics and the waits of tests all read it from here.
import type { Instant } from "./clock.ts";
import type { Problem } from "./error.ts";

export type LovageEvent =
  | { readonly type: "beat-started"; readonly scope: string; readonly term: number; readonly entries: number }
  | { readonly type: "beat-standby"; readonly scope: string; readonly leader: string }
  | { readonly type: "beat-lost-lease"; readonly scope: string; readonly reason: string }
  | { readonly type: "beat-stopping"; readonly reason: string }
  | { readonly type: "beat-stopped"; readonly unsent: number }
  | OccurrenceSent
  | {
      readonly type: "occurrence-duplicate";
      readonly entry: string;
      readonly occurrence: Occasion;
      readonly dueAt: Instant;
      readonly taskId: string;
    }
  | {
      /** Occurrences that did not run. */
      readonly type: "occurrences-missed";
      readonly entry: string;
      readonly cause: MissedCause;
      /** `scheduled` for all that the schedule holds; else what was asked for by hand. */
      readonly occurrence: Occasion;
      readonly count: number;
      readonly atLeast: boolean;
      readonly fromAt: Instant;
      readonly toAt: Instant;
      readonly reason: string;
    }
  | {
      /** A run has shown no end for longer than its `overlap_limit`: it counts as gone, and the next one goes. */
      readonly type: "overlap-given-up";
      readonly entry: string;
      readonly taskId: string;
      readonly sentAt: Instant;
      readonly limitMs: number;
    }
  | { readonly type: "entry-paused"; readonly entry: string; readonly by: string; readonly reason: string | null }
  | {
      readonly type: "entry-resumed";
      readonly entry: string;
      readonly by: string;
      /** Whether what fell into the pause is made up by the entry's policy. */
      readonly catchUp: boolean;
    }
  | {
      readonly type: "backfill-changed";
      readonly id: string;
      readonly entry: string;
      readonly status: "running" | "stopped" | "done";
      readonly sent: number;
      readonly total: number | null;
      /** Who or what changed it. */
      readonly note: string;
    }
  /** A ping of an entry's own (`ping:`) was not taken. */
  | { readonly type: "ping-failed"; readonly entry: string; readonly url: string; readonly reason: string }
  /** The broker's marks lag behind what this beat knows to be sent: it came back with old data, or without any. */
  | { readonly type: "marks-behind"; readonly scope: string; readonly entries: number; readonly entry: string }
  | { readonly type: "entry-finished"; readonly entry: string; readonly reason: string }
  | { readonly type: "entry-quarantined"; readonly entry: string; readonly reason: string }
  | { readonly type: "publish-failed"; readonly reason: string; readonly waiting: number; readonly retryInMs: number }
  | { readonly type: "publish-recovered"; readonly waiting: number; readonly downMs: number }
  | { readonly type: "record-failed"; readonly reason: string }
  /** What had to wait is in the beat-record now. */
  | { readonly type: "record-recovered" }
  | { readonly type: "record-moved-aside"; readonly path: string; readonly movedTo: string; readonly reason: string }
  | { readonly type: "clock-jumped"; readonly byMs: number }
  | {
      readonly type: "mark-in-future";
      /** The entry whose mark is furthest ahead. */
      readonly entry: string;
      readonly markAt: Instant;
      /** How many entries have such a mark. */
      readonly count: number;
      /** True: set back to now. False: left alone; what was sent early is not sent again. */
      readonly reset: boolean;
    }
  | {
      readonly type: "reload-applied";
      readonly added: number;
      readonly changed: number;
      readonly removed: number;
      readonly entries: number;
    }
  | { readonly type: "reload-failed"; readonly problems: readonly Problem[] }
  | { readonly type: "broker-connected"; readonly url: string }
  | { readonly type: "broker-disconnected"; readonly url: string; readonly reason: string }
  /** `warning`: what is dangerous about it; null where nothing is. */
  | { readonly type: "http-listening"; readonly url: string; readonly warning: string | null }
  | { readonly type: "failure"; readonly where: string; readonly reason: string }
  | WorkerEvent;

/** What a worker does and meets. `task` is the name to show; `id` the task id. */
export type WorkerEvent =
  | { readonly type: "worker-ready"; readonly hostname: string }
  | {
      readonly type: "worker-stopping";
      readonly how: "warm" | "cold";
      readonly reason: string;
      readonly running: number;
    }
  | {
      readonly type: "worker-waiting";
      readonly running: number;
      /** Tasks that have run, and whose outcome the broker or the backend has not taken yet. */
      readonly unsettled: number;
    }
  | { readonly type: "worker-stopped"; readonly unfinished: number }
  | { readonly type: "task-received"; readonly task: string; readonly id: string; readonly etaAt: Instant | null }
  | {
      readonly type: "task-succeeded";
      readonly task: string;
      readonly id: string;
      readonly runtimeMs: number;
      /** Python's repr of the result, cut short. */
      readonly result: string;
    }
  | {
      readonly type: "task-failed";
      readonly task: string;
      readonly id: string;
      readonly runtimeMs: number;
      /** `ValueError('boom')`. */
      readonly error: string;
      readonly traceback: string | null;
      /** The task said that it may throw this: no traceback is shown. */
      readonly expected: boolean;
    }
  | {
      readonly type: "task-retried";
      readonly task: string;
      readonly id: string;
      readonly inMs: number;
      readonly error: string;
    }
  | {
      readonly type: "task-discarded";
      readonly task: string;
      readonly id: string;
      /** `revoked`, `expired`, `terminated`, `ignored`, `rejected`, ... */
      readonly reason: string;
    }
  | {
      readonly type: "task-unknown";
      readonly task: string;
      readonly id: string;
      readonly queue: string;
      /** The size of its body. */
      readonly bytes: number;
      /** A registered name it may have meant. */
      readonly near: string | null;
    }
  | {
      readonly type: "message-refused";
      readonly queue: string;
      readonly bytes: number;
      /** The task id, where it could be read. */
      readonly id: string;
      readonly reason: string;
    }
  | { readonly type: "child-ended"; readonly pid: number; readonly reason: string; readonly expected: boolean }
  | { readonly type: "pool-resized"; readonly size: number; readonly reason: string }
  | { readonly type: "results-failed"; readonly reason: string; readonly waiting: number; readonly retryInMs: number }
  | { readonly type: "results-recovered"; readonly waiting: number }
  | { readonly type: "control-received"; readonly command: string; readonly outcome: string }
  | { readonly type: "embedded-beat-ended"; readonly reason: string; readonly restartInMs: number };

export interface OccurrenceSent {
  readonly type: "occurrence-sent";
  readonly entry: string;
  readonly task: string;
  readonly taskId: string;
  readonly queue: string;
  readonly dueAt: Instant;
  readonly sentAt: Instant;
  readonly occurrence: Occasion;
}

/**
 * Why occurrences did not run: `missed` by the entry's policy for what was missed; `stale`, having waited too long for the
 * broker; `refused`, because no message could be made, or the broker would not take it; `paused`; `overlap`.
 */
export type MissedCause = "missed" | "stale" | "refused" | "paused" | "overlap";

/** Why an occurrence was sent: in time, made up, or by hand. */
export type Occasion = "scheduled" | "missed" | "manual" | "backfill";

export type Emit = (event: LovageEvent) => void;

/** A plain fan-out. Listeners run at once, in the order they came; one that throws harms nobody else. */
export class EventStream {
  readonly #listeners = new Set<Emit>();

  readonly emit: Emit = (event) => {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch {
        // A listener is a spectator: its mistake must not stop what it watches.
      }
    }
  };

  /** Returns the function that ends the subscription. */
  subscribe(listener: Emit): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
