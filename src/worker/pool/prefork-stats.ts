// What `inspect stats` shows of a prefork pool, in Celery's words and shapes.
import type { ForkedChild } from "./forked-child.ts";
import type { PoolOptions } from "./pool-options.ts";

export function preforkStats(
  size: number,
  children: readonly ForkedChild[],
  { maxTasksPerChild, timeouts }: PoolOptions,
): Readonly<Record<string, unknown>> {
  return {
    "max-concurrency": size,
    processes: children.map(({ pid }) => pid),
    "max-tasks-per-child": maxTasksPerChild ?? "N/A",
    "put-guarded-by-semaphore": false,
    timeouts: timeouts ?? [0, 0],
    writes: writes(children),
  };
}

/** How the jobs were spread over the children that there are now. */
function writes(children: readonly ForkedChild[]): Readonly<Record<string, unknown>> {
  const counts = children.map(({ jobs }) => jobs);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const share = (count: number): string => (total === 0 ? 0 : count / total).toFixed(2);
  return {
    total,
    avg: share(total / Math.max(1, counts.length)),
    all: counts.map(share).join(", "),
    raw: counts.join(", "),
    strategy: "fair",
    inqueues: { total: children.length, active: children.filter(({ job }) => job !== null).length },
  };
}
