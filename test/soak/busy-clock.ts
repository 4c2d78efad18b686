// A clock that moves when told, and waits meanwhile for what takes real time: a server's answer, a disk.
import { ManualClock } from "../helper/manual-clock.ts";

const quietTurns = 3;

export class BusyClock extends ManualClock {
  #underWay = 0;

  /** The same object, with the calls of its methods that return promises being waited for; `parts` replace its own. */
  watch<Target extends object>(target: Target, parts: Partial<Target> = {}): Target {
    return new Proxy(target, {
      get: (from, key) => {
        if (key in parts) return Reflect.get(parts, key);
        const value: unknown = Reflect.get(from, key, from);
        if (typeof value !== "function") return value;
        return (...values: unknown[]) => this.#waitFor(value.apply(from, values));
      },
    });
  }

  /** Fewer turns than a test needs that states its times: a day has many, and what is under way is known here. */
  override async settle(): Promise<void> {
    for (let quiet = 0; quiet < quietTurns; quiet = this.#underWay > 0 ? 0 : quiet + 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #waitFor(result: unknown): unknown {
    if (!(result instanceof Promise)) return result;
    this.#underWay += 1;
    const done = (): void => {
      this.#underWay -= 1;
    };
    result.then(done, done);
    return result;
  }
}
