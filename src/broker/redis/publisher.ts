// Publishing on Redis: which way a batch goes. Unguarded ones are pushed; guarded ones go through the script that judges
// each message by its mark, or, if large and known to be new, as transactions that only the term decides.
import { LovageError } from "../../error.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { sendBulk } from "../../redis/bulk.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { callScript } from "../../redis/script.ts";
import { type Guard, type Mark, type PublishOutcome, StaleTermError, UndeliverableError } from "../broker.ts";
import { sendInOrder } from "../chunks.ts";
import { checkDeliverable, createRoute, destinationsOf, isFanout } from "../routing.ts";
import { declareQueues, readBindings } from "./bindings.ts";
import { wrongKind } from "./failure.ts";
import type { Journal } from "./journal.ts";
import type { Links } from "./link.ts";
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
  readonly links: Links;
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
/** What Redis takes in far less than a millisecond. */
const fewBytes = 65_536;
/** Some 2,000 messages, which keep Redis from its other clients for two milliseconds. */
const parcelsTogether = 4;

export class RedisPublisher {
  readonly #context: PublisherContext;
  readonly #shelf = new ParcelShelf();
  /** WATCH belongs to a connection: one batch of transactions at a time. */
  #transactions: Promise<unknown> = Promise.resolve();

  constructor(context: PublisherContext) {
    this.#context = context;
  }

  async publish(batch: readonly Envelope[], guard?: Guard): Promise<readonly PublishOutcome[]> {
    const targetsOf = await this.#route(batch);
    if (guard === undefined) {
      return (await sendInOrder(chunkBatch(batch, targetsOf), chunksInFlight, this.#push)).flat();
    }
    const guarded = { batch, guard, targetsOf };
    if (guard.isNew === true && isForTransactions(batch, guard)) {
      const turn = this.#transactions.then(() => this.#publishNew(guarded));
      this.#transactions = turn.catch(() => undefined);
      return turn;
    }
    return this.#publishByScript(guarded);
  }

  /** @throws UndeliverableError where a message has nowhere to go */
  async #route(batch: readonly Envelope[]): Promise<TargetsOf> {
    const { connection, prefix, db } = this.#context;
    await declareQueues(connection, prefix, batch);
    const route = createRoute(await readBindings(connection, prefix, batch));
    checkDeliverable(batch, route);
    return createTargets(route, prefix, db);
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

  /** What goes by script carries all of its messages to Redis, to be refused there. */
  isCheapToRefuse(batch: readonly Envelope[], guard: Guard): boolean {
    if (isForTransactions(batch, guard)) return true;
    const size = batch.reduce((sum, { body }) => sum + body.length, 0);
    return batch.length < smallestTransaction && size <= fewBytes;
  }

  async #publishNew(guarded: Guarded): Promise<readonly PublishOutcome[]> {
    const { connection, prefix, journal, links } = this.#context;
    const { batch, guard } = guarded;
    const keys = scopeKeys(prefix, guard.scope);
    let sent = 0;
    journal.noteRecord(guard);
    while (sent < batch.length) {
      const transactions = this.#transactionsOf(guarded, sent);
      const pushed = await connection.run(
        async (client) => {
          const link = await links.of(client, guard.scope);
          const common = { connection, client, keys, term: String(guard.term), link };
          const done = await pushParcels(common, transactions);
          if (done.fault === "touched") await links.repeat(client, guard.scope, link);
          return done;
        },
        [keys.term, keys.journal, ...listsOf(guarded)],
      );
      sent += pushed.sent;
      if (pushed.fault !== null) this.#fail(pushed.fault, guarded);
    }
    journal.foldSoon(guard);
    return batch.map(() => "sent");
  }

  *#transactionsOf(guarded: Guarded, from: number): Generator<readonly Parcel[]> {
    let start = from;
    while (start < guarded.batch.length) {
      const ready = this.#readyAt(guarded, start);
      const parcels = ready.length > 0 ? ready : [parcelAt(guarded, start)];
      yield parcels;
      for (const { count } of parcels) start += count;
    }
  }

