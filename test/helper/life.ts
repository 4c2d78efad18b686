// The process a beat is in, so that it can be killed or stopped between any two things it does outside of itself.
import type { Clock } from "../../src/clock.ts";

type Method = (...parameters: unknown[]) => unknown;

export class Life {
  #stepsLeft = Number.POSITIVE_INFINITY;
  #isOver = false;
  #gate: Promise<void> | null = null;
  #open: () => void = () => undefined;

  get isOver(): boolean {
    return this.#isOver;
  }

  /** As SIGKILL: nothing of it goes on. */
  kill(): void {
    this.#isOver = true;
    this.#gate = new Promise(() => undefined);
  }

  /** Kills it after so many steps more: each call that leaves the process is one, and each answer that comes in. */
  killIn(steps: number): void {
    this.#stepsLeft = steps;
  }

  /** As SIGSTOP. */
  freeze(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  /** As SIGCONT. */
  thaw(): void {
    if (this.#isOver) return;
    this.#gate = null;
    this.#open();
  }

  /** The same broker or store, as far as this process can reach it. */
  around<Target extends object>(target: Target): Target {
    return new Proxy(target, {
      get: (_target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value === "function") return this.#living(value.bind(target) as Method);
        return typeof value === "object" && value !== null ? this.around(value) : value;
      },
    });
  }

  /** Time goes on without it; it looks at the clock when it wakes. */
  clock(clock: Clock): Clock {
    const sleep: Clock["sleep"] = async (ms, signal) => {
      await clock.sleep(ms, signal);
      await this.#pass();
    };
    return { now: clock.now, monotonic: clock.monotonic, sleep };
  }

  #living(method: Method): Method {
    return async (...parameters) => {
      await this.#step();
      const answer = Promise.resolve(method(...parameters));
      await answer.catch(() => undefined);
      await this.#step();
      return answer;
    };
  }

  async #step(): Promise<void> {
    this.#stepsLeft -= 1;
    if (this.#stepsLeft < 0) this.kill();
    await this.#pass();
  }

  async #pass(): Promise<void> {
    while (this.#gate !== null) await this.#gate;
  }
}
