// Log lines for people, in the shape that Celery's have: [2026-11-21 10:00:00,000: INFO/beat] text
import { styleText } from "node:util";

interface LogRecord {
  readonly level: number;
  readonly time: number;
  readonly name?: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
}

interface TextStream {
  write(json: string): void;
}

type Style = Parameters<typeof styleText>[0];

/** By pino's numbers; names as Celery has them. */
const LEVELS: readonly (readonly [atLeast: number, name: string, style: Style | null])[] = [
  [60, "CRITICAL", ["bold", "red"]],
  [50, "ERROR", "red"],
  [40, "WARNING", "yellow"],
  [30, "INFO", null],
  [0, "DEBUG", "gray"],
];

/** Takes pino's JSON lines and hands on text, one line for each. */
export function textStream(destination: TextStream, coloured: boolean): TextStream {
  return {
    write: (json) => {
      const record = JSON.parse(json) as LogRecord;
      const [, level, style] = LEVELS.find(([atLeast]) => record.level >= atLeast) ?? [0, "DEBUG", null];
      const line = `[${localTime(record.time)}: ${level}/${record.name ?? ""}] ${oneLine(textOf(record))}`;
      destination.write(`${coloured && style !== null ? styleText(style, line, { validateStream: false }) : line}\n`);
    },
  };
}

/** `2026-11-21 10:00:00,000` in the zone of the machine, as Python's logging writes it. */
function localTime(at: number): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time},${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function textOf({ msg = "", err }: LogRecord): string {
  const reason = err?.message ?? "";
  return reason === "" || msg.includes(reason) ? msg : `${msg}: ${reason}`;
}

/** A line break in a name or in a broker's message must not look like a line of ours, nor move the terminal's cursor. */
export function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) =>
    JSON.stringify(character).slice(1, -1),
  );
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
