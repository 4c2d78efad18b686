// The atomic step of a large batch whose messages are known to be new: WATCH the term, look at it, and send everything in
// one MULTI. Redis takes two to three times as many messages this way as through Lua, which copies each of them.
import { setImmediate } from "node:timers/promises";
import { Command, type Redis } from "ioredis";
import { EncodedCommand } from "../../redis/bulk.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { isReply } from "../../redis/failure.ts";
import type { Parcel } from "./parcel.ts";
import type { Misfit } from "./scripts.ts";

/** What all transactions of a batch have in common. Nothing else on the connection may watch keys meanwhile. */
export interface Transactions {
  readonly connection: RedisConnection;
  readonly client: Redis;
  /** The key of the term, and what it has to hold. */
  readonly term: string;
  readonly expected: string;
  readonly journal: string;
}

/** `touched`: somebody touched the term after we had looked at it, and nothing was done. */
export type Fault = "stale" | "touched" | Misfit;

export interface Pushed {
  /** So many messages, from the first on. */
  readonly sent: number;
  /** Why it ended there; null: all are sent. */
  readonly fault: Fault | null;
}

/** Sends parcels in order, each whole or not at all, up to the first fault. While Redis works on one, the next is made. */
export async function pushParcels(common: Transactions, parcels: Iterator<Parcel>): Promise<Pushed> {
  let sent = 0;
  let coming = begin(common, parcels);
  while (coming !== null) {
    const { parcel, look } = coming;
    const carried = look.then((fault) => fault ?? carryOut(common, parcel));
    carried.catch(() => undefined);
    await look;
    // The socket takes what was written before the next one is made.
    await setImmediate();
    coming = begin(common, parcels);
    const fault = await carried;
    if (fault !== null) return { sent, fault };
    sent += parcel.count;
  }
  return { sent, fault: null };
}

interface Coming {
  readonly parcel: Parcel;
  readonly look: Promise<Fault | null>;
}

function begin(common: Transactions, parcels: Iterator<Parcel>): Coming | null {
  const { done, value: parcel } = parcels.next();
  if (done === true) return null;
  const look = lookAt(common, parcel);
  look.catch(() => undefined);
  return { parcel, look };
}

/** From here on the term is watched: a transaction that follows is only carried out if nobody touches it. */
async function lookAt({ connection, client, ...keys }: Transactions, { lists }: Parcel): Promise<Fault | null> {
  const named = [keys.journal, ...lists];
  const watching = client.watch(keys.term);
  connection.declared.add(watchOf(keys.term));
  const [, found, ...kinds] = await Promise.all([
    watching,
    client.get(keys.term),
    ...named.map((key) => client.type(key)),
  ]);
  if (found !== keys.expected) return "stale";
  const wrong = kinds.findIndex((kind) => kind !== "list" && kind !== "none");
  return wrong === -1 ? null : { key: named[wrong] ?? "", kind: kinds[wrong] ?? "", wanted: "list" };
}

/** Written in one go: no other command of this connection may come in between. */
async function carryOut(
  { connection, client, term, journal }: Transactions,
  { lists, pushes, record }: Parcel,
): Promise<Fault | null> {
  // A new connection watches nothing.
  if (!connection.declared.has(watchOf(term))) throw new Error("the connection was lost");
  const commands = [
    new Command("multi", []),
    ...pushes.map((bytes) => new EncodedCommand("lpush", bytes)),
    new Command("rpush", [journal, record]),
    new Command("exec", [], { replyEncoding: "utf8" }),
  ];
  const answers = await Promise.allSettled(commands.map((command) => client.sendCommand(command)));
  // What is wrong with a command Redis says where it is queued; of EXEC it says only that there was something.
  let replies: unknown;
  for (const answer of answers) {
    if (answer.status === "rejected") throw answer.reason;
    replies = answer.value;
  }
  if (!Array.isArray(replies)) return "touched";
  return faultIn(replies, lists);
}

/** Redis carries out the rest of a transaction when a key is of another kind since we looked: it is to be said at least. */
function faultIn(replies: readonly unknown[], lists: readonly string[]): Fault | null {
  const index = replies.findIndex(isReply);
  if (index === -1) return null;
  const key = lists[index];
  if (key === undefined) throw replies[index];
  return { key, kind: "value of another kind", wanted: "list" };
}

function watchOf(term: string): string {
  return `watch ${term}`;
}
