// What beat answers on its broker: Celery's questions that mean something to it, and its own commands.
import type { Clock } from "../../clock.ts";
import { LovageError } from "../../error.ts";
import { isoFormat } from "../../protocol/iso-time.ts";
import type { LamportClock } from "../../protocol/lamport.ts";
import { ok } from "../../remote/answer.ts";
import { type Commands, inspect } from "../../remote/command.ts";
import { type BeatPanel, beatCommands } from "./commands.ts";
import type { BeatSteering, Upcoming } from "../steer/steering.ts";

export interface NodePanel extends BeatPanel {
  readonly hostname: string;
  readonly clock: Clock;
  readonly lamport: LamportClock;
  /** IANA name: times for Celery's tools are written in it. */
  readonly timezone: string;
}

/** The priority that Celery's timer gives to every waiting task. */
const timerPriority = 6;
const shownOccurrences = 100;

const scheduled = inspect<NodePanel>(({ steering, hostname, timezone }) =>
  upcomingOf(steering).map((occurrence) => ({
    eta: isoFormat(occurrence.dueAt, timezone),
    priority: timerPriority,
    request: requestOf(occurrence, hostname),
  })),
);

export const nodeCommands: Commands<NodePanel> = Object.freeze({
  ping: inspect<NodePanel>(() => ok("pong")),
  scheduled,
  dump_schedule: scheduled,
  stats: inspect<NodePanel>(stats),
  ...beatCommands,
});

/** A standby has nothing to send, which is no error to who lists what all nodes will do. */
function upcomingOf(steering: BeatSteering): readonly Upcoming[] {
  try {
    return steering.upcoming(shownOccurrences);
  } catch (error) {
    if (error instanceof LovageError && error.code === "standby") return [];
    throw error;
  }
}

/** With all the keys of Celery's requests. The queue is chosen when the task is sent. */
function requestOf({ task, args, kwargs, taskId }: Upcoming, hostname: string): Readonly<Record<string, unknown>> {
  return {
    id: taskId,
    name: task,
    args,
    kwargs,
    type: task,
    hostname,
    time_start: null,
    acknowledged: false,
    delivery_info: { exchange: "", routing_key: null, priority: null, redelivered: false },
    worker_pid: null,
  };
}

/** With the keys of a worker's that monitors count with: it runs no tasks. */
function stats({ steering, clock, lamport }: NodePanel): Readonly<Record<string, unknown>> {
  const status = steering.status();
  return {
    total: {},
    pid: process.pid,
    clock: String(lamport.value),
    uptime: Math.max(0, Math.floor((clock.now() - status.startedAt) / 1000)),
    pool: { "max-concurrency": 0, processes: [] },
    prefetch_count: 0,
    beat: status,
  };
}
