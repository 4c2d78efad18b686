// Hears a fanout exchange over a connection that comes back by itself. What is published while it is away is missed.
import { backoff } from "../../backoff.ts";
import { untilRoundMs } from "../../clock.ts";
import { messageOf } from "../../error.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { decodeMessage } from "../../protocol/kombu.ts";
import { RedisConnection } from "../../redis/connection.ts";
import type { Listener } from "../consumer.ts";
import { Bell } from "./bell.ts";
import { type EndpointContext, retry } from "./endpoint.ts";

export interface ListenerContext extends EndpointContext {
  /** The channel of the exchange itself; those of its routing keys are below it. */
  readonly channel: string;
  readonly onMessage: (envelope: Envelope) => void;
}

/** Who only hears would not notice that nobody is there any more. */
const checkMs = 20_000;

export class RedisListener implements Listener {
  readonly #context: ListenerContext;
  readonly #bell: Bell;
  readonly #ended = new AbortController();
  #connection: RedisConnection | undefined;
  #isLost = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(context: ListenerContext) {
    this.#context = context;
    this.#bell = new Bell(context.clock);
  }

  /** Resolves when the exchange is heard; it is the first attempt that counts. */
  static async open(context: ListenerContext): Promise<RedisListener> {
    const listener = new RedisListener(context);
    await listener.#connect();
    listener.#running = listener.#run();
    return listener;
  }

  async close(): Promise<void> {
    this.#ended.abort();
    this.#bell.ring();
    await this.#connection?.close();
    await this.#running;
    this.#context.onClosed(this);
  }

  async #run(): Promise<void> {
    let attempt = 0;
    while (!this.#ended.signal.aborted) {
      try {
        if (this.#isLost) await this.#connect();
        else await this.#connection?.run((client) => client.ping());
        attempt = 0;
        await this.#bell.wait(untilRoundMs(this.#context.clock, checkMs));
      } catch (error) {
        if (this.#ended.signal.aborted) return;
        const retryInMs = backoff(attempt, retry);
        attempt += 1;
        const reason = `${messageOf(error)}; trying again in ${(retryInMs / 1000).toFixed(1)} s`;
        this.#context.connection.emit({ type: "failure", where: "listener", reason });
        await this.#context.clock.sleep(retryInMs, this.#ended.signal);
      }
    }
  }

  async #connect(): Promise<void> {
    await this.#connection?.close();
    const onLost = (): void => {
      this.#isLost = true;
      this.#bell.ring();
    };
    this.#connection = new RedisConnection({ ...this.#context.connection, protocol: 2, onLost });
    try {
      await this.#subscribe(this.#connection);
    } catch (error) {
      this.#isLost = true;
      await this.#connection.close();
      throw error;
    }
    this.#isLost = false;
  }

  async #subscribe(connection: RedisConnection): Promise<void> {
    const { channel } = this.#context;
    const keys = [channel, `${channel}/*`];
    await connection.run(async (client) => {
      client.on("message", (_channel: string, text: string) => this.#hear(text));
      client.on("pmessage", (_pattern: string, _channel: string, text: string) => this.#hear(text));
      await client.subscribe(channel);
      await client.psubscribe(`${channel.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)}/*`);
    }, keys);
  }

  #hear(text: string): void {
    if (this.#ended.signal.aborted) return;
    let envelope: Envelope;
    try {
      ({ envelope } = decodeMessage(text));
    } catch (error) {
      const reason = `a message of ${Buffer.byteLength(text)} bytes on ${this.#context.channel} cannot be read`;
      this.#context.connection.emit({ type: "failure", where: "listener", reason: `${reason}: ${messageOf(error)}` });
      return;
    }
    this.#context.onMessage(envelope);
  }
}
