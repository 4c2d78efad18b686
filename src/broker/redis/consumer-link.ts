// The two connections of a consumer, which live and die together: one asks; the other hears when it is worth asking again.
// Redis tracks what the first has read and tells the second when somebody changes it, so nobody has to poll.
import type { Redis } from "ioredis";
import { messageOf } from "../../error.ts";
import { type ConnectionOptions, RedisConnection } from "../../redis/connection.ts";
import { runScript, type Script } from "../../redis/script.ts";

export interface LinkOptions {
  readonly connection: ConnectionOptions;
  /** A list that was read has changed. */
  readonly onChange: () => void;
  readonly onLost: () => void;
}

const changes = "__redis__:invalidate";

export class ConsumerLink {
  readonly #asking: RedisConnection;
  readonly #hearing: RedisConnection;
  #isLost = false;
  #isHearing = false;

  /** Why Redis does not tell of changes, so that somebody has to look; undefined when it does. */
  refusal: string | undefined;

  private constructor({ connection, onLost }: LinkOptions) {
    const lost = (): void => {
      if (this.#isLost) return;
      this.#isLost = true;
      onLost();
    };
    const lostHearing = (): void => {
      if (this.#isHearing) lost();
    };
    this.#asking = new RedisConnection({ ...connection, onLost: lost });
    this.#hearing = new RedisConnection({ ...connection, protocol: 2, onLost: lostHearing });
  }

  /** @throws LovageError when Redis cannot be reached */
  static async open(options: LinkOptions): Promise<ConsumerLink> {
    const link = new ConsumerLink(options);
    try {
      await link.run((client) => client.ping());
      await link.#track(options.onChange);
      return link;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  async run<T>(use: (client: Redis) => Promise<T>, keys: readonly string[] = []): Promise<T> {
    return this.#asking.run(use, keys);
  }

  async call(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.run((client) => runScript(client, script, keys, args), keys);
  }

  /** A connection that only hears would not notice that nobody is there any more. */
  async check(): Promise<void> {
    if (this.#isHearing) await this.#hearing.run((client) => client.ping());
  }

  async close(): Promise<void> {
    this.#isLost = true;
    await Promise.all([this.#asking.close(), this.#hearing.close()]);
  }

  async #track(onChange: () => void): Promise<void> {
    try {
      const id = await this.#hearing.run(async (client) => {
        client.on("messageBuffer", onChange);
        const id = await client.client("ID");
        await client.subscribe(changes);
        return id;
      });
      // Our own pops are no news to us.
      await this.run((client) => client.client("TRACKING", "ON", "REDIRECT", id, "NOLOOP"));
      this.#isHearing = true;
    } catch (error) {
      if (this.#isLost) throw error;
      this.refusal = messageOf(error);
      await this.#hearing.close();
    }
  }
}
