// Leading over Redis: its clock counts, so hosts with different clocks agree on when a lease is over.
import { setImmediate } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Instant } from "../../clock.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { isWrongType } from "../../redis/failure.ts";
import { runScript, type Script } from "../../redis/script.ts";
import { type Mark, StaleTermError } from "../broker.ts";
import { sendInOrder, slices } from "../chunks.ts";
import type { Acquired, AcquireOptions, Lease, LeaseKeeper, LeaseOwner, SetMarksOptions } from "../lease.ts";
import { wrongKind } from "./failure.ts";
import type { Links } from "./link.ts";
import { type Journal, parseMark, readRecord } from "./journal.ts";
import {
  acquireScript,
  dropMarksScript,
  readMisfit,
  raiseMarksScript,
  releaseScript,
  renewScript,
  scopeKeys,
  setMarksScript,
  setNotesScript,
} from "./scripts.ts";

// Lua unpacks at most some 8,000 values at a time.
const marksPerCall = 1000;
const callsInFlight = 4;

export interface RedisLeasesOptions {
  readonly connection: RedisConnection;
  readonly prefix: string;
  readonly journal: Journal;
  readonly links: Links;
}

export class RedisLeases implements LeaseKeeper {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #journal: Journal;
  readonly #links: Links;

  constructor({ connection, prefix, journal, links }: RedisLeasesOptions) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#journal = journal;
    this.#links = links;
  }

  async acquire(scope: string, owner: LeaseOwner, ttlMs: number, options: AcquireOptions = {}): Promise<Acquired> {
    const keys = scopeKeys(this.#prefix, scope);
    const args = [owner.id, owner.label, span(ttlMs), options.unlessForgotten === true ? "1" : ""];
    const reply = await this.#run(acquireScript, [keys.term, keys.lease], args);
    const [taken, text, remaining] = reply as [number, string, number | undefined];
    if (taken === 2) return { isForgotten: true };
    if (taken === 1) {
      const lease = Object.freeze({ scope, owner, term: Number(text) });
      this.#journal.foldSoon(lease);
      return { lease };
    }
    return { heldBy: { label: text, remainingMs: Math.max(0, remaining ?? 0) } };
  }

  async renew(lease: Lease, ttlMs: number): Promise<boolean> {
    const keys = scopeKeys(this.#prefix, lease.scope);
    const { id, label } = lease.owner;
    return (await this.#run(renewScript, [keys.term, keys.lease], [String(lease.term), id, label, span(ttlMs)])) === 1;
  }

  async release(lease: Lease): Promise<void> {
    const keys = scopeKeys(this.#prefix, lease.scope);
    await this.#run(releaseScript, [keys.term, keys.lease], [String(lease.term)]);
  }

  async marks(scope: string): Promise<ReadonlyMap<string, Instant>> {
    const keys = scopeKeys(this.#prefix, scope);
    // The journal first: what is folded in the meantime is then seen twice, and not missed.
    const records = await this.#read({ key: keys.journal, wanted: "list" }, async (client) => {
      // What somebody concludes from the marks must still be true when a late batch comes.
      await this.#links.of(client, scope);
      return client.lrange(keys.journal, 0, -1);
    });
    const marks = await this.#read({ key: keys.marks, wanted: "hash" }, (client) => scanMarks(client, keys.marks));
    for (const record of records) {
      raiseMarks(marks, readRecord(record));
      // There may be hundreds after a burst, and others are due meanwhile.
      await setImmediate();
    }
    return marks;
  }

  async setMarks(lease: Lease, marks: readonly Mark[], { forwardOnly = false }: SetMarksOptions = {}): Promise<void> {
    // What is set outright is not to be raised again by what was settled before.
    if (!forwardOnly) await this.#journal.foldAll(lease);
    const pairs = slices(marks, marksPerCall);
    await this.#change(lease, forwardOnly ? raiseMarksScript : setMarksScript, pairs, (mark) => [
      mark.entry,
      String(mark.dueAt),
    ]);
  }

  async dropMarks(lease: Lease, entries: readonly string[]): Promise<void> {
    await this.#journal.foldAll(lease);
    await this.#change(lease, dropMarksScript, slices(entries, marksPerCall), (entry) => [entry]);
  }

  async notes(scope: string): Promise<ReadonlyMap<string, string>> {
    const key = scopeKeys(this.#prefix, scope).notes;
    return new Map(Object.entries(await this.#read({ key, wanted: "hash" }, (client) => client.hgetall(key))));
  }

  async setNotes(lease: Lease, notes: ReadonlyMap<string, string | null>): Promise<void> {
    const keys = scopeKeys(this.#prefix, lease.scope);
    const written = [...notes].flatMap(([name, text]) => (text === null ? [] : [name, text]));
    const removed = [...notes].flatMap(([name, text]) => (text === null ? [name] : []));
    const args = [String(lease.term), String(written.length), ...written, ...removed];
    const done = await this.#run(setNotesScript, [keys.term, keys.notes], args);
    if (done !== 1) throw new StaleTermError(lease.scope, lease.term);
  }

  async #change<Item>(
    lease: Lease,
    script: Script,
    chunks: Iterable<readonly Item[]>,
    write: (item: Item) => readonly string[],
  ): Promise<void> {
    const keys = scopeKeys(this.#prefix, lease.scope);
    await sendInOrder(chunks, callsInFlight, async (chunk) => {
      const done = await this.#run(script, [keys.term, keys.marks], [String(lease.term), ...chunk.flatMap(write)]);
      if (done !== 1) throw new StaleTermError(lease.scope, lease.term);
    });
  }

  async #read<Result>(
    { key, wanted }: { readonly key: string; readonly wanted: string },
    read: (client: Redis) => Promise<Result>,
  ): Promise<Result> {
    return this.#connection.run(
      async (client) => {
        try {
          return await read(client);
        } catch (error) {
          if (isWrongType(error)) throw wrongKind(key, await client.type(key), wanted);
          throw error;
        }
      },
      [key],
    );
  }

  async #run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const reply = await this.#connection.run((client) => runScript(client, script, keys, args), keys);
    const misfit = readMisfit(reply);
    if (misfit !== null) throw wrongKind(misfit.key, misfit.kind, misfit.wanted);
    return reply;
  }
}

/** In pieces, so that a million marks do not hold up everybody else on the server. */
async function scanMarks(client: Redis, key: string): Promise<Map<string, Instant>> {
  const marks = new Map<string, Instant>();
  let cursor = "0";
  do {
    const [next, found] = await client.hscan(key, cursor, "COUNT", 5000);
    for (let i = 0; i + 1 < found.length; i += 2) {
      const dueAt = parseMark(found[i + 1] ?? "");
      if (dueAt !== null) marks.set(found[i] ?? "", dueAt);
    }
    cursor = next;
  } while (cursor !== "0");
  return marks;
}

function raiseMarks(marks: Map<string, Instant>, recorded: readonly Mark[]): void {
  for (const { entry, dueAt } of recorded) {
    if (dueAt > (marks.get(entry) ?? Number.NEGATIVE_INFINITY)) marks.set(entry, dueAt);
  }
}

/** PEXPIRE takes whole milliseconds, at least one. */
function span(ttlMs: number): string {
  return String(Math.max(1, Math.ceil(ttlMs)));
}
