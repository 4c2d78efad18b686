// Wakes one who waits for something to do.

export class Bell {
  #ring: () => void = () => undefined;

  ring(): void {
    this.#ring();
  }

  /** Resolves at the next ring, or when `signal` is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#ring = () => {
        signal.removeEventListener("abort", this.#ring);
        this.#ring = () => undefined;
        resolve();
      };
      signal.addEventListener("abort", this.#ring, { once: true });
    });
  }
}
