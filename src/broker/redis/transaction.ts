// The atomic step of a large batch whose messages are known to be new: WATCH term and link, look at them, and send everything in
// one MULTI. Redis takes two to three times as many messages this way as through Lua, which copies each of them.
import { setImmediate } from "node:timers/promises";
import { Command, type Redis } from "ioredis";
import { EncodedCommand, encodeCommand } from "../../redis/bulk.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { isReply } from "../../redis/failure.ts";
import type { Parcel } from "./parcel.ts";
import type { Misfit, ScopeKeys } from "./scripts.ts";

/** What all transactions of a batch have in common. Nothing else on the connection may watch keys meanwhile. */
export interface Transactions {
  readonly connection: RedisConnection;
  readonly client: Redis;
  readonly keys: Pick<ScopeKeys, "term" | "link" | "journal">;
  /** What Redis has to hold under these keys. */
  readonly term: string;
  readonly link: string;
}

/** `touched`: another connection has told Redis of itself, or somebody touched a key that is watched; nothing was done. */
export type Fault = "stale" | "touched" | Misfit;

export interface Pushed {
  /** So many messages, from the first on. */
  readonly sent: number;
  /** Why it ended there; null: all are sent. */
  readonly fault: Fault | null;
}

/**
 * Sends parcels in order, those of one transaction whole or not at all, up to the first fault. While Redis works on one
 * transaction, the next is made.
 */
export async function pushParcels(common: Transactions, transactions: Iterator<readonly Parcel[]>): Promise<Pushed> {
  let sent = 0;
  let coming = begin(common, transactions);
  while (coming !== null) {
    const { parcels, look } = coming;
    const carried = look.then((fault) => fault ?? carryOut(common, parcels));
    carried.catch(() => undefined);
    await look;
    // The socket takes what was written before the next one is made.
    await setImmediate();
    coming = begin(common, transactions);
    const fault = await carried;
    if (fault !== null) {
      // The next one is watching already, and would be refused for what is put right in between.
      await common.client.unwatch();
      return { sent, fault };
    }
    for (const { count } of parcels) sent += count;
  }
  return { sent, fault: null };
}

interface Coming {
  readonly parcels: readonly Parcel[];
  readonly look: Promise<Fault | null>;
}

function begin(common: Transactions, transactions: Iterator<readonly Parcel[]>): Coming | null {
  const { done, value: parcels } = transactions.next();
  if (done === true) return null;
  const look = lookAt(common, parcels);
  look.catch(() => undefined);
  return { parcels, look };
}

/** From here on term and link are watched: a transaction that follows is only carried out if nobody touches them. */
async function lookAt(
  { connection, client, keys, term, link }: Transactions,
  parcels: readonly Parcel[],
): Promise<Fault | null> {
  const listKeys = [...new Set([keys.journal, ...parcels.flatMap(({ lists }) => lists)])];
  connection.declared.add(watchOf(keys.term));
  const [, [foundTerm, foundLink], ...kinds] = await inOneWrite(client, () =>
    Promise.all([
      client.watch(keys.term, keys.link),
      client.mget(keys.term, keys.link),
      ...listKeys.map((key) => client.type(key)),
    ]),
  );
  if (foundTerm !== term) return "stale";
  if (foundLink !== link) return "touched";
  const wrong = kinds.findIndex((kind) => kind !== "list" && kind !== "none");
  return wrong === -1 ? null : { key: listKeys[wrong] ?? "", kind: kinds[wrong] ?? "", wanted: "list" };
}

async function carryOut(
  { connection, client, keys: { term, journal } }: Transactions,
  parcels: readonly Parcel[],
): Promise<Fault | null> {
  // A new connection watches nothing.
  if (!connection.declared.has(watchOf(term))) throw new Error("the connection that watched the term was lost");
  const pushes = parcels.flatMap((parcel) =>
    parcel.pushes.map((bytes, index) => ({ bytes, key: parcel.lists[index] })),
  );
  const commands = [
    new Command("multi", []),
    ...pushes.map(({ bytes }) => new EncodedCommand("lpush", bytes)),
    new EncodedCommand("rpush", encodeCommand(["RPUSH", journal, ...parcels.map(({ record }) => record)])),
    new Command("exec", [], { replyEncoding: "utf8" }),
  ];
  // No other command of this connection may come in between.
  const sent = inOneWrite(client, () => commands.map((command) => client.sendCommand(command)));
  let replies: unknown;
  // What is wrong with a command Redis says where it is queued; of EXEC it says only that there was something.
  for (const answer of await Promise.allSettled(sent)) {
    if (answer.status === "rejected") throw answer.reason;
    replies = answer.value;
  }
  if (!Array.isArray(replies)) return "touched";
  return faultIn(
    replies,
    pushes.map(({ key }) => key),
  );
}

/** Redis carries out the rest of a transaction when a key is of another kind since we looked: it is to be said at least. */
function faultIn(replies: readonly unknown[], lists: readonly (string | undefined)[]): Fault | null {
  const index = replies.findIndex(isReply);
  if (index === -1) return null;
  const key = lists[index];
  if (key === undefined) throw replies[index];
  return { key, kind: "value of another kind", wanted: "list" };
}

/** A call of the system for each small command would take longer than all the rest. */
function inOneWrite<Sent>({ stream }: Redis, send: () => Sent): Sent {
  stream.cork();
  try {
    return send();
  } finally {
    stream.uncork();
  }
}

function watchOf(term: string): string {
  return `watch ${term}`;
}
