// Which ping goes out next. Each host has a line of its own and few of the slots, so that one that hangs silences no other.

export interface Ping {
  readonly entry: string;
  /** Of one kind only the newest is worth telling. */
  readonly kind: string;
  readonly url: string;
}

interface Line {
  /** By entry, in the order of their turns; of each entry by kind, in the order of what happened. */
  readonly waiting: Map<string, Map<string, Ping>>;
  running: number;
  /** Its last answer did not come in time. */
  isHung: boolean;
}

const mostAtOnce = 10;
const mostOfHost = 2;
/** Of all hosts that hang together, each of which gets one. */
const mostHung = 5;

export class PingLines {
  /** By origin, the one that waits longest for its turn first. */
  readonly #lines = new Map<string, Line>();
  /** One at a time for each, so that a late failure never comes after the success that followed it. */
  readonly #busy = new Set<string>();

  /** In the place of an older one, which is not told any more; its entry keeps its turn. */
  add(ping: Ping): void {
    const { waiting } = this.#lineOf(ping);
    const ofEntry = waiting.get(ping.entry) ?? new Map<string, Ping>();
    ofEntry.delete(ping.kind);
    waiting.set(ping.entry, ofEntry.set(ping.kind, ping));
  }

  /** Takes a slot, until `done`; null when there is none for anybody who waits. */
  next(): Ping | null {
    if (this.isFull) return null;
    for (const [origin, line] of this.#lines) {
      const ping = this.#hasSlot(line) ? this.#take(line) : null;
      if (ping === null) continue;
      this.#lines.delete(origin);
      this.#lines.set(origin, line);
      return ping;
    }
    return null;
  }

  done(ping: Ping, isHung: boolean): void {
    const line = this.#lineOf(ping);
    line.running -= 1;
    line.isHung = isHung;
    this.#busy.delete(ping.entry);
    if (line.running === 0 && line.waiting.size === 0 && !isHung) this.#lines.delete(originOf(ping));
  }

  /** No slot is left: who tries again in his own keeps another waiting. */
  get isFull(): boolean {
    return this.#busy.size >= mostAtOnce;
  }

  clear(): void {
    for (const { waiting } of this.#lines.values()) waiting.clear();
  }

  #lineOf(ping: Ping): Line {
    const origin = originOf(ping);
    const line = this.#lines.get(origin) ?? { waiting: new Map(), running: 0, isHung: false };
    this.#lines.set(origin, line);
    return line;
  }

  #hasSlot({ waiting, running, isHung }: Line): boolean {
    if (waiting.size === 0) return false;
    return isHung ? running === 0 && this.#hungRunning() < mostHung : running < mostOfHost;
  }

  #hungRunning(): number {
    let running = 0;
    for (const line of this.#lines.values()) if (line.isHung) running += line.running;
    return running;
  }

  #take(line: Line): Ping | null {
    for (const [entry, kinds] of line.waiting) {
      const [ping] = kinds.values();
      if (ping === undefined || this.#busy.has(entry)) continue;
      kinds.delete(ping.kind);
      line.waiting.delete(entry);
      if (kinds.size > 0) line.waiting.set(entry, kinds);
      line.running += 1;
      this.#busy.add(entry);
      return ping;
    }
    return null;
  }
}

function originOf({ url }: Ping): string {
  return new URL(url).origin;
}
