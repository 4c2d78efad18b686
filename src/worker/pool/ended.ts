// The outcomes that no task gives itself: killed at its time limit, lost with its process, terminated, never begun.
import { TimeLimitExceeded, WorkerLostError } from "../../app/task-errors.ts";
import type { Instant } from "../../clock.ts";
import { exceptionJson, exceptionRepr } from "../../protocol/exception.ts";
import type { Failure, Job, Rejected, Revoked } from "../job.ts";

/** Where and how long a job ran before it was cut off. */
export interface Ran {
  readonly pid: number;
  readonly startedAt: Instant;
  readonly runtimeMs: number;
}

/** As Celery reports it when the hard time limit has passed. */
export function timeLimitFailure(job: Job, ran: Ran): Failure {
  return failure(job, ran, new TimeLimitExceeded((job.timeLimitMs ?? 0) / 1000), "time-limit");
}

/** @param how `signal 9 (SIGKILL)`, `exitcode 1` */
export function workerLostFailure(job: Job, ran: Ran, how: string): Failure {
  const message = `Worker exited prematurely: ${how} Job: ${job.id}.`;
  return failure(job, ran, new WorkerLostError(message), "worker-lost");
}

/** For what runs a job and must not throw, but did. */
export function thrownFailure(job: Job, ran: Ran, error: unknown): Failure {
  return failure(job, ran, error);
}

export function terminated(job: Job, ran: Ran, signal: string): Revoked {
  return { id: job.id, ...ran, children: [], state: "REVOKED", reason: "terminated", signal };
}

/** The job never began: its message belongs back in the queue. */
export function notBegun(job: Job, at: Instant, reason: string): Rejected {
  const never = { pid: 0, startedAt: at, runtimeMs: 0, children: [] };
  return { id: job.id, ...never, state: "REJECTED", requeue: true, reason };
}

function failure(job: Job, ran: Ran, error: unknown, cause?: "worker-lost" | "time-limit"): Failure {
  const exception = exceptionJson(error);
  const known = { id: job.id, ...ran, children: [], state: "FAILURE" as const, exception };
  const text = { exceptionRepr: exceptionRepr(exception), traceback: null, expected: false };
  return cause === undefined ? { ...known, ...text } : { ...known, ...text, cause };
}
