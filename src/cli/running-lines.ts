// What a worker is doing at this moment, for the log: the answer to SIGUSR1.
import type { Instant } from "../clock.ts";
import { count, instant, span } from "../log-words.ts";
import type { Steering } from "../worker/steering.ts";

/** Of tasks that wait, so many are named. */
const mostWaiting = 20;

export function runningLines(worker: Steering, now: Instant): readonly string[] {
  const [active, reserved, scheduled] = [worker.active(), worker.reserved(), worker.scheduled()];
  const total = Object.values(worker.totals()).reduce((sum, started) => sum + started, 0);
  const summary = `${count(active.length, "task")} of ${worker.pool.size} running, ${reserved.length} reserved, ${scheduled.length} waiting for an eta; ${total} started since ${instant(worker.startedAt)}`;
  const running = active.map(({ shownName, id, startedAt, pid }) => {
    const since = startedAt === null ? "is about to start" : `runs for ${span(now - startedAt)}`;
    return `Task ${shownName}[${id}] ${since}${pid === null ? "" : ` in process ${pid}`}`;
  });
  const waiting = [...reserved, ...scheduled].slice(0, mostWaiting).map(({ shownName, id, etaAt }) => {
    return `Task ${shownName}[${id}] waits${etaAt === null ? "" : `  ETA:[${instant(etaAt)}]`}`;
  });
  return [summary, ...running, ...waiting];
}
