// Fanout: what is published is written down for a minute, and whoever listens reads on from where it was.
import type { Clock } from "../../clock.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import type { Listener } from "../consumer.ts";
import type { Bell } from "./bell.ts";
import type { BrokerFile } from "./file.ts";
import { readMessage } from "./message.ts";

const keptMs = 60_000;
const cleanEveryMs = 10_000;
const mostAtOnce = 500;

interface Row {
  readonly id: number;
  readonly text: string;
}

export class Notices {
  readonly #file: BrokerFile;
  readonly #clock: Clock;
  #cleanedAt = Number.NEGATIVE_INFINITY;

  constructor(file: BrokerFile, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** To be called inside a transaction. */
  put(exchange: string, text: string): void {
    const now = this.#clock.now();
    this.#file.statement("INSERT INTO notice (exchange, text, published_at) VALUES (?, ?, ?)").run(exchange, text, now);
    if (Math.abs(now - this.#cleanedAt) < cleanEveryMs) return;
    this.#cleanedAt = now;
    // Nor what the clock, set back since, would keep for ever.
    this.#file
      .statement("DELETE FROM notice WHERE published_at < ? OR published_at > ?")
      .run(now - keptMs, now + keptMs);
  }

  /** A read: the number of the newest ever written. */
  last(): number {
    return Number(this.#file.statement("SELECT seq FROM sqlite_sequence WHERE name = 'notice'").pluck().get() ?? 0);
  }

  /** A read. */
  after(id: number, exchange: string): readonly Row[] {
    const select = "SELECT id, text FROM notice WHERE id > ? AND exchange = ? ORDER BY id LIMIT ?";
    return this.#file.statement(select).all(id, exchange, mostAtOnce) as Row[];
  }
}

export interface ListenOptions {
  readonly file: BrokerFile;
  readonly notices: Notices;
  readonly bell: Bell;
  readonly onMessage: (envelope: Envelope) => void;
  readonly onEnd: (listener: Listener) => void;
}

export function listen(exchange: string, { file, notices, bell, onMessage, onEnd }: ListenOptions): Listener {
  let seen = file.read(() => notices.last());
  let { generation } = file;
  let isOpen = true;

  const readOn = (): readonly Row[] =>
    file.read(() => {
      if (file.generation !== generation) seen = 0;
      ({ generation } = file);
      const last = notices.last();
      const rows = notices.after(seen, exchange);
      // Past those of other exchanges too, or they would be looked through every time.
      seen = rows.length === mostAtOnce ? seen : last;
      seen = Math.max(seen, rows.at(-1)?.id ?? 0);
      return rows;
    });
  const hear = (): void => {
    const rows = attempt(readOn);
    for (const { text } of rows) {
      const reading = readMessage(text);
      if (isOpen && "envelope" in reading) onMessage(reading.envelope);
    }
    if (rows.length === mostAtOnce) setImmediate(wake);
  };
  const wake = (): void => void (isOpen && hear());
  const stopHearing = bell.hear(() => setImmediate(wake));
  const listener: Listener = {
    close: async () => {
      isOpen = false;
      stopHearing();
      onEnd(listener);
    },
  };
  return listener;
}

/** While the file cannot be read there is nothing to hear, and every look at it rings again. */
function attempt(read: () => readonly Row[]): readonly Row[] {
  try {
    return read();
  } catch {
    return [];
  }
}
