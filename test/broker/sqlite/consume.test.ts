import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { type Delivery, rejectedKept, rejectedQueue } from "../../../src/broker/consumer.ts";
import { SqliteBroker } from "../../../src/broker/sqlite/sqlite-broker.ts";
import { type Clock, systemClock } from "../../../src/clock.ts";
import { messageOf } from "../../../src/error.ts";
import type { LovageEvent } from "../../../src/event.ts";
import { envelopeOf, idOf } from "../../helper/envelope.ts";
import { ManualClock } from "../../helper/manual-clock.ts";
import { temporaryFolder } from "../../helper/temporary-folder.ts";
import { waitUntil } from "../../helper/wait.ts";

const noon = Date.UTC(2026, 5, 1, 12);
const celery = { name: "celery", exchange: "", exchangeType: "direct", routingKey: "celery" } as const;

interface Stage {
  readonly path: string;
  readonly clock: Clock;
}

async function open({ path, clock }: Stage, emit: (event: LovageEvent) => void = () => undefined) {
  return SqliteBroker.open(`sqlite:///${path}`, { clock, emit, transport: { visibility_timeout: 30 } });
}

async function take(broker: SqliteBroker, prefetch = 10, queues: readonly (typeof celery)[] = [celery]) {
  const deliveries: Delivery[] = [];
  const consumer = await broker.consume(queues, {
    label: "w@here",
    prefetch,
    onDelivery: (delivery) => deliveries.push(delivery),
    onUnreadable: () => undefined,
  });
  const ids = (): readonly string[] => deliveries.map(({ envelope }) => envelope.id);
  const took = async (count: number): Promise<readonly Delivery[]> => {
    await waitUntil(() => deliveries.length >= count, { what: `${count} deliveries`, everyMs: 2 });
    return deliveries;
  };
  return { consumer, deliveries, ids, took };
}

/** Works on the file as somebody else. */
function sql(path: string, text: string): readonly unknown[] {
  const database = new Database(path);
  try {
    const statement = database.prepare(text);
    if (statement.reader) return statement.all();
    statement.run();
    return [];
  } finally {
    database.close();
  }
}

/** A consumer that took what was there, and of which nothing is heard any more. */
function ghost({ path }: Stage, aliveUntil: number, hasFile: boolean): void {
  sql(path, `INSERT INTO consumer VALUES ('ghost', 'w@there', ${aliveUntil})`);
  sql(path, "UPDATE message SET claimed_by = 'ghost'");
  if (hasFile) writeFileSync(`${path}-consumer-ghost`, "");
}

const lockFiles = (folder: string): readonly string[] =>
  readdirSync(folder).filter((name) => name.includes("-consumer-"));

