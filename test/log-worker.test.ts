import { describe, expect, it } from "vitest";
import { EventStream, type LovageEvent, type WorkerEvent } from "../src/event.ts";
import { createLogger, logEvents } from "../src/log.ts";

const AT = Date.UTC(2026, 10, 21, 10);
const id = "0c0ffee0-0000-4000-8000-000000000000";
const task = "proj.add";

type EventOf<Type extends LovageEvent["type"]> = Extract<LovageEvent, { type: Type }>;
type Sample<Event> = readonly [event: Event, lines: readonly string[]][];

const samples: { readonly [Type in WorkerEvent["type"]]: Sample<EventOf<Type>> } = {
  "worker-ready": [[{ type: "worker-ready", hostname: "celery@host" }, ["INFO celery@host ready."]]],
  "worker-stopping": [
    [
      { type: "worker-stopping", how: "warm", reason: "SIGTERM", running: 0 },
      ["INFO worker: Warm shutdown (SIGTERM): nothing is running; a second signal ends at once"],
    ],
    [
      { type: "worker-stopping", how: "warm", reason: "SIGTERM", running: 2 },
      ["INFO worker: Warm shutdown (SIGTERM): waiting for 2 running tasks; a second signal ends at once"],
    ],
    [
      { type: "worker-stopping", how: "cold", reason: "SIGINT", running: 1 },
      ["WARNING worker: Cold shutdown (SIGINT): 1 running task ended by force"],
    ],
  ],
  "worker-waiting": [
    [
      { type: "worker-waiting", running: 1, unsettled: 2 },
      [
        "WARNING worker: still stopping: waiting for 1 running task and for the outcomes of 2 tasks, which broker or backend must take; a second signal gives that up",
      ],
    ],
    [
      { type: "worker-waiting", running: 0, unsettled: 0 },
      ["WARNING worker: still stopping: waiting for results to be stored; a second signal gives that up"],
    ],
  ],
  "worker-stopped": [
    [{ type: "worker-stopped", unfinished: 0 }, ["INFO worker: stopped"]],
    [{ type: "worker-stopped", unfinished: 3 }, ["WARNING worker: stopped; 3 tasks not finished"]],
  ],
  "task-received": [
    [{ type: "task-received", task, id, etaAt: null }, [`INFO Task proj.add[${id}] received`]],
    [
      { type: "task-received", task, id, etaAt: AT },
      [`INFO Task proj.add[${id}] received  ETA:[2026-11-21T10:00:00Z]`],
    ],
  ],
  "task-succeeded": [
    [
      { type: "task-succeeded", task, id, runtimeMs: 12.3456, result: "'four'" },
      [`INFO Task proj.add[${id}] succeeded in 0.012346s: 'four'`],
    ],
  ],
  "task-failed": [
    [
      {
        type: "task-failed",
        task,
        id,
        runtimeMs: 1,
        error: "TypeError('boom')",
        traceback: "TypeError: boom\n    at add (proj.ts:3:9)\n",
        expected: false,
      },
      [
        `ERROR Task proj.add[${id}] raised unexpected: TypeError('boom')`,
        "ERROR TypeError: boom",
        "ERROR     at add (proj.ts:3:9)",
      ],
    ],
    [
      { type: "task-failed", task, id, runtimeMs: 1, error: "NoSuch('x')", traceback: "long", expected: true },
      [`INFO Task proj.add[${id}] raised expected: NoSuch('x')`],
    ],
  ],
  "task-retried": [
    [
      { type: "task-retried", task, id, inMs: 30_000, error: "Error('again')" },
      [`INFO Task proj.add[${id}] retry: Retry in 30 s: Error('again')`],
    ],
  ],
  "task-discarded": [
    [{ type: "task-discarded", task, id, reason: "revoked" }, [`INFO Discarding task: proj.add[${id}]: revoked`]],
  ],
  "task-unknown": [
    [
      { type: "task-unknown", task: "proj.ad", id, queue: "celery", bytes: 80, near: "proj.add" },
      [
        `ERROR Received unregistered task proj.ad[${id}] from queue celery (80 bytes): did you mean proj.add? It is kept in celery.rejected`,
      ],
    ],
    [
      { type: "task-unknown", task: "other.t", id, queue: "q", bytes: 1, near: null },
      [
        `ERROR Received unregistered task other.t[${id}] from queue q (1 bytes): is it in a module that the app imports? It is kept in q.rejected`,
      ],
    ],
  ],
  "message-refused": [
    [
      { type: "message-refused", queue: "celery", bytes: 9, id: "", reason: "not JSON" },
      ["ERROR Refused message from queue celery (9 bytes): not JSON. It is kept in celery.rejected"],
    ],
    [
      { type: "message-refused", queue: "celery", bytes: 9, id, reason: "refused pickle" },
      [`ERROR Refused message ${id} from queue celery (9 bytes): refused pickle. It is kept in celery.rejected`],
    ],
  ],
  "child-ended": [
    [
      { type: "child-ended", pid: 7, reason: "exit code 1", expected: false },
      ["ERROR pool: child process 7 ended: exit code 1"],
    ],
    [
      { type: "child-ended", pid: 7, reason: "it ran 100 tasks", expected: true },
      ["INFO pool: child process 7 ended: it ran 100 tasks"],
    ],
  ],
  "pool-resized": [
    [{ type: "pool-resized", size: 4, reason: "more tasks wait" }, ["INFO pool: now 4 slots: more tasks wait"]],
  ],
  "results-failed": [
    [
      { type: "results-failed", reason: "refused", waiting: 2, retryInMs: 400 },
      ["ERROR results: cannot be stored: refused; 2 results waiting, next try in 400 ms"],
    ],
  ],
  "results-recovered": [[{ type: "results-recovered", waiting: 2 }, ["INFO results: stored again; 2 results waited"]]],
  "control-received": [
    [
      { type: "control-received", command: "pool_grow", outcome: "pool will grow" },
      ["INFO control: pool_grow: pool will grow"],
    ],
  ],
  "embedded-beat-ended": [
    [
      { type: "embedded-beat-ended", reason: "SIGKILL", restartInMs: 1000 },
      ["ERROR beat: the embedded beat ended: SIGKILL; it starts again in 1 s"],
    ],
  ],
};

function textsOf(event: LovageEvent): string[] {
  const lines: string[] = [];
  const stream = new EventStream();
  const end = logEvents(stream, createLogger({ destination: { write: (text: string) => void lines.push(text) } }));
  stream.emit(event);
  end();
  return lines.map((line) =>
    line
      .replace(/^\[\S+ \S+: /, "")
      .replace(/\/\w+\]/, "")
      .trimEnd(),
  );
}

describe("the log of a worker", () => {
  for (const [type, cases] of Object.entries<Sample<LovageEvent>>(samples)) {
    it(`has words for ${type}`, () => {
      for (const [event, expected] of cases) expect(textsOf(event)).toEqual(expected);
    });
  }
});
