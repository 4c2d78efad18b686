// When messages can be read, as anybody else who is connected to Redis would find: by asking, without getting in the way.
import type { RedisServer } from "../../test/helper/redis.ts";
import { fineClock, sleep, sleepUntil } from "./wall-clock.ts";

export const queue = "celery";

interface Sample {
  readonly at: number;
  readonly depth: number;
}

/** How late messages were, each counted from the instant at which all of them were due. */
export interface Lateness {
  readonly firstMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lastMs: number;
  /** Less than were due: the others had not come when the time was up. */
  readonly arrived: number;
}

/** Asks for the length of the queue once a millisecond: more often would take the processor from those it measures. */
export async function watchBurst(
  redis: RedisServer,
  { count, dueAt, patienceMs }: { readonly count: number; readonly dueAt: number; readonly patienceMs: number },
): Promise<Lateness> {
  const client = redis.client();
  const samples: Sample[] = [];
  await sleepUntil(dueAt - 50);
  const now = fineClock();
  for (let depth = 0; depth < count && now() < dueAt + patienceMs; ) {
    await sleep(1);
    depth = await client.llen(queue);
    if (depth !== samples.at(-1)?.depth) samples.push({ at: now(), depth });
  }
  client.disconnect();
  const late = (share: number): number => {
    const rank = Math.max(1, Math.ceil(count * share));
    return (samples.find(({ depth }) => depth >= rank)?.at ?? Number.NaN) - dueAt;
  };
  const arrived = samples.at(-1)?.depth ?? 0;
  return { firstMs: late(0), p50Ms: late(0.5), p99Ms: late(0.99), lastMs: late(1), arrived };
}

/** Waits on the queue as a worker would, and gives the instants at which so many messages came, in order. */
export async function awaitMessages(redis: RedisServer, count: number): Promise<readonly number[]> {
  const client = redis.client();
  const arrivedAt: number[] = [];
  while (arrivedAt.length < count) {
    const now = fineClock();
    await client.brpop(queue, 0);
    arrivedAt.push(now());
  }
  client.disconnect();
  return arrivedAt;
}
