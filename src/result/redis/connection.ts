// One connection to Redis, opened when it is needed: a command is answered, or its caller learns at once that it was not.
import { once } from "node:events";
import { Redis, type RedisOptions } from "ioredis";
import { LovageError } from "../../error.ts";
import { cannotReach, commandFailure, isReply } from "./failure.ts";
import type { RedisResultOptions } from "./options.ts";
import type { RedisPlace } from "./url.ts";

export interface ConnectionOptions {
  /** For people. */
  readonly url: string;
  readonly place: RedisPlace;
  readonly options: RedisResultOptions;
  /** Called when an open connection is lost. */
  readonly onLost?: () => void;
  /** A connection that only listens is silent for as long as it likes. */
  readonly listensOnly?: boolean;
}

export class ResultConnection {
  readonly url: string;
  readonly client: Redis;
  readonly #options: ConnectionOptions;
  #opening: Promise<void> | undefined;
  #problem: Error | undefined;
  /** We hung up; ioredis must not open the next connection before the last one is gone. */
  #leaving = false;
  #connected = false;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.url = options.url;
    this.#options = options;
    this.client = createClient(options);
    this.client.on("error", (error: Error) => {
      this.#problem = error;
    });
    this.client.on("connect", () => {
      this.#problem = undefined;
    });
    this.client.on("ready", () => this.#onReady());
    this.client.on("close", () => this.#onClose());
    this.client.on("end", () => {
      this.#leaving = false;
    });
  }

  /** Runs commands on the open connection; what goes wrong becomes a LovageError("result") that says what to do. */
  async run<T>(use: (client: Redis) => Promise<T>): Promise<T> {
    await this.open();
    try {
      return await use(this.client);
    } catch (error) {
      // A master that was demoted stays connected: only a new connection finds the new one.
      if (isReply(error) && error.message.startsWith("READONLY")) this.#leave();
      throw commandFailure(this.url, error);
    }
  }

  async open(): Promise<void> {
    if (this.#closed) throw new LovageError("result", `the result backend ${this.url} is closed`);
    if (this.isOpen) return;
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    const { timeoutMs, connectTimeoutMs } = this.#options.options;
    try {
      await withDeadline(this.#opening, connectTimeoutMs + timeoutMs);
    } catch (error) {
      throw cannotReach(this.url, this.#problem ?? error);
    }
    if (!this.isOpen) throw cannotReach(this.url, this.#problem);
  }

  /** Not the client's own status alone: it is ready before we have looked at what the handshake brought. */
  get isOpen(): boolean {
    return this.#connected && this.client.status === "ready";
  }

  /** Waits for the answers to what was sent. Safe twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.isOpen) await this.client.quit().catch(() => undefined);
    this.client.disconnect();
  }

  async #connect(): Promise<void> {
    if (this.#leaving) await once(this.client, "end");
    this.#problem = undefined;
    await this.client.connect();
  }

  #onReady(): void {
    // ioredis goes on when SELECT fails, in database 0: what is meant for another must not go there.
    if (this.#problem === undefined) this.#connected = true;
    else this.#leave();
  }

  #leave(): void {
    this.#leaving = true;
    this.client.disconnect();
  }

  #onClose(): void {
    if (!this.#connected) return;
    this.#connected = false;
    if (!this.#closed) this.#options.onLost?.();
  }
}

function createClient({ place, options, listensOnly }: ConnectionOptions): Redis {
  const { sentinels, ...direct } = place;
  const { sentinelUsername, sentinelPassword, tls } = options;
  const common = {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: options.connectTimeoutMs,
    ...(listensOnly === true ? {} : { socketTimeout: options.timeoutMs }),
    ...(options.keepAlive ? { keepAlive: 30_000 } : {}),
    maxLoadingRetryTime: 500,
    connectionName: "lovage-results",
    ...(tls === undefined ? {} : { tls }),
  } satisfies RedisOptions;
  if (sentinels === undefined) return new Redis({ ...common, ...direct } satisfies RedisOptions);
  return new Redis({
    ...common,
    ...direct,
    sentinels: [...sentinels],
    name: options.masterName,
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
