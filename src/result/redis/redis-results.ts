// Results on Redis as Celery keeps them: a text for each task that expires by itself, published on a channel of its name.
import type { Clock } from "../../clock.ts";
import { readResult, writeResult } from "../../protocol/result-json.ts";
import { isReady, type ResultMeta, type ResultRecord } from "../../protocol/result-meta.ts";
import { maskUrl } from "../../redis/url.ts";
import type { OpenResultOptions } from "../open.ts";
import type { ResultBackend, WaitOptions } from "../result.ts";
import { Waiting } from "../waiting.ts";
import { RedisChords } from "./chord.ts";
import { readPlace, ResultConnection } from "./connection.ts";
import { ResultListener } from "./listener.ts";
import { readOptions } from "./options.ts";
import { putTexts } from "./put-script.ts";

const mostKeys = 500;
/** A script holds up all of Redis: beyond this many characters the rest of a batch goes in another. */
const mostText = 4_000_000;
/** Channels tell at once; this is for the day when one of them did not. */
const lookEveryMs = 5000;

export class RedisResults implements ResultBackend {
  readonly url: string;
  readonly expiresByItself = true;
  readonly chords: RedisChords;
  readonly #connection: ResultConnection;
  readonly #listener: ResultListener;
  readonly #prefix: string;
  readonly #expiresMs: number | null;
  readonly #clock: Clock;
  readonly #waiting: Waiting;
  #closed = false;
  /** Aborted when nobody waits any more. */
  #looking: AbortController | undefined;

  constructor(url: string, { expiresMs, clock, transportOptions }: Required<OpenResultOptions>) {
    const options = readOptions(transportOptions);
    const connect = { url: maskUrl(url), place: readPlace(url), options };
    this.url = connect.url;
    this.#expiresMs = expiresMs;
    this.#clock = clock;
    this.#prefix = `${options.prefix}celery-task-meta-`;
    this.#connection = new ResultConnection(connect);
    const run: ResultConnection["run"] = (use) => this.#connection.run(use);
    this.chords = new RedisChords({ run, prefix: options.prefix, expiresMs, transportOptions });
    this.#listener = new ResultListener({
      ...connect,
      clock,
      onMessage: (channel, text) => this.#tell(this.#idOf(channel), text),
      onListening: (channels) => this.#look(channels.map((channel) => this.#idOf(channel))),
    });
    this.#waiting = new Waiting({ onFirst: (id) => this.#listenTo(id), onLast: (id) => this.#leave(id) });
  }

  async put(records: readonly ResultRecord[]): Promise<void> {
    for (const texts of batches(records.map((record) => [this.#keyOf(record.taskId), writeResult(record)]))) {
      await this.#connection.run((client) => putTexts(client, texts, this.#expiresMs));
    }
  }

  async get(ids: readonly string[]): Promise<readonly (ResultMeta | null)[]> {
    const texts = await this.#read(ids);
    return texts.map((text) => (text === null ? null : readResult(text)));
  }

  async wait(id: string, options: WaitOptions = {}): Promise<ResultMeta | null> {
    // Says at once when the backend is out of reach; from then on it may come and go.
    const [meta] = await this.get([id]).catch((error: unknown) => this.#unlessClosed(error));
    if (this.#closed || options.signal?.aborted) return null;
    if (!meta || !isReady(meta.state)) return this.#waiting.add(id, options);
    options.onMeta?.(meta);
    return meta;
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const part of slices(ids)) {
      await this.#connection.run((client) => client.del(...part.map((id) => this.#keyOf(id))));
    }
  }

  /** Redis has done it. */
  async cleanup(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.end();
    await Promise.all([this.#connection.close(), this.#listener.close()]);
  }

  /** Whoever waits is let go, not told of an error, when it is closed under his hands. */
  #unlessClosed(error: unknown): readonly null[] {
    if (this.#closed) return [];
    throw error;
  }

  async #read(ids: readonly string[]): Promise<readonly (string | null)[]> {
    const texts: (string | null)[] = [];
    for (const part of slices(ids)) {
      const found = await this.#connection.run((client) => client.mget(...part.map((id) => this.#keyOf(id))));
      texts.push(...found);
    }
    return texts;
  }

  async #look(ids: readonly string[]): Promise<void> {
    for (const [index, text] of (await this.#read(ids)).entries()) {
      if (text !== null) this.#tell(ids[index] ?? "", text);
    }
  }

  #tell(id: string, text: string): void {
    try {
      this.#waiting.tell(id, readResult(text), text);
    } catch (error) {
      this.#waiting.fail(id, error);
    }
  }

  #listenTo(id: string): void {
    this.#listener.want(this.#keyOf(id));
    if (this.#looking !== undefined) return;
    this.#looking = new AbortController();
    void this.#lookAgain(this.#looking.signal);
  }

  #leave(id: string): void {
    this.#listener.drop(this.#keyOf(id));
    if (!this.#waiting.isEmpty) return;
    this.#looking?.abort();
    this.#looking = undefined;
  }

  async #lookAgain(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(lookEveryMs, signal);
      if (signal.aborted) return;
      // The listener is at work on whatever is wrong.
      await this.#look(this.#waiting.ids).catch(() => undefined);
    }
  }

  #keyOf(id: string): string {
    return this.#prefix + id;
  }

  #idOf(key: string): string {
    return key.slice(this.#prefix.length);
  }
}

/** In order, and never one key twice in a batch: the later record of two must find the earlier one kept. */
function* batches(entries: readonly (readonly [key: string, text: string])[]): Generator<ReadonlyMap<string, string>> {
  let batch = new Map<string, string>();
  let length = 0;
  for (const [key, text] of entries) {
    if (batch.size > 0 && (batch.has(key) || batch.size >= mostKeys || length + text.length > mostText)) {
      yield batch;
      batch = new Map();
      length = 0;
    }
    batch.set(key, text);
    length += text.length;
  }
  if (batch.size > 0) yield batch;
}

function* slices(ids: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < ids.length; start += mostKeys) yield ids.slice(start, start + mostKeys);
}
