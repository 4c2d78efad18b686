import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { StaleTermError } from "../../src/broker/broker.ts";
import { SqliteBroker } from "../../src/broker/sqlite/sqlite-broker.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import type { LovageEvent } from "../../src/event.ts";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import { describeBroker } from "../contract/broker-contract.ts";
import { describeConsuming } from "../contract/consume-contract.ts";
import { describeLeases, leaseOf } from "../contract/lease-contract.ts";
import { envelopeOf, idOf } from "../helper/envelope.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { type TemporaryFolder, temporaryFolder } from "../helper/temporary-folder.ts";

const noon = Date.UTC(2026, 5, 1, 12);
const one = { id: "one", label: "host-1:100" };
const two = { id: "two", label: "host-2:200" };

function open(path: string, clock: Clock = systemClock): Promise<SqliteBroker> {
  return SqliteBroker.open(`sqlite:///${path}`, { clock, emit: () => undefined });
}

function waiting(path: string, queue: string): readonly string[] {
  const database = new Database(path, { readonly: true });
  const rows = database.prepare("SELECT text FROM message WHERE queue = ? ORDER BY priority, id").pluck().all(queue);
  database.close();
  return (rows as string[]).map((text) => decodeMessage(text).envelope.id);
}

async function closeAll(broker: SqliteBroker, folder: TemporaryFolder): Promise<void> {
  await broker.close();
  await folder[Symbol.asyncDispose]();
}

describeBroker("SQLite", async () => {
  const folder = temporaryFolder();
  const path = folder.file("broker.db");
  const broker = await open(path);
  return {
    broker,
    waiting: async (queue) => waiting(path, queue),
    bind: async (exchange, { routingKey, pattern, queue }) => {
      const database = new Database(path);
      database.prepare("INSERT INTO binding VALUES (?, ?, ?, ?)").run(exchange, routingKey, pattern, queue);
      database.close();
    },
    close: () => closeAll(broker, folder),
  };
});

describeConsuming("SQLite", async () => {
  const folder = temporaryFolder();
  const path = folder.file("broker.db");
  const brokers = [await open(path)];
  const run = (sql: string, ...values: readonly string[]): void => {
    const database = new Database(path);
    database.prepare(sql).run(...values);
    database.close();
  };
  return {
    broker: brokers[0] as SqliteBroker,
    again: async () => {
      const broker = await open(path);
      brokers.push(broker);
      return broker;
    },
    putUnreadable: async (queue) =>
      run("INSERT INTO message (queue, priority, text, enqueued_at) VALUES (?, 0, '{\"no\nmessage', 0)", queue),
    takeAway: async () => run("UPDATE message SET claimed_by = NULL, redelivered = 1"),
    close: async () => {
      await Promise.all(brokers.map((broker) => broker.close()));
      await folder[Symbol.asyncDispose]();
    },
  };
});

describeLeases("SQLite", async () => {
  const folder = temporaryFolder();
  const clock = new ManualClock(noon);
  const broker = await open(folder.file("broker.db"), clock);
  return { leases: broker.leases, runOut: (ttlMs) => clock.advance(ttlMs), close: () => closeAll(broker, folder) };
});

