// One run of a task and what came of it: plain data, since both cross to a child process and back as JSON.
import type { Instant } from "../clock.ts";
import type { Embed } from "../protocol/body.ts";
import type { ExceptionJson, ResultTuple } from "../protocol/result-meta.ts";
import type { TaskOptions } from "../protocol/task-options.ts";

export interface Job {
  readonly id: string;
  readonly task: string;
  /** The JSON text of `[args, kwargs, embed]`, already decompressed. */
  readonly body: string;
  /** The message's headers, custom ones among them. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly delivery: DeliveryInfo;
  /** The worker's node name: `celery@host`. */
  readonly hostname: string;
  /** Milliseconds; null: none. What the message says wins over the task, and the task over the settings, as in Celery. */
  readonly timeLimitMs: number | null;
  readonly softTimeLimitMs: number | null;
}

export interface DeliveryInfo {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly priority: number;
  readonly redelivered: boolean;
  readonly replyTo: string;
  readonly correlationId: string;
}

export type Outcome = Success | Failure | Retried | Ignored | Rejected | Revoked;

interface Ended {
  readonly id: string;
  /** The process that ran it; 0 when none did. */
  readonly pid: number;
  readonly startedAt: Instant;
  readonly runtimeMs: number;
  /** Tasks that this one sent while it ran. */
  readonly children: readonly ResultTuple[];
  /** What is to follow, where the message asks for anything to. */
  readonly embed?: Embed;
  /** The function goes on although its soft time limit has passed: its process should take nothing more. */
  readonly abandoned?: boolean;
}

export interface Success extends Ended {
  readonly state: "SUCCESS";
  /** JSON, as `writeJson` has it. */
  readonly resultText: string;
  /** As Python's repr, cut short: for logs and events. */
  readonly resultRepr: string;
}

export interface Failure extends Ended {
  readonly state: "FAILURE";
  readonly exception: ExceptionJson;
  /** `ValueError('boom', 42)`. */
  readonly exceptionRepr: string;
  readonly traceback: string | null;
  /** One of the task's `throws`: no cause for a stack trace in the log. */
  readonly expected: boolean;
  /** Not the task's own doing: its process died, or was killed when its time was up; or nobody could read what it is given. */
  readonly cause?: "worker-lost" | "time-limit" | "unreadable";
}

export interface Retried extends Ended {
  readonly state: "RETRY";
  readonly exception: ExceptionJson;
  readonly exceptionRepr: string;
  readonly traceback: string | null;
  /** When it is to run again. */
  readonly etaAt: Instant;
  /** What the retry says otherwise than the message did: args and kwargs as JSON text of `[args, kwargs]`. */
  readonly argumentsText?: string;
  readonly options: TaskOptions;
}

/** Nothing is reported: the task took care of its state itself (Celery's `Ignore`). */
export interface Ignored extends Ended {
  readonly state: "IGNORED";
}

/** The task asks for its message to be rejected (Celery's `Reject`). */
export interface Rejected extends Ended {
  readonly state: "REJECTED";
  readonly requeue: boolean;
  readonly reason: string;
}

/** Ended by force on somebody's request. */
export interface Revoked extends Ended {
  readonly state: "REVOKED";
  readonly reason: "terminated";
  readonly signal: string;
}
