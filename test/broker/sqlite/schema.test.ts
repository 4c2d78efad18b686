import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import type { Delivery } from "../../../src/broker/consumer.ts";
import { openBroker } from "../../../src/broker/open.ts";
import { encodeMessage } from "../../../src/protocol/kombu.ts";
import { envelopeOf, idOf } from "../../helper/envelope.ts";
import { temporaryFolder } from "../../helper/temporary-folder.ts";
import { waitUntil } from "../../helper/wait.ts";

/** The tables as version 1 made them. */
const version1 = `
  CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, priority INTEGER NOT NULL, text TEXT NOT NULL,
    enqueued_at INTEGER NOT NULL, claimed_by TEXT, claimed_until INTEGER
  ) STRICT;
  CREATE INDEX message_ready ON message (queue, priority, id) WHERE claimed_by IS NULL;
  CREATE INDEX message_claimed ON message (claimed_until) WHERE claimed_by IS NOT NULL;
  CREATE TABLE binding (
    exchange TEXT NOT NULL, routing_key TEXT NOT NULL, pattern TEXT NOT NULL, queue TEXT NOT NULL,
    PRIMARY KEY (exchange, routing_key, pattern, queue)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE scope (
    name TEXT PRIMARY KEY, term INTEGER NOT NULL, owner_id TEXT, owner_label TEXT, ttl_ms REAL, expires_at REAL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE mark (
    scope TEXT NOT NULL, entry TEXT NOT NULL, due_at REAL NOT NULL, PRIMARY KEY (scope, entry)
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = 1282818674;
  PRAGMA user_version = 1;
`;
/** The tables as version 2 made them. */
const version2 = `
  CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, priority INTEGER NOT NULL, text TEXT NOT NULL,
    enqueued_at INTEGER NOT NULL, claimed_by TEXT, redelivered INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX message_ready ON message (queue, priority, id) WHERE claimed_by IS NULL;
  CREATE TABLE binding (
    exchange TEXT NOT NULL, routing_key TEXT NOT NULL, pattern TEXT NOT NULL, queue TEXT NOT NULL,
    PRIMARY KEY (exchange, routing_key, pattern, queue)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE scope (
    name TEXT PRIMARY KEY, term INTEGER NOT NULL, owner_id TEXT, owner_label TEXT, ttl_ms REAL, expires_at REAL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE mark (
    scope TEXT NOT NULL, entry TEXT NOT NULL, due_at REAL NOT NULL, PRIMARY KEY (scope, entry)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX message_claimed ON message (claimed_by) WHERE claimed_by IS NOT NULL;
  CREATE TABLE consumer (id TEXT PRIMARY KEY, label TEXT NOT NULL, alive_until REAL NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE temporary_queue (name TEXT PRIMARY KEY, consumer TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT, exchange TEXT NOT NULL, text TEXT NOT NULL, published_at REAL NOT NULL
  ) STRICT;
  CREATE INDEX notice_age ON notice (published_at);
  PRAGMA application_id = 1282818674;
  PRAGMA user_version = 2;
`;
const insert = "INSERT INTO message (queue, priority, text, enqueued_at) VALUES (?, ?, ?, ?)";

describe("a broker file of version 1", () => {
  it("keeps its messages, bindings, terms and marks, and takes what its own version still publishes", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("broker.db");
    const old = new Database(path);
    old.pragma("journal_mode = WAL");
    old.exec(version1);
    const put = old.prepare(insert);
    for (const name of ["a", "b"]) put.run("celery", 0, encodeMessage(envelopeOf(name), name), 0);
    old.exec("INSERT INTO binding VALUES ('ex', 'rk', '', 'celery'); INSERT INTO scope (name, term) VALUES ('app', 7)");
    old.exec("INSERT INTO mark VALUES ('app', 'x', 1000)");

    const broker = await openBroker(`sqlite:///${path}`);
    expect(old.pragma("user_version", { simple: true })).toBe(3);
    put.run("celery", 0, encodeMessage(envelopeOf("c"), "c"), 0);
    await broker.publish([
      envelopeOf("d", { destination: { exchange: "ex", exchangeType: "direct", routingKey: "rk" } }),
    ]);
    expect(await broker.leases?.marks("app")).toEqual(new Map([["x", 1000]]));
    const deliveries: Delivery[] = [];
    const consumer = await broker.consume(
      [{ name: "celery", exchange: "", exchangeType: "direct", routingKey: "celery" }],
      { label: "w", prefetch: 0, onDelivery: (one) => deliveries.push(one), onUnreadable: () => undefined },
    );
    await waitUntil(() => deliveries.length === 4, { what: "all four" });
    expect(deliveries.map(({ envelope }) => envelope.id)).toEqual(["a", "b", "c", "d"].map(idOf));
    expect(deliveries.some(({ redelivered }) => redelivered)).toBe(false);
    await consumer.close();
    await broker.close();
    old.close();
  });
});

describe("a broker file of an older version", () => {
  it.each([
    [1, version1],
    [2, version2],
  ])("has the tables of a new one when it was opened: version %i", async (_version, tables) => {
    await using folder = temporaryFolder();
    const old = new Database(folder.file("old.db"));
    old.exec(tables);
    old.close();
    const schemas = await Promise.all(["old.db", "new.db"].map((name) => schemaOf(folder.file(name))));
    expect(schemas[0]).toEqual(schemas[1]);
  });

  it("keeps notes beside what it had, while a beat of version 2 goes on with it", async () => {
    await using folder = temporaryFolder();
    const old = new Database(folder.file("broker.db"));
    old.pragma("journal_mode = WAL");
    old.exec(version2);
    old.exec("INSERT INTO mark VALUES ('app', 'x', 1000)");
    const broker = await openBroker(`sqlite:///${folder.file("broker.db")}`);
    const acquired = await broker.leases?.acquire("app", { id: "one", label: "host:1" }, 60_000);
    if (acquired === undefined || !("lease" in acquired)) throw new Error("no lease");
    await broker.leases?.setNotes(acquired.lease, new Map([["pause x", "text"]]));
    old.exec("UPDATE mark SET due_at = 2000 WHERE entry = 'x'");
    expect(await broker.leases?.notes("app")).toEqual(new Map([["pause x", "text"]]));
    expect(await broker.leases?.marks("app")).toEqual(new Map([["x", 2000]]));
    await broker.close();
    old.close();
  });
});

/** Its columns and indexes, however they were written. */
async function schemaOf(path: string): Promise<unknown> {
  await (await openBroker(`sqlite:///${path}`)).close();
  const database = new Database(path, { readonly: true });
  const columns = database
    .prepare(
      `SELECT s.name, c.name AS column_name, c.type FROM sqlite_schema s, pragma_table_info(s.name) c
       WHERE s.type = 'table' ORDER BY s.name, c.name`,
    )
    .all();
  const indexes = database.prepare("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index' ORDER BY name").all();
  const version = database.pragma("user_version", { simple: true });
  database.close();
  return { columns, indexes, version };
}
