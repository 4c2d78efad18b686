// The one connection that listens for results: it holds the channels that are wanted, and opens again when it is lost.
import { setImmediate } from "node:timers/promises";
import { backoff } from "../../backoff.ts";
import type { Clock } from "../../clock.ts";
import { type ConnectionOptions, ResultConnection } from "./connection.ts";

export interface ListenerOptions extends Omit<ConnectionOptions, "onLost"> {
  readonly clock: Clock;
  readonly onMessage: (channel: string, text: string) => void;
  /** Called when channels are listened to from now on: what came before must be looked up. Tried again if it fails. */
  readonly onListening: (channels: readonly string[]) => Promise<void>;
}

const retries = { firstMs: 50, mostMs: 5000 };

export class ResultListener {
  readonly #options: ListenerOptions;
  readonly #connection: ResultConnection;
  readonly #wanted = new Set<string>();
  readonly #held = new Set<string>();
  /** Held, and what came before not looked up yet. */
  readonly #unseen = new Set<string>();
  readonly #ending = new AbortController();
  #working: Promise<void> | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#connection = new ResultConnection({ ...options, onLost: () => this.#onLost() });
  }

  want(channel: string): void {
    this.#wanted.add(channel);
    this.#start();
  }

  drop(channel: string): void {
    this.#wanted.delete(channel);
    this.#unseen.delete(channel);
    this.#start();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#connection.close();
    await this.#working;
  }

  #onLost(): void {
    this.#held.clear();
    if (this.#wanted.size > 0) this.#start();
  }

  #start(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      if (this.#isBehind()) this.#start();
    });
  }

  async #work(): Promise<void> {
    for (let attempt = 0; this.#isBehind(); attempt += 1) {
      // Whatever is asked for in one turn of the loop goes in one command.
      await setImmediate();
      try {
        await this.#catchUp();
        attempt = 0;
      } catch {
        await this.#options.clock.sleep(backoff(attempt, retries), this.#ending.signal);
      }
    }
  }

  #isBehind(): boolean {
    if (this.#ending.signal.aborted) return false;
    return this.#missing().length + this.#surplus().length + this.#unseen.size > 0;
  }

  async #catchUp(): Promise<void> {
    const missing = this.#missing();
    if (missing.length > 0) await this.#subscribe(missing);
    const surplus = this.#surplus();
    if (surplus.length > 0) await this.#unsubscribe(surplus);
    const unseen = [...this.#unseen];
    if (unseen.length > 0) await this.#options.onListening(unseen);
    for (const channel of unseen) this.#unseen.delete(channel);
  }

  async #subscribe(channels: readonly string[]): Promise<void> {
    await this.#connection.run((client) => client.subscribe(...channels));
    for (const channel of channels) {
      this.#held.add(channel);
      if (this.#wanted.has(channel)) this.#unseen.add(channel);
    }
  }

  async #unsubscribe(channels: readonly string[]): Promise<void> {
    await this.#connection.run((client) => client.unsubscribe(...channels));
    for (const channel of channels) this.#held.delete(channel);
  }

  #missing(): readonly string[] {
    return [...this.#wanted].filter((channel) => !this.#held.has(channel));
  }

  #surplus(): readonly string[] {
    return [...this.#held].filter((channel) => !this.#wanted.has(channel));
  }
}
