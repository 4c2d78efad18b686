// Options as people write them to options as they are sent: spans in seconds, instants in UTC, signatures whole.
import { LovageError } from "../error.ts";
import { parseDuration } from "./duration.ts";
import type { EntryOptions } from "./entry.ts";
import type { Attempt } from "./parse-attempt.ts";
import type { Path } from "./schema-issues.ts";
import type { OptionsData, SignatureData, SignatureWords } from "./schema-options.ts";
import { zone } from "./zone.ts";
import { instantOf, readTime } from "./zone-time.ts";

const camelCase = {
  routing_key: "routingKey",
  time_limit: "timeLimit",
  soft_time_limit: "softTimeLimit",
  ignore_result: "ignoreResult",
  delivery_mode: "deliveryMode",
  reply_to: "replyTo",
  link_error: "linkError",
} as const satisfies Partial<Record<keyof OptionsData, keyof EntryOptions>>;

interface OptionsContext {
  readonly timezone: string;
  readonly attempt: Attempt;
  /** Where the value stands. */
  readonly path: Path;
}

type Reading = (value: never, context: OptionsContext) => unknown;

/** Options that may be written in another way than they are sent. */
const readings: Readonly<Record<string, Reading>> = {
  expires: readExpires,
  countdown: readSeconds,
  eta: readInstantText,
  time_limit: readSeconds,
  soft_time_limit: readSeconds,
  link: readSignatures,
  link_error: readSignatures,
};

export function readOptions(data: OptionsData, timezone: string, attempt: Attempt): EntryOptions {
  const options = readValues(data, { timezone, attempt, path: ["options"] });
  const named = Object.entries(options).map(([key, value]) => [
    key in camelCase ? camelCase[key as keyof typeof camelCase] : key,
    value,
  ]);
  return Object.fromEntries(named) as EntryOptions;
}

/** The same under the same names. */
function readValues(data: Readonly<Record<string, unknown>>, context: OptionsContext): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(data)) {
    if (value === undefined) continue;
    const reading = Object.hasOwn(readings, key) ? readings[key] : undefined;
    const path = [...context.path, key];
    options[key] =
      reading === undefined ? value : context.attempt(path, () => reading(value as never, { ...context, path }));
  }
  return options;
}

/** An instant in the entry's zone, unless it says its own, as ISO 8601 in UTC. */
function readInstantText(text: string, { timezone }: OptionsContext): string {
  return new Date(instantOf(readTime(text, "eta"), zone(timezone))).toISOString();
}

function readSeconds(written: number | string): number {
  return parseDuration(written) / 1000;
}

function readExpires(written: number | string, context: OptionsContext): number | string {
  if (written === "next") return readNext(context);
  if (typeof written === "string" && /^\d{4}-\d\d/.test(written)) return readInstantText(written, context);
  const seconds = readSeconds(written);
  if (seconds > 0) return seconds;
  throw new LovageError("schedule", "wants more than 0 seconds: the message would be dead when it is sent");
}

function readNext({ path }: OptionsContext): string {
  if (path.length === 2) return "next";
  throw new LovageError("schedule", "next is for the entry's own message: nobody knows when a signature is called", {
    hint: "write seconds or a span such as 10m",
  });
}

function readSignatures(
  written: SignatureData | readonly SignatureData[],
  context: OptionsContext,
): readonly unknown[] {
  if (!Array.isArray(written)) return [readSignature(written as SignatureData, context)];
  return written.map((one: SignatureData, index) => readSignature(one, { ...context, path: [...context.path, index] }));
}

/** As Celery writes a signature into a message; its options keep their snake case. */
function readSignature(written: SignatureData, context: OptionsContext): Record<string, unknown> {
  const given: SignatureWords = typeof written === "string" ? { task: written } : written;
  const { task, args = [], kwargs = {}, subtask_type = null, immutable = false } = given;
  const path = [...context.path, "options"];
  const options = readValues(given.options ?? {}, { ...context, path });
  if (options["countdown"] !== undefined && options["eta"] !== undefined) {
    context.attempt([...path, "eta"], () => {
      throw new LovageError("schedule", "says the same thing as countdown", { hint: "keep one" });
    });
  }
  return { task, args, kwargs, options, subtask_type, immutable };
}
