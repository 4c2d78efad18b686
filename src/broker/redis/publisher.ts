// Publishing on Redis: which way a batch goes. Unguarded ones are pushed; guarded ones go through the script that judges
// each message by its mark, or, if large and known to be new, as transactions that only the term decides.
import { LovageError } from "../../error.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { sendBulk } from "../../redis/bulk.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { callScript } from "../../redis/script.ts";
import { type Guard, type Mark, type PublishOutcome, StaleTermError, UndeliverableError } from "../broker.ts";
import { sendInOrder } from "../chunks.ts";
import { checkDeliverable, createRoute } from "../routing.ts";
import { declareQueues, readBindings } from "./bindings.ts";
import { wrongKind } from "./failure.ts";
import type { Journal } from "./journal.ts";
import { type Parcel, parcelOf, ParcelShelf } from "./parcel.ts";
import {
  type Chunk,
  chunkBatch,
  createTargets,
  groupByTarget,
  hasRepeats,
  scriptArguments,
  type Target,
  type TargetsOf,
} from "./publish.ts";
import { publishScript } from "./publish-script.ts";
import { type Misfit, readMisfit, scopeKeys } from "./scripts.ts";
import { type Fault, pushParcels } from "./transaction.ts";

export interface PublisherContext {
  readonly url: string;
  readonly connection: RedisConnection;
  readonly prefix: string;
  readonly db: number;
  readonly journal: Journal;
}

/** A batch on its way under a guard. */
interface Guarded {
  readonly batch: readonly Envelope[];
  readonly guard: Guard;
  readonly targetsOf: TargetsOf;
}

// Enough to keep Redis busy while the next chunk is encoded, and no more than that in memory.
const chunksInFlight = 4;
/** A transaction takes one question more than the script, and its marks are written twice. */
const smallestTransaction = 50;

export class RedisPublisher {
  readonly #context: PublisherContext;
  readonly #shelf = new ParcelShelf();
  /** WATCH belongs to a connection: one batch of transactions at a time. */
  #transactions: Promise<unknown> = Promise.resolve();

  constructor(context: PublisherContext) {
    this.#context = context;
  }

  async publish(batch: readonly Envelope[], guard?: Guard): Promise<readonly PublishOutcome[]> {
    const { connection, prefix, db } = this.#context;
    await declareQueues(connection, prefix, batch);
    const route = createRoute(await readBindings(connection, prefix, batch));
    const targetsOf = createTargets(route, prefix, db);
    checkDeliverable(batch, (envelope) => targetsOf(envelope).length > 0);
    if (guard === undefined) {
      return (await sendInOrder(chunkBatch(batch, targetsOf), chunksInFlight, this.#push)).flat();
    }
    const guarded = { batch, guard, targetsOf };
    if (guard.isNew === true && batch.length >= smallestTransaction && goesToLists(guarded)) {
      const turn = this.#transactions.then(() => this.#publishNew(guarded));
      this.#transactions = turn.catch(() => undefined);
      return turn;
    }
    return this.#publishByScript(guarded);
  }

  /** Encodes messages ahead of their time, as far as it is known now where they will go. */
  prepare(batch: readonly Envelope[], marks: readonly Mark[]): void {
    const { prefix, db } = this.#context;
    if (batch.some(({ destination }) => destination.exchange !== "")) return;
    const targetsOf = createTargets(createRoute(new Map()), prefix, db);
    for (const chunk of chunkBatch(batch, targetsOf)) {
      const end = chunk.start + chunk.messages.length;
      this.#shelf.put(parcelOf(chunk, marks), batch.slice(chunk.start, end), marks.slice(chunk.start, end));
    }
  }

  async #publishNew(guarded: Guarded): Promise<readonly PublishOutcome[]> {
    const { connection, prefix, journal } = this.#context;
    const { batch, guard } = guarded;
    const keys = scopeKeys(prefix, guard.scope);
    let sent = 0;
    while (sent < batch.length) {
      const parcels = this.#parcels(guarded, sent);
      const pushed = await connection.run(
        async (client) => {
          await journal.barrier(client, guard.scope);
          const common = { connection, client, term: keys.term, expected: String(guard.term), journal: keys.journal };
          return pushParcels(common, parcels);
        },
        [keys.term, keys.journal],
      );
      sent += pushed.sent;
      if (pushed.fault !== null) this.#fail(pushed.fault, guarded);
    }
    journal.foldSoon(guard);
    return batch.map(() => "sent");
  }

  *#parcels({ batch, guard, targetsOf }: Guarded, from: number): Generator<Parcel> {
    let start = from;
    while (start < batch.length) {
      const parcel = this.#shelf.take(batch, guard.marks, start) ?? parcelAt({ batch, guard, targetsOf }, start);
      yield parcel;
      start += parcel.count;
    }
  }

