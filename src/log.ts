// The log: a logger that speaks Celery's levels, as text for people or JSON for machines, and events turned into lines.
import { pino, type Level, type Logger } from "pino";
import { type Clock, systemClock } from "./clock.ts";
import { didYouMean, LovageError, messageOf } from "./error.ts";
import type { EventStream, LovageEvent } from "./event.ts";
import { Burst } from "./log-burst.ts";
import { fieldsOf, levelOf, linesOf } from "./log-line.ts";
import { textStream } from "./log-text.ts";

export type { Logger } from "pino";
export type LogFormat = "text" | "json";

/** Anything that takes lines; what it is given ends with a line break. */
export interface LogDestination {
  write(text: string): void;
}

export interface LoggerOptions {
  /** Celery's names in any case: `DEBUG`, `INFO` (the default), `WARNING`, `ERROR`, `CRITICAL`, `FATAL`. */
  readonly level?: string | undefined;
  /** Appended to. Without one, lines go to `destination`, else to stderr. */
  readonly file?: string | undefined;
  /** `text` by default: `[2026-11-21 10:00:00,000: INFO/beat] ...` in local time, coloured on a terminal. */
  readonly format?: LogFormat | undefined;
  /** Which program speaks; `beat` by default. */
  readonly name?: string | undefined;
  /** False: never coloured. Otherwise a terminal decides. */
  readonly color?: boolean | undefined;
  readonly destination?: LogDestination | undefined;
}

export interface LogEventsOptions {
  /** Of the logger: `json` has each event as one object, which holds what text says in further lines. */
  readonly format?: LogFormat | undefined;
  readonly clock?: Clock | undefined;
  /** Of one kind of event, so many lines are written per second, and the rest as one; `DEBUG` writes all. 20 by default. */
  readonly linesPerSecond?: number | undefined;
}

const LEVELS: Readonly<Record<string, Level>> = Object.freeze({
  DEBUG: "debug",
  INFO: "info",
  WARNING: "warn",
  WARN: "warn",
  ERROR: "error",
  CRITICAL: "fatal",
  FATAL: "fatal",
});

/**
 * A pino logger that writes synchronously: a line that was logged is written, however the process ends.
 *
 * @throws LovageError `usage` for an unknown level, `config` for a file that cannot be written
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const level = parseLevel(options.level ?? "INFO");
  const base = { name: options.name ?? "beat", pid: process.pid };
  const destination = openDestination(options);
  if (options.format !== "json") return pino({ level, base }, textStream(destination, isColoured(options)));
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino({ level, base, formatters, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

/** Celery's name for a level, as pino's. */
export function parseLevel(name: string): Level {
  const level = LEVELS[name.trim().toUpperCase()];
  if (level !== undefined) return level;
  const meant = didYouMean(name, Object.keys(LEVELS));
  throw new LovageError("usage", `there is no log level ${JSON.stringify(name)}`, {
    hint: `${meant === null ? "" : `did you mean ${meant}? `}choose from DEBUG, INFO, WARNING, ERROR, CRITICAL, FATAL`,
  });
}

/** Writes a line for every event from now on. Returns the function that ends it, after writing what was held back. */
export function logEvents(stream: EventStream, logger: Logger, options: LogEventsOptions = {}): () => void {
  const write = (event: LovageEvent): void => {
    // Most events are for a level that nobody has asked for.
    if (!logger.isLevelEnabled(levelOf(event))) return;
    const [first = "", ...rest] = linesOf(event);
    logger[levelOf(event)](fieldsOf(event), first);
    if (options.format === "json") return;
    for (const line of rest) logger[levelOf(event)](line);
  };
  const burst = new Burst({
    clock: options.clock ?? systemClock,
    most: options.linesPerSecond ?? 20,
    write: (level, fields, line) => logger[level](fields, line),
  });
  const unsubscribe = stream.subscribe((event) => {
    if (logger.isLevelEnabled("debug") || burst.admits(event)) write(event);
  });
  return () => {
    unsubscribe();
    burst.stop();
  };
}

function openDestination({ file, destination }: LoggerOptions): LogDestination {
  if (file === undefined) return destination ?? pino.destination({ dest: 2, sync: true });
  try {
    return pino.destination({ dest: file, append: true, sync: true });
  } catch (error) {
    throw new LovageError("config", `cannot write the log file ${file}: ${messageOf(error)}`, {
      hint: "check the folder and its permissions, or leave -f out to log to the terminal",
      cause: error,
    });
  }
}

function isColoured({ file, destination, color }: LoggerOptions): boolean {
  return (
    color !== false &&
    file === undefined &&
    destination === undefined &&
    process.stderr.isTTY &&
    process.stderr.hasColors()
  );
}