  /** What was prepared takes no time to make, so that several can go together. */
  #readyAt({ batch, guard }: Guarded, from: number): readonly Parcel[] {
    const parcels: Parcel[] = [];
    let start = from;
    while (parcels.length < parcelsTogether) {
      const parcel = this.#shelf.take(batch, guard.marks, start);
      if (parcel === null) break;
      parcels.push(parcel);
      start += parcel.count;
    }
    return parcels;
  }

  /** What was touched is tried again. */
  #fail(fault: Fault, { batch, guard, targetsOf }: Guarded): void {
    if (fault === "touched") return;
    if (fault === "stale") throw new StaleTermError(guard.scope, guard.term);
    const isJournal = fault.key === scopeKeys(this.#context.prefix, guard.scope).journal;
    throw isJournal ? wrongKind(fault.key, fault.kind, fault.wanted) : this.#notAList(batch, targetsOf, fault);
  }

  async #publishByScript(guarded: Guarded): Promise<readonly PublishOutcome[]> {
    await this.#beginScripts(guarded.guard.scope);
    // A chunk that finds the journal full is sent again behind those that came after it.
    if (guarded.guard.isNew !== true) await this.#context.journal.foldAll(guarded.guard);
    const repeats = hasRepeats(guarded.guard.marks);
    // Redis may refuse a chunk and take the next. That must not move the mark of an entry past what was refused.
    const width = repeats ? 1 : chunksInFlight;
    const chunks = chunkBatch(guarded.batch, guarded.targetsOf);
    return (await sendInOrder(chunks, width, (chunk) => this.#pushGuarded(chunk, guarded, repeats))).flat();
  }

  /** Ahead of the chunks: a chunk that had to bring script or link along could be overtaken by the next. */
  async #beginScripts(scope: string): Promise<void> {
    const { connection, links } = this.#context;
    await connection.run(async (client) => {
      await links.of(client, scope);
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
    const { connection, prefix, url, journal, links } = this.#context;
    const { batch, guard, targetsOf } = guarded;
    const { term, marks, journal: journalKey, link: linkKey } = scopeKeys(prefix, guard.scope);
    const keys = [term, marks, journalKey, linkKey, ...chunk.targets.lists];
    const reply = await connection.run(
      async (client) => {
        const link = await links.of(client, guard.scope);
        const answer = await callScript(client, publishScript, keys, scriptArguments(chunk, { guard, repeats, link }));
        if (answer === "link") await links.repeat(client, guard.scope, link);
        return answer;
      },
      [term, marks, ...chunk.targets.lists],
    );
    if (reply === "link") return this.#pushGuarded(chunk, guarded, repeats);
    if (reply === "stale") throw new StaleTermError(guard.scope, guard.term);
    if (reply === "journal") {
      journal.noteRecord(guard);
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

/** A channel is no list, and Redis may refuse it in the middle of a transaction. What comes twice is judged the second time. */
function isForTransactions(batch: readonly Envelope[], { marks }: Guard): boolean {
  if (batch.length < smallestTransaction || hasRepeats(marks)) return false;
  return destinationsOf(batch).every((destination) => !isFanout(destination));
}

/** For whoever has to be told which keys the user may not write. */
function listsOf({ batch, targetsOf }: Guarded): readonly string[] {
  const keys = [...new Set(batch.map(targetsOf))].flatMap((targets) => targets.map(({ key }) => key));
  return [...new Set(keys)];
}

function parcelAt({ batch, guard, targetsOf }: Guarded, start: number): Parcel {
  const [chunk] = chunkBatch(batch, targetsOf, start);
  if (chunk === undefined) throw new RangeError(`a batch of ${batch.length} has nothing at ${start}`);
  return parcelOf(chunk, guard.marks);
}
