// What a consumer owes the others beside taking messages, each in its time: to say that it lives, to keep hold of what takes
// long, and to look after what others left.
import type { Clock } from "../../clock.ts";
import { registerScript } from "./consume-scripts.ts";
import type { ConsumerKeys } from "./consumer-keys.ts";
import type { ConsumerLink } from "./consumer-link.ts";
import { refresh, sweepDead, sweepOverdue } from "./sweep.ts";

const aliveMs = 60_000;
const sweepMs = 5000;

export interface UpkeepOptions {
  readonly id: string;
  readonly keys: ConsumerKeys;
  readonly visibilityTimeoutMs: number;
  readonly clock: Clock;
  /** Tags of what is in our hands. */
  readonly inHand: ReadonlySet<string>;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #refreshMs: number;
  /** As Redis has it; "" before the first registration. */
  #score = "";
  #renewAt = 0;
  #refreshAt = 0;
  #sweepAt = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#refreshMs = options.visibilityTimeoutMs / 4;
  }

  /** What Redis must still have for this consumer when it takes messages. */
  get score(): string {
    return this.#score;
  }

  /** How long the next may wait at most. */
  get patienceMs(): number {
    return this.#refreshMs;
  }

  /**
   * Registers anew. From then on, what an earlier connection may still have under way takes nothing.
   *
   * @returns whether the registration still stood: nobody has taken us for dead
   */
  async register(link: ConsumerLink): Promise<boolean> {
    const [stood, score] = (await this.#register(link, "")) as [number, string];
    this.#score = score;
    return stood === 1;
  }

  /**
   * Does what is due.
   *
   * @returns false when the registration is gone
   */
  async run(link: ConsumerLink): Promise<boolean> {
    const { clock, keys, inHand, id, visibilityTimeoutMs } = this.#options;
    if (clock.monotonic() >= this.#renewAt && !(await this.#renew(link))) return false;
    if (clock.monotonic() >= this.#refreshAt) {
      await refresh(link, keys, [...inHand]);
      this.#refreshAt = clock.monotonic() + this.#refreshMs;
    }
    if (clock.monotonic() >= this.#sweepAt) {
      await sweepDead(link, keys, id);
      await sweepOverdue(link, keys, visibilityTimeoutMs, inHand);
      this.#sweepAt = clock.monotonic() + sweepMs * (0.75 + Math.random() / 2);
    }
    return true;
  }

  async #renew(link: ConsumerLink): Promise<boolean> {
    await link.check();
    const renewed = (await this.#register(link, this.#score)) as [number, string] | null;
    if (renewed === null) return false;
    this.#score = renewed[1];
    this.#renewAt = this.#options.clock.monotonic() + aliveMs / 3;
    return true;
  }

  async #register(link: ConsumerLink, score: string): Promise<unknown> {
    const { keys, id } = this.#options;
    return link.call(registerScript, [keys.consumers], [id, String(aliveMs / 1000), score]);
  }
}
