// The logical clock that Celery's nodes keep: it orders events of several machines whose wall clocks disagree.

export class LamportClock {
  #value: number;

  constructor(value = 0) {
    this.#value = value;
  }

  get value(): number {
    return this.#value;
  }

  /** For something that happens here; returns its time. */
  forward(): number {
    this.#value += 1;
    return this.#value;
  }

  /** Somebody else's time has come in: ours is now later than both. */
  adjust(other: unknown): number {
    const seen = typeof other === "number" && Number.isSafeInteger(other) ? other : 0;
    this.#value = Math.max(this.#value, seen) + 1;
    return this.#value;
  }
}
