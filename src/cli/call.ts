// `lovage call NAME`: sends one task from the command line, and may wait for what comes of it.
import { type Command, InvalidArgumentError, Option } from "commander";
import type { App } from "../app/app.ts";
import { didYouMean, LovageError } from "../error.ts";
import { RemoteError } from "../protocol/exception.ts";
import { readJson } from "../protocol/json-reader.ts";
import { writeJson } from "../protocol/json-writer.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import { openApp } from "./open.ts";
import { addCommonOptions, type CommonOptions, positiveSeconds } from "./options.ts";

export interface CallOptions extends CommonOptions {
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, unknown>>;
  /** ISO 8601. */
  readonly eta?: string;
  /** Seconds. */
  readonly countdown?: number;
  /** Seconds, or ISO 8601. */
  readonly expires?: number | string;
  readonly serializer?: string;
  readonly queue?: string;
  readonly exchange?: string;
  readonly routingKey?: string;
  readonly priority?: number;
  /** Print the result, too. */
  readonly wait?: boolean;
  /** Seconds to wait for it. */
  readonly timeout?: number;
}

export function addCallOptions(command: Command): Command {
  return addCommonOptions(command)
    .argument("<name>", "the task: proj.add")
    .option("-a, --args <json>", "the arguments: '[2, 2]'", jsonList)
    .option("-k, --kwargs <json>", "the keyword arguments: '{\"x\": 2}'", jsonObject)
    .option("--eta <time>", "not before this time: ISO 8601; without an offset, in the worker's time zone")
    .option("--countdown <seconds>", "not before so many seconds have passed", positiveSeconds)
    .option("--expires <time>", "not after so many seconds, or this time", secondsOrTime)
    .option("--serializer <name>", "json")
    .option("--queue <name>", "the queue to send it to")
    .option("--exchange <name>", "the exchange to send it to")
    .option("--routing-key <key>", "the routing key to send it with")
    .option("--priority <number>", "0 to 255; on Redis 0 is served first", priority)
    .option("--headers <json>", "headers of your own for the message: an object", jsonObject)
    .option("--wait", "wait for the result and print it")
    .addOption(new Option("--timeout <seconds>", "with --wait, for so long").argParser(positiveSeconds));
}

export async function callCommand(name: string, options: CallOptions): Promise<number> {
  const { app, file } = await openApp(options);
  try {
    if (file !== undefined) noteUnknown(app, name);
    if (options.wait === true) await requireBackend(app);
    const { args = [], kwargs = {} } = options;
    const result = await app.sendTask(name, args, kwargs, taskOptions(options));
    process.stdout.write(`${result.id}\n`);
    if (options.wait !== true) return 0;
    const value = await result.get({ timeout: options.timeout ?? null });
    process.stdout.write(`${typeof value === "string" ? value : writeJson(value)}\n`);
    return 0;
  } catch (error) {
    // A task that failed is no failure of this command's making: its error is the answer.
    if (!(error instanceof RemoteError)) throw error;
    process.stderr.write(`lovage call: the task failed: ${error.name}: ${error.message}\n`);
    return 1;
  } finally {
    await app.close();
  }
}

function taskOptions(options: CallOptions): TaskOptions {
  const { eta, countdown, expires, serializer, queue, exchange, routingKey, priority: urgency, headers } = options;
  const given = { eta, countdown, expires, serializer, queue, exchange, routingKey, priority: urgency, headers };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** It is sent all the same: it may be a task of another project. */
function noteUnknown(app: App, name: string): void {
  if (app.tasks.has(name)) return;
  const near = didYouMean(name, app.tasks.keys());
  const guess = near === null ? "" : ` (did you mean ${near}?)`;
  process.stderr.write(`lovage call: ${app.name} has no task ${name}; sending it for somebody else to run${guess}\n`);
}

async function requireBackend(app: App): Promise<void> {
  if ((await app.backend()) !== null) return;
  const hint = "leave --wait out, or name a backend with --result-backend";
  throw new LovageError("result", "--wait: no result backend is configured, so results are not kept", { hint });
}

function jsonList(text: string): readonly unknown[] {
  const value = parse(text);
  if (!Array.isArray(value)) throw new InvalidArgumentError("It takes a JSON list: '[2, 2]' or '[\"a\"]'.");
  return value as readonly unknown[];
}

function jsonObject(text: string): Readonly<Record<string, unknown>> {
  const value = parse(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new InvalidArgumentError("It takes a JSON object: '{\"x\": 2}'.");
}

/** Undefined for what is no JSON. */
function parse(text: string): unknown {
  try {
    return readJson(text);
  } catch {
    return undefined;
  }
}

function secondsOrTime(text: string): number | string {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function priority(text: string): number {
  const number = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= 255)) throw new InvalidArgumentError("It takes a whole number from 0 to 255.");
  return number;
}
