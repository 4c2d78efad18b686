// The words of the log for what a worker does, close to Celery's own, so that what greps its log greps ours.
import type { WorkerEvent } from "./event.ts";
import type { EventOf, Wording } from "./log-line.ts";
import { count, instant, span } from "./log-words.ts";

export const WORKER_WORDINGS: { readonly [Type in WorkerEvent["type"]]: Wording<EventOf<Type>> } = {
  "worker-ready": { level: "info", text: ({ hostname }) => `${hostname} ready.` },
  "worker-stopping": {
    level: ({ how }) => (how === "cold" ? "warn" : "info"),
    text: ({ how, reason, running }) => {
      if (how === "cold") return `worker: Cold shutdown (${reason}): ${count(running, "running task")} ended by force`;
      const wait = running === 0 ? "nothing is running" : `waiting for ${count(running, "running task")}`;
      return `worker: Warm shutdown (${reason}): ${wait}; a second signal ends at once`;
    },
  },
  "worker-waiting": {
    level: "warn",
    text: ({ running, unsettled }) => {
      const waits = [
        ...(running > 0 ? [count(running, "running task")] : []),
        ...(unsettled > 0 ? [`the outcomes of ${count(unsettled, "task")}, which broker or backend must take`] : []),
      ];
      const what = waits.length === 0 ? "results to be stored" : waits.join(" and for ");
      return `worker: still stopping: waiting for ${what}; a second signal gives that up`;
    },
  },
  "worker-stopped": {
    level: ({ unfinished }) => (unfinished > 0 ? "warn" : "info"),
    text: ({ unfinished }) => `worker: stopped${unfinished > 0 ? `; ${count(unfinished, "task")} not finished` : ""}`,
  },
  "task-received": {
    level: "info",
    text: ({ task, id, etaAt }) => `Task ${task}[${id}] received${etaAt === null ? "" : `  ETA:[${instant(etaAt)}]`}`,
  },
  "task-succeeded": {
    level: "info",
    text: ({ task, id, runtimeMs, result }) => `Task ${task}[${id}] succeeded in ${seconds(runtimeMs)}: ${result}`,
  },
  "task-failed": {
    level: ({ expected }) => (expected ? "info" : "error"),
    text: ({ task, id, error, expected }) =>
      `Task ${task}[${id}] ${expected ? "raised expected" : "raised unexpected"}: ${error}`,
    more: ({ traceback, expected }) => (traceback === null || expected ? [] : traceback.trimEnd().split("\n")),
  },
  "task-retried": {
    level: "info",
    text: ({ task, id, inMs, error }) => `Task ${task}[${id}] retry: Retry in ${span(inMs)}: ${error}`,
  },
  "task-discarded": { level: "info", text: ({ task, id, reason }) => `Discarding task: ${task}[${id}]: ${reason}` },
  "task-unknown": {
    level: "error",
    text: ({ task, id, queue, bytes, near }) => {
      const meant = near === null ? "is it in a module that the app imports?" : `did you mean ${near}?`;
      return `Received unregistered task ${task}[${id}] from queue ${queue} (${bytes} bytes): ${meant} It is kept in ${queue}.rejected`;
    },
  },
  "message-refused": {
    level: "error",
    text: ({ queue, bytes, id, reason }) =>
      `Refused message ${id === "" ? "" : `${id} `}from queue ${queue} (${bytes} bytes): ${reason}. It is kept in ${queue}.rejected`,
  },
  "child-ended": {
    level: ({ expected }) => (expected ? "info" : "error"),
    text: ({ pid, reason }) => `pool: child process ${pid} ended: ${reason}`,
  },
  "pool-resized": { level: "info", text: ({ size, reason }) => `pool: now ${count(size, "slot")}: ${reason}` },
  "results-failed": {
    level: "error",
    text: ({ reason, waiting, retryInMs }) =>
      `results: cannot be stored: ${reason}; ${count(waiting, "result")} waiting, next try in ${span(retryInMs)}`,
  },
  "results-recovered": {
    level: "info",
    text: ({ waiting }) => `results: stored again; ${count(waiting, "result")} waited`,
  },
  "control-received": { level: "info", text: ({ command, outcome }) => `control: ${command}: ${outcome}` },
  "embedded-beat-ended": {
    level: "error",
    text: ({ reason, restartInMs }) =>
      `beat: the embedded beat ended: ${reason}; it starts again in ${span(restartInMs)}`,
  },
};

/** As Celery writes a runtime: `0.0123s`. */
function seconds(ms: number): string {
  return `${Math.round(ms * 1000) / 1_000_000}s`;
}