describe("a consumer on SQLite", () => {
  it("gets at once what a dead one had, and clears up after it", async () => {
    await using folder = temporaryFolder();
    const stage = { path: folder.file("b.db"), clock: systemClock };
    const broker = await open(stage);
    await broker.publish([envelopeOf("a"), envelopeOf("b", { queue: "inbox" })]);
    sql(stage.path, "INSERT INTO temporary_queue VALUES ('inbox', 'ghost')");
    sql(stage.path, "INSERT INTO binding VALUES ('reply', 'inbox', '', 'inbox')");
    ghost(stage, Date.now() + 3_600_000, true);
    const taker = await take(broker);
    await taker.took(1);
    expect(taker.deliveries[0]).toMatchObject({ envelope: { id: idOf("a") }, redelivered: true });
    expect(existsSync(`${stage.path}-consumer-ghost`)).toBe(false);
    expect(sql(stage.path, "SELECT * FROM message WHERE queue = 'inbox'")).toEqual([]);
    expect(sql(stage.path, "SELECT * FROM binding")).toEqual([]);
    expect(sql(stage.path, "SELECT label FROM consumer")).toEqual([{ label: "w@here" }]);
    await broker.close();
    expect(lockFiles(folder.path)).toEqual([]);
  });

  it("sees one die while it works", async () => {
    await using folder = temporaryFolder();
    const stage = { path: folder.file("b.db"), clock: new ManualClock(noon) };
    const broker = await open(stage);
    const taker = await take(broker);
    await broker.publish([envelopeOf("a", { queue: "other" })]);
    ghost(stage, noon + 3_600_000, true);
    await taker.consumer.addQueue({ ...celery, name: "other", routingKey: "other" });
    await stage.clock.advance(1000);
    expect(taker.ids()).toEqual([idOf("a")]);
    await broker.close();
  });

  it("leaves what it cannot tell dead alone until the visibility timeout is over", async () => {
    await using folder = temporaryFolder();
    const stage = { path: folder.file("b.db"), clock: new ManualClock(noon) };
    const broker = await open(stage);
    await broker.publish([envelopeOf("a")]);
    ghost(stage, noon + 30_000, false);
    const taker = await take(broker);
    await stage.clock.advance(29_000);
    expect(taker.ids()).toEqual([]);
    await stage.clock.advance(5000);
    expect(taker.ids()).toEqual([idOf("a")]);
    await broker.close();
  });

  it("keeps what it has for as long as it is there, also over a sleep of the machine", async () => {
    await using folder = temporaryFolder();
    const stage = { path: folder.file("b.db"), clock: new ManualClock(noon) };
    const [left, right] = [await open(stage), await open(stage)];
    await left.publish([envelopeOf("a"), envelopeOf("b")]);
    const [one, two] = [await take(left, 1), await take(right, 1)];
    await Promise.all([one.took(1), two.took(1)]);
    await stage.clock.advance(120_000);
    stage.clock.jump(7_200_000);
    await stage.clock.advance(5000);
    expect(await one.deliveries[0]?.ack()).toBe(true);
    expect(await two.deliveries[0]?.ack()).toBe(true);
    expect([one.deliveries.length, two.deliveries.length]).toEqual([1, 1]);
    await Promise.all([left.close(), right.close()]);
  });

  it("takes back what nobody known has claimed", async () => {
    await using folder = temporaryFolder();
    const stage = { path: folder.file("b.db"), clock: systemClock };
    const broker = await open(stage);
    await broker.publish([envelopeOf("a")]);
    sql(stage.path, "UPDATE message SET claimed_by = 'somebody'");
    const taker = await take(broker);
    await taker.took(1);
    expect(taker.ids()).toEqual([idOf("a")]);
    await broker.close();
  });

  it("settles when a writer that held the file is done", async () => {
    await using folder = temporaryFolder();
    const stage = { path: folder.file("b.db"), clock: systemClock };
    const broker = await open(stage);
    await broker.publish([envelopeOf("a"), envelopeOf("b")]);
    const taker = await take(broker, 1);
    const [held] = await taker.took(1);
    const other = new Database(stage.path);
    other.exec("BEGIN IMMEDIATE");
    let answer: boolean | undefined;
    const acked = held?.ack().then((isOurs) => (answer = isOurs));
    await waitUntil(() => sql(stage.path, "SELECT * FROM message").length === 2, { what: "a look beside the lock" });
    expect(answer).toBeUndefined();
    other.exec("COMMIT");
    other.close();
    await acked;
    expect(answer).toBe(true);
    await taker.took(2);
    expect(taker.ids()).toEqual(["a", "b"].map(idOf));
    await broker.close();
  });

  it("that cannot leave in order is dead to the others, and says that it could not settle", async () => {
    await using folder = temporaryFolder();
    const stage = { path: folder.file("b.db"), clock: new ManualClock(noon) };
    const broker = await open(stage);
    await broker.publish([envelopeOf("a"), envelopeOf("b")]);
    const taker = await take(broker);
    const [held] = await taker.took(2);
    const other = new Database(stage.path);
    other.exec("BEGIN IMMEDIATE");
    const acked = held?.ack().catch(messageOf);
    const closing = taker.consumer.close();
    while (stage.clock.sleepers > 0) await stage.clock.advance(1000);
    await closing;
    expect(await acked).toContain("another process holds it locked");
    other.exec("COMMIT");
    other.close();
    const next = await take(broker);
    await next.took(2);
    expect(next.deliveries.map(({ redelivered }) => redelivered)).toEqual([true, true]);
    await broker.close();
    expect(lockFiles(folder.path)).toEqual([]);
  });

  it("goes on in the new file when the old one is removed, and settles nothing there by old numbers", async () => {
    await using folder = temporaryFolder();
    const stage = { path: folder.file("b.db"), clock: systemClock };
    const broker = await open(stage);
    const bound = { ...celery, exchange: "ex", routingKey: "rk" };
    await broker.publish([envelopeOf("old")]);
    const taker = await take(broker, 10, [bound as unknown as typeof celery]);
    const [old] = await taker.took(1);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(stage.path + suffix, { force: true });
    await waitUntil(() => existsSync(stage.path) && sql(stage.path, "SELECT * FROM binding").length === 1, {
      what: "the queue to be declared again",
    });
    await broker.publish([
      envelopeOf("new", { destination: { exchange: "ex", exchangeType: "direct", routingKey: "rk" } }),
    ]);
    const [, fresh] = await taker.took(2);
    expect(fresh?.envelope.id).toBe(idOf("new"));
    expect(await old?.ack()).toBe(false);
    expect(sql(stage.path, "SELECT * FROM message")).toHaveLength(1);
    expect(await fresh?.ack()).toBe(true);
    await broker.close();
  });

  it("keeps no more than the newest of what is set aside", async () => {
    await using folder = temporaryFolder();
    const stage = { path: folder.file("b.db"), clock: systemClock };
    const broker = await open(stage);
    const aside = rejectedQueue("celery");
    const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rejectedKept - 1})`;
    const columns = "INSERT INTO message (queue, priority, text, enqueued_at)";
    sql(stage.path, `${columns} ${numbers} SELECT '${aside}', i % 3, 'old ' || i, 0 FROM n`);
    await broker.publish(["a", "b", "c"].map((name) => envelopeOf(name)));
    const taker = await take(broker);
    const deliveries = await taker.took(3);
    await Promise.all(deliveries.map((delivery) => delivery.reject(false)));
    expect(await broker.depth(aside)).toBe(rejectedKept);
    const oldest = sql(stage.path, `SELECT text FROM message ORDER BY id LIMIT 1`);
    expect(oldest).toEqual([{ text: "old 3" }]);
    await broker.close();
  });
});

describe("fanout on SQLite", () => {
  it("keeps messages no longer than a minute", async () => {
    await using folder = temporaryFolder();
    const stage = { path: folder.file("b.db"), clock: new ManualClock(noon) };
    const broker = await open(stage);
    const publish = (name: string) =>
      broker.publish([envelopeOf(name, { destination: { exchange: "ev", exchangeType: "fanout", routingKey: "" } })]);
    await publish("a");
    await stage.clock.advance(30_000);
    await publish("b");
    expect(sql(stage.path, "SELECT id FROM notice")).toHaveLength(2);
    await stage.clock.advance(31_000);
    await publish("c");
    expect(sql(stage.path, "SELECT id FROM notice")).toEqual([{ id: 2 }, { id: 3 }]);
    await broker.close();
  });

  it("is heard on in a file that replaced the old one", async () => {
    await using folder = temporaryFolder();
    const stage = { path: folder.file("b.db"), clock: systemClock };
    const broker = await open(stage);
    const heard: string[] = [];
    await broker.listen("ev", ({ id }) => heard.push(id));
    const publish = (name: string) =>
      broker.publish([envelopeOf(name, { destination: { exchange: "ev", exchangeType: "fanout", routingKey: "" } })]);
    await publish("a");
    await publish("b");
    await waitUntil(() => heard.length === 2, { what: "both" });
    for (const suffix of ["", "-wal", "-shm"]) rmSync(stage.path + suffix, { force: true });
    await publish("c");
    await waitUntil(() => heard.length === 3, { what: "the third" });
    expect(heard).toEqual(["a", "b", "c"].map(idOf));
    await broker.close();
  });
});