describe("SqliteBroker", () => {
  it("creates the file and its folders", async () => {
    await using folder = temporaryFolder();
    const broker = await open(folder.file("a/b/broker.db"));
    await broker.publish([envelopeOf("x")]);
    expect(await broker.depth("celery")).toBe(1);
    await broker.close();
  });

  it("keeps messages, terms and marks over a restart", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("broker.db");
    const before = await open(path);
    const lease = leaseOf(await before.leases.acquire("app", one, 60_000));
    const guard = { scope: "app", term: lease.term, marks: [{ entry: "x", dueAt: 1 }] };
    await before.publish([envelopeOf("a")], guard);
    await before.close();
    const after = await open(path);
    expect(await after.publish([envelopeOf("a")], guard)).toEqual(["duplicate"]);
    expect(await after.depth("celery")).toBe(1);
    await after.close();
  });

  it("shows each process what the other did", async () => {
    await using folder = temporaryFolder();
    const [left, right] = [await open(folder.file("broker.db")), await open(folder.file("broker.db"))];
    await left.publish([envelopeOf("a")]);
    expect(await right.depth("celery")).toBe(1);
    await left.leases.acquire("app", one, 60_000);
    expect(await right.leases.acquire("app", two, 60_000)).toMatchObject({ heldBy: { label: "host-1:100" } });
    await Promise.all([left.close(), right.close()]);
  });

  it("lets processes that start together create one file and count on from each other", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("broker.db");
    const script = new URL("../helper/sqlite-publisher.ts", import.meta.url);
    const children = Array.from({ length: 4 }, (_, index) =>
      fork(script, [path, String(index)], {
        execArgv: ["--import", "tsx"],
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      }),
    );
    const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0] as number));
    expect(codes).toEqual([0, 0, 0, 0]);
    const ids = waiting(path, "celery");
    expect(ids).toHaveLength(4 * 50 + 50);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("goes on in the new file when the old one is removed, under no term of the old one", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("broker.db");
    const broker = await open(path);
    const lease = leaseOf(await broker.leases.acquire("app", one, 60_000));
    const guard = { scope: "app", term: lease.term, marks: [{ entry: "x", dueAt: 1 }] };
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    await expect(broker.publish([envelopeOf("a")], guard)).rejects.toThrow(StaleTermError);
    const { term } = leaseOf(await broker.leases.acquire("app", one, 60_000));
    expect(term).toBeGreaterThan(lease.term);
    expect(await broker.publish([envelopeOf("a")], { ...guard, term })).toEqual(["sent"]);
    expect(waiting(path, "celery")).toEqual([idOf("a")]);
    await broker.close();
  });

  it("does not wait for a holder that died before the clock was set back", async () => {
    await using folder = temporaryFolder();
    const clock = new ManualClock(noon);
    const broker = await open(folder.file("broker.db"), clock);
    await broker.leases.acquire("app", one, 10_000);
    clock.jump(-3_600_000);
    expect(await broker.leases.acquire("app", two, 10_000)).toEqual({
      heldBy: { label: "host-1:100", remainingMs: 10_000 },
    });
    await clock.advance(10_000);
    expect("lease" in (await broker.leases.acquire("app", two, 10_000))).toBe(true);
    await broker.close();
  });

  it("sends nothing of a transaction that fails, and says what holds the file", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("broker.db");
    const broker = await open(path);
    const lease = leaseOf(await broker.leases.acquire("app", one, 60_000));
    const guard = { scope: "app", term: lease.term, marks: [{ entry: "x", dueAt: 1 }] };
    const other = new Database(path);
    other.exec("BEGIN IMMEDIATE");
    await expect(broker.publish([envelopeOf("a")], guard)).rejects.toMatchObject({
      code: "broker",
      message: `broker file ${path}: another process holds it locked`,
    });
    other.exec("COMMIT");
    other.close();
    expect(await broker.publish([envelopeOf("a")], guard)).toEqual(["sent"]);
    await broker.close();
  });

  it("tells of being opened, and makes no noise about being closed", async () => {
    await using folder = temporaryFolder();
    const url = `sqlite:///${folder.file("broker.db")}`;
    const events: LovageEvent[] = [];
    const broker = await SqliteBroker.open(url, { clock: systemClock, emit: (event) => events.push(event) });
    await broker.close();
    expect(events).toEqual([{ type: "broker-connected", url }]);
  });

  describe("refuses with the path and a way out", () => {
    it("a file from a newer version", async () => {
      await using folder = temporaryFolder();
      const path = folder.file("broker.db");
      await (await open(path)).close();
      const database = new Database(path);
      database.pragma("user_version = 99");
      database.close();
      await expect(open(path)).rejects.toMatchObject({
        code: "broker",
        message: `${path} was written by a newer Lovage (format 99, known is 3)`,
        hint: "upgrade Lovage here, or name another file",
      });
    });

    it("another program's SQLite file, and leaves it alone", async () => {
      await using folder = temporaryFolder();
      const path = folder.file("theirs.db");
      const database = new Database(path);
      database.exec("CREATE TABLE theirs (id INTEGER)");
      await expect(open(path)).rejects.toThrow(`${path} is a SQLite file, but not a Lovage broker`);
      expect(database.prepare("SELECT group_concat(name) FROM sqlite_schema").pluck().get()).toBe("theirs");
      database.close();
    });

    it("a damaged file", async () => {
      await using folder = temporaryFolder();
      const path = folder.file("broker.db");
      writeFileSync(
        path,
        "this was never a database, and it is long enough for SQLite to notice that by itself\n".repeat(50),
      );
      await expect(open(path)).rejects.toThrow(`broker file ${path}: it is damaged, or not a SQLite file`);
    });

    it("a folder, and a path through a file", async () => {
      await using folder = temporaryFolder();
      mkdirSync(folder.file("folder"));
      writeFileSync(folder.file("file"), "");
      await expect(open(folder.file("folder"))).rejects.toThrow("it is a folder");
      await expect(open(folder.file("file/broker.db"))).rejects.toThrow("is a file, not a folder");
    });

    // Nobody, root included, can make a file in there.
    it.runIf(process.platform === "linux")("a folder it may not write", async () => {
      await expect(open("/proc/broker.db")).rejects.toMatchObject({
        message: expect.stringMatching(/^broker file \/proc\/broker.db: user \S+ may not write it or its folder$/),
        hint: "give that user write access to /proc",
      });
    });
  });
});
