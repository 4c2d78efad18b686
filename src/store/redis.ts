// The beat-record in Redis: one for all beats of a scope. Whoever leads writes it, and whose term is over is refused.
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { LovageError } from "../error.ts";
import type { Emit } from "../event.ts";
import { parseRedisUrl } from "../redis/address.ts";
import { RedisConnection } from "../redis/connection.ts";
import { evictionWarning } from "../redis/eviction.ts";
import { runScript } from "../redis/script.ts";
import { maskUrl } from "../redis/url.ts";
import { assertStorable, DEFAULT_HISTORY, FORGOTTEN_HISTORY_MS } from "./changes.ts";
import { type RecordKeys, recordKeys, writeScript } from "./redis/script.ts";
import { readRun, readState, steps } from "./redis/steps.ts";
import { readTransport, recordWords } from "./redis/words.ts";
import type { Changes, EntryState, Run, Store, StoredState } from "./store.ts";

/** Redis holds them in memory: beyond a thousand entries each keeps fewer, and ten at least. */
const MOST_RUNS = 100_000;

export interface RedisStoreOptions {
  /** Beats of one scope share one record. */
  readonly scope: string;
  readonly emit?: Emit | undefined;
  /** How many runs are kept per entry, at most. */
  readonly history?: number | undefined;
  /** `broker_transport_options`, in Celery's names: sentinels, TLS and timeouts are the same for the record. */
  readonly transportOptions?: Readonly<Record<string, unknown>> | undefined;
  readonly isReadOnly?: boolean;
}

export class RedisStore implements Store {
  readonly location: string;
  readonly isShared = true;
  /** Of this opening: two beats on one record must not take each other for themselves come back. */
  readonly #id = randomUUID();
  readonly #connection: RedisConnection;
  readonly #keys: RecordKeys;
  readonly #history: number;
  readonly #isReadOnly: boolean;
  readonly #emit: Emit;
  #writing: Promise<void> = Promise.resolve();
  /** The last change was not answered: some of it may be there, and it comes again. */
  #isInDoubt = false;
  #isClosed = false;

  /**
   * Connects when it is first needed, and again whenever the connection was lost.
   *
   * @throws LovageError("config") for a URL or options that cannot be read
   */
  constructor(url: string, { scope, emit = () => undefined, ...options }: RedisStoreOptions) {
    const transport = readTransport(options.transportOptions ?? {});
    this.location = maskUrl(url);
    this.#keys = recordKeys(transport.prefix, scope);
    this.#history = options.history ?? DEFAULT_HISTORY;
    this.#isReadOnly = options.isReadOnly === true;
    this.#emit = emit;
    this.#connection = new RedisConnection({
      url: this.location,
      address: parseRedisUrl(url, recordWords),
      transport,
      words: recordWords,
      name: "lovage-record",
      onClient: evictionWarning({ where: `the beat-record ${this.location}`, emit }),
    });
  }

  async load(): Promise<StoredState> {
    this.#assertOpen();
    const { record } = this.#keys;
    const read = await this.#connection.run((client) => scanStates(client, record), [record]);
    const unreadable = [...read].flatMap(([name, state]) => (state === null ? [name] : []));
    for (const name of unreadable) read.delete(name);
    if (unreadable.length > 0) this.#tellOfUnreadable(unreadable);
    return { id: this.#id, entries: read as ReadonlyMap<string, EntryState> };
  }

  /**
   * Up to a thousand entries are one step; more are several, in order. A step that fails or is not answered leaves those
   * before it in place: the same change, or one that holds it, may come again, and doubles nothing.
   *
   * @throws LovageError("stale-term") when somebody has written under a newer term
   */
  record(changes: Changes): Promise<void> {
    const written = this.#writing.then(() => this.#record(changes));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async history(entry: string, limit: number): Promise<readonly Run[]> {
    this.#assertOpen();
    if (limit <= 0) return [];
    const key = this.#keys.history + entry;
    const most = Math.min(limit, this.#history);
    const texts = await this.#connection.run((client) => client.lrange(key, 0, most - 1), [key]);
    return texts.flatMap((text) => readRun(entry, text) ?? []);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connection.close();
  }

  async #record(changes: Changes): Promise<void> {
    this.#assertOpen();
    if (this.#isReadOnly) {
      throw new LovageError("store", `the beat-record ${this.location} was opened for reading only`);
    }
    assertStorable(changes);
    const mayBeThere = this.#isInDoubt ? "1" : "0";
    this.#isInDoubt = true;
    const limits = [String(this.#history), String(MOST_RUNS), String(FORGOTTEN_HISTORY_MS), mayBeThere];
    const settings = [String(changes.term ?? 0), ...limits];
    for (const step of steps(changes, this.#history)) await this.#write([...settings, ...step]);
    this.#isInDoubt = false;
  }

  async #write(args: readonly string[]): Promise<void> {
    const { record, meta, history } = this.#keys;
    const keys = [record, meta, history];
    const answer = await this.#connection.run((client) => runScript(client, writeScript, keys, args), keys);
    if (answer !== 1) throw this.#staleTerm(String(args[0]), String(answer));
  }

  #staleTerm(term: string, newest: string): LovageError {
    const message = `the beat-record ${this.location} was written under term ${newest}; term ${term} is over`;
    return new LovageError("stale-term", message, {
      hint: `if no beat leads under ${newest}, a clock ran ahead: DEL ${this.#keys.meta}`,
    });
  }

  #tellOfUnreadable(names: readonly string[]): void {
    const what = names.length === 1 ? "the state of entry" : `${names.length} states, such as that of entry`;
    const reason = `${what} ${JSON.stringify(names[0])} in ${this.#keys.record} cannot be read and counts as lost; its mark holds`;
    this.#emit({ type: "failure", where: `the beat-record ${this.location}`, reason });
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new LovageError("store", `the beat-record ${this.location} is closed`);
  }
}

/** In pieces, so that a hundred thousand states do not hold up everybody else on the server. Null: cannot be read. */
async function scanStates(client: Redis, key: string): Promise<Map<string, EntryState | null>> {
  const states = new Map<string, EntryState | null>();
  let cursor = "0";
  do {
    const [next, found] = await client.hscan(key, cursor, "COUNT", 2000);
    for (let at = 0; at + 1 < found.length; at += 2) {
      const name = found[at] ?? "";
      states.set(name, readState(name, found[at + 1] ?? ""));
    }
    cursor = next;
  } while (cursor !== "0");
  return states;
}
