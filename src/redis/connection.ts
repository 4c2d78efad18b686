// One connection that never resends by itself and never queues: a command is answered, or its caller learns at once that
// it was not. It is opened when it is needed, so whoever tries again also reconnects, at his own pace.
import { once } from "node:events";
import { Redis, type RedisOptions } from "ioredis";
import type { RedisAddress } from "./address.ts";
import { cannotReach, closedConnection, commandFailure, isNoScript, isReply } from "./failure.ts";
import type { RedisLink } from "./options.ts";
import type { RedisWords } from "./words.ts";

export interface ConnectionOptions {
  /** For people. */
  readonly url: string;
  readonly address: RedisAddress;
  readonly transport: RedisLink;
  readonly words: RedisWords;
  /** For people, in CLIENT LIST; `lovage` unless told otherwise. */
  readonly name?: string;
  /** 2 for a connection that only hears: what it hears then comes as messages. */
  readonly protocol?: 2 | 3;
  /** The connection stands. What this gives back is told why it is gone; not when we closed it. */
  readonly onOpen?: () => (reason: string) => void;
  /** Whenever a connection stands: may ask the server something of its own, and must not throw. */
  readonly onClient?: (client: Redis) => void;
  /** The connection that stood is gone; not when we closed it. */
  readonly onLost?: () => void;
  /** What comes on the channels that were subscribed to. */
  readonly onMessage?: (channel: string, text: string) => void;
}

export class RedisConnection {
  readonly url: string;
  /** What was declared or loaded on the present connection; a new one starts over, since Redis may have forgotten it. */
  readonly declared = new Set<string>();
  readonly #options: ConnectionOptions;
  readonly #client: Redis;
  #opening: Promise<void> | undefined;
  #problem: Error | undefined;
  /** We hung up; ioredis must not open the next connection before the last one is gone. */
  #leaving = false;
  #connected = false;
  #closed = false;
  #tellLoss: ((reason: string) => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.url = options.url;
    this.#options = options;
    this.#client = createClient(options);
    this.#client.on("error", (error: Error) => {
      this.#problem = error;
    });
    this.#client.on("connect", () => {
      this.#problem = undefined;
    });
    this.#client.on("ready", () => this.#onReady());
    this.#client.on("close", () => this.#onClose());
    this.#client.on("end", () => {
      this.#leaving = false;
    });
    if (options.onMessage !== undefined) this.#client.on("message", options.onMessage);
  }

  /**
   * Runs commands on the open connection. What ioredis or Redis throws becomes a LovageError that says what to do, and
   * names the keys where Redis does not.
   */
  async run<T>(use: (client: Redis) => Promise<T>, keys: readonly string[] = []): Promise<T> {
    await this.#open();
    try {
      return await use(this.#client);
    } catch (error) {
      // A master that was demoted stays connected: only a new connection finds the new one.
      if (isReply(error) && error.message.startsWith("READONLY")) this.#leave();
      if (isNoScript(error)) this.declared.clear();
      throw commandFailure(this.#options.words, this.url, error, keys);
    }
  }

  /** Waits for the answers to what was sent. Safe twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#isOpen()) await this.#client.quit().catch(() => undefined);
    this.#client.disconnect();
  }

  async #open(): Promise<void> {
    const { words, transport } = this.#options;
    if (this.#closed) throw closedConnection(words, this.url);
    if (this.#isOpen()) return;
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    try {
      await withDeadline(this.#opening, transport.connectTimeoutMs + transport.timeoutMs);
    } catch (error) {
      throw cannotReach(words, this.url, this.#problem ?? error);
    }
    if (!this.#isOpen()) throw cannotReach(words, this.url, this.#problem);
  }

  /** Not the client's own status alone: it is ready before we have looked at what the handshake brought. */
  #isOpen(): boolean {
    return this.#connected && this.#client.status === "ready";
  }

  async #connect(): Promise<void> {
    if (this.#leaving) await once(this.#client, "end");
    this.#problem = undefined;
    await this.#client.connect();
  }

  #onReady(): void {
    if (this.#problem !== undefined) {
      // ioredis goes on when SELECT fails, in database 0: what is meant for another must not go there.
      this.#leave();
      return;
    }
    this.#connected = true;
    this.#tellLoss = this.#options.onOpen?.();
    this.#options.onClient?.(this.#client);
  }

  #leave(): void {
    this.#leaving = true;
    this.#client.disconnect();
  }

  #onClose(): void {
    this.declared.clear();
    if (!this.#connected) return;
    this.#connected = false;
    if (this.#closed) return;
    this.#tellLoss?.(this.#problem?.message ?? "the connection was lost");
    this.#options.onLost?.();
  }
}

function createClient({ address, transport, name, protocol }: ConnectionOptions): Redis {
  const { sentinels, ...direct } = address;
  const { sentinelUsername, sentinelPassword, tls, keepAliveMs } = transport;
  const shared = {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: transport.connectTimeoutMs,
    socketTimeout: transport.timeoutMs,
    maxLoadingRetryTime: 500,
    connectionName: name ?? "lovage",
    protocol: protocol ?? 3,
    ...(keepAliveMs === undefined ? {} : { keepAlive: keepAliveMs }),
    ...(tls === undefined ? {} : { tls }),
    ...direct,
  } satisfies RedisOptions;
  if (sentinels === undefined) return new Redis(shared);
  return new Redis({
    ...shared,
    sentinels: [...sentinels],
    name: transport.masterName,
    sentinelRetryStrategy: () => null,
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
  } satisfies RedisOptions);
}

async function withDeadline(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })), ms);
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