  /** What was touched is tried again. */
  #fail(fault: Fault, { batch, guard, targetsOf }: Guarded): void {
    if (fault === "touched") return;
    if (fault === "stale") throw new StaleTermError(guard.scope, guard.term);
    const isJournal = fault.key === scopeKeys(this.#context.prefix, guard.scope).journal;
    throw isJournal ? wrongKind(fault.key, fault.kind, fault.wanted) : this.#notAList(batch, targetsOf, fault);
  }

  async #publishByScript(guarded: Guarded): Promise<readonly PublishOutcome[]> {
    await this.#loadScript();
    const repeats = hasRepeats(guarded.guard.marks);
    // Redis may refuse a chunk and take the next. That must not move the mark of an entry past what was refused.
    const width = repeats ? 1 : chunksInFlight;
    const chunks = chunkBatch(guarded.batch, guarded.targetsOf);
    return (await sendInOrder(chunks, width, (chunk) => this.#pushGuarded(chunk, guarded, repeats))).flat();
  }

  /** Ahead of the chunks: were it missing, a chunk that brings it along could overtake others already on their way. */
  async #loadScript(): Promise<void> {
    const { connection } = this.#context;
    await connection.run(async (client) => {
      if (connection.declared.has(publishScript.sha)) return;
      await client.script("LOAD", publishScript.text);
      connection.declared.add(publishScript.sha);
    });
  }

  readonly #push = async (chunk: Chunk): Promise<readonly PublishOutcome[]> => {
    await this.#context.connection.run((client) => {
      const pushes = [...groupByTarget(chunk)].map(([{ key, isChannel }, messages]) =>
        isChannel
          ? Promise.all(messages.map((message) => client.publish(key, message)))
          : sendBulk(client, "lpush", [key, ...messages]),
      );
      return Promise.all<unknown>(pushes);
    }, chunk.targets.lists);
    return chunk.messages.map(() => "sent");
  };

  async #pushGuarded(chunk: Chunk, guarded: Guarded, repeats: boolean): Promise<readonly PublishOutcome[]> {
    const { connection, prefix, url, journal } = this.#context;
    const { batch, guard, targetsOf } = guarded;
    const args = scriptArguments(chunk, guard, repeats);
    const { term, marks, journal: journalKey } = scopeKeys(prefix, guard.scope);
    const keys = [term, marks, journalKey, ...chunk.targets.lists];
    const reply = await connection.run((client) => callScript(client, publishScript, keys, args), keys);
    if (reply === "stale") throw new StaleTermError(guard.scope, guard.term);
    if (reply === "journal") {
      await journal.foldAll(guard);
      return this.#pushGuarded(chunk, guarded, repeats);
    }
    if (!Array.isArray(reply)) throw new LovageError("broker", `${url} gave an answer that is not understood`);
    const misfit = readMisfit(reply);
    if (misfit?.wanted === "list") throw this.#notAList(batch, targetsOf, misfit);
    if (misfit !== null) throw wrongKind(misfit.key, misfit.kind, misfit.wanted);
    const duplicates = new Set(reply as readonly number[]);
    return chunk.messages.map((_, index) => (duplicates.has(index + 1) ? "duplicate" : "sent"));
  }

  #notAList(batch: readonly Envelope[], targetsOf: TargetsOf, { key, kind }: Misfit): UndeliverableError {
    const leadsThere = (targets: readonly Target[]): boolean => targets.some((target) => target.key === key);
    const ids = batch.flatMap((envelope) => (leadsThere(targetsOf(envelope)) ? [envelope.id] : []));
    return new UndeliverableError(
      ids,
      `queue ${JSON.stringify(key)} cannot be written: ${this.#context.url} holds a ${kind} under that name`,
      "choose another queue name or database",
    );
  }
}

/** A channel is no list, and Redis may refuse it in the middle of a transaction. */
function goesToLists({ batch, targetsOf }: Guarded): boolean {
  return batch.every((envelope) => targetsOf(envelope).every(({ isChannel }) => !isChannel));
}

function parcelAt({ batch, guard, targetsOf }: Guarded, start: number): Parcel {
  const [chunk] = chunkBatch(batch, targetsOf, start);
  if (chunk === undefined) throw new RangeError(`a batch of ${batch.length} has nothing at ${start}`);
  return parcelOf(chunk, guard.marks);
}
