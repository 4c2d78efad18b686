// How many messages a second does the Redis broker take, under the guard? Beat's own envelopes, in one process with one
// connection; beside it the same process with ready-made bytes, and redis-benchmark with messages of the same size.
import { encodeMessage } from "../src/protocol/kombu.ts";
import { prime } from "../src/protocol/message-template.ts";
import { type Effort, effortOf } from "../test/helper/effort.ts";
import { openGuardedPublisher, type GuardedBatch, type GuardedPublisher } from "../test/helper/guarded-publish.ts";
import { pushReadyMade, pushTexts, readyMade } from "../test/helper/ready-made.ts";
import { startRedis } from "../test/helper/redis.ts";
import { queue } from "./stage/arrivals.ts";
import { redisBenchmark } from "./stage/limits.ts";
import { median } from "./stage/statistics.ts";
import { printTable, progress, type Row, whole } from "./stage/table.ts";

const [messages = 50_000, rounds = 10] = process.argv.slice(2).map(Number);
/** As beat does: the next batch is made while the one before is on its way. */
const batchSize = 2000;

await using redis = await startRedis();
const client = redis.client();
await using publisher = await openGuardedPublisher(redis.url, messages);
const sample = await oneMessage(publisher);
const ready = readyMade(queue, sample);

/** Each gives what it has prepared, for the clock to run on. */
const contestants: Readonly<Record<string, () => () => Promise<void>>> = {
  "guarded, made ahead": () => {
    const batch = publisher.makeAhead(publisher.due());
    return () => publisher.publish(batch);
  },
  "guarded, made on the way": () => {
    const due = publisher.due();
    return () => inBatches(due.length, (from) => publisher.make(due.slice(from, from + batchSize)));
  },
  "without guard, written ahead": () => {
    const batch = publisher.make(publisher.due());
    for (const envelope of batch.envelopes) prime(envelope);
    return () => publisher.publishUnguarded(batch);
  },
  "ready-made messages, LPUSH of ioredis": () => {
    const { envelopes } = publisher.make(publisher.due());
    const texts = envelopes.map((envelope) => encodeMessage(envelope, ""));
    return () => pushTexts(client, queue, texts);
  },
  "ready-made bytes": () => () => pushReadyMade(client, ready, messages),
};

/** What the guard leaves to do for when there is time. */
const afterwards: Effort[] = [];
const efforts = new Map<string, Effort[]>(Object.keys(contestants).map((who) => [who, []]));
const benchmark: number[] = [];
for (let round = 0; round <= rounds; round += 1) {
  progress(`round ${round} of ${rounds}`);
  for (const [who, prepare] of Object.entries(contestants)) {
    const effort = await effortOf(client, prepare());
    await client.del(queue);
    const rest = await effortOf(client, publisher.fold);
    if (round > 0 && who === "guarded, made ahead") afterwards.push(rest);
    // The first is to warm up.
    if (round > 0) efforts.get(who)?.push(effort);
  }
  benchmark.push(await redisBenchmark(redis, sample.length, 2 * messages));
}
const limit = median(benchmark);
const rowOfBenchmark = {
  what: "redis-benchmark -P 500",
  "messages/s": whole(limit),
  best: whole(Math.max(...benchmark)),
};
const rowOfFolding = { what: "marks folded afterwards", ...costOf(afterwards) };
printTable([...[...efforts].map(([who, list]) => rowOf(who, list)), rowOfBenchmark, rowOfFolding]);

async function inBatches(count: number, make: (from: number) => GuardedBatch): Promise<void> {
  let batch = make(0);
  for (let from = batchSize; from < count + batchSize; from += batchSize) {
    const onItsWay = publisher.publish(batch);
    if (from < count) batch = make(from);
    await onItsWay;
  }
}

async function oneMessage(of: GuardedPublisher): Promise<string> {
  await of.publish(of.make(of.due()));
  const [message = ""] = await client.lrange(queue, 0, 0);
  await client.del(queue);
  return message;
}

function rowOf(what: string, list: readonly Effort[]): Row {
  const rates = list.map(({ ms }) => (messages / ms) * 1000);
  const ofBytes = (efforts.get("ready-made bytes") ?? []).map(({ ms }) => (messages / ms) * 1000);
  return {
    what: what === "ready-made bytes" ? `${what} of ${whole(sample.length)}` : what,
    "messages/s": whole(median(rates)),
    best: whole(Math.max(...rates)),
    "of redis-benchmark": (median(rates) / limit).toFixed(2),
    "best of best": (Math.max(...rates) / Math.max(...benchmark)).toFixed(2),
    "of ready-made": (median(rates) / median(ofBytes)).toFixed(2),
    ...costOf(list),
  };
}

function costOf(list: readonly Effort[]): Row {
  const perMessage = (pick: (effort: Effort) => number): string =>
    ((median(list.map(pick)) / messages) * 1000).toFixed(2);
  return {
    "own CPU us each": perMessage(({ ownMs }) => ownMs),
    "Redis CPU us each": perMessage(({ redisMs }) => redisMs),
  };
}
