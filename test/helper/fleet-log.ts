// The JSON log of a running beat, read as it grows.
import { closeSync, openSync, readSync } from "node:fs";

/** A line: its time by the clock of its process, its event, and the fields of the event with instants as ISO 8601. */
export interface LogEvent {
  readonly time: string;
  readonly event: string;
  readonly pid: number;
  readonly [field: string]: unknown;
}

const chunk = Buffer.alloc(1 << 20);

export class GrowingLog {
  readonly path: string;
  readonly #lines: LogEvent[] = [];
  #offset = 0;
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.path = path;
  }

  /** All lines that tell of an event, so far. */
  events(): readonly LogEvent[] {
    this.#read();
    return this.#lines;
  }

  of(event: string): readonly LogEvent[] {
    return this.events().filter((line) => line.event === event);
  }

  #read(): void {
    let file: number;
    try {
      file = openSync(this.path, "r");
    } catch {
      return;
    }
    try {
      for (let size = readSync(file, chunk, 0, chunk.length, this.#offset); size > 0; ) {
        this.#offset += size;
        this.#take(Buffer.concat([this.#rest, chunk.subarray(0, size)]));
        size = readSync(file, chunk, 0, chunk.length, this.#offset);
      }
    } finally {
      closeSync(file);
    }
  }

  #take(bytes: Buffer): void {
    const end = bytes.lastIndexOf(10) + 1;
    this.#rest = Buffer.from(bytes.subarray(end));
    for (const line of bytes.subarray(0, end).toString().split("\n")) {
      const parsed = parse(line);
      if (parsed?.event !== undefined) this.#lines.push(parsed);
    }
  }
}

/** A killed process may leave half a line. */
function parse(line: string): LogEvent | undefined {
  try {
    return JSON.parse(line) as LogEvent;
  } catch {
    return undefined;
  }
}
