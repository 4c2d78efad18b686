// Options as people write them to options as they are sent: spans in seconds, instants in UTC, signatures whole.
import { LovageError } from "../error.ts";
import { parseDuration } from "./duration.ts";
import type { EntryOptions } from "./entry.ts";
import type { Attempt } from "./parse-attempt.ts";
import type { OptionsData, SignatureData } from "./schema-options.ts";
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

type Reading = (value: never, timezone: string) => unknown;

/** Options that may be written in another way than they are sent. */
const readings: Partial<Record<keyof OptionsData, Reading>> = {
  expires: readExpires,
  countdown: readSeconds,
  eta: readInstantText,
  time_limit: readSeconds,
  soft_time_limit: readSeconds,
  link: readSignatures,
  link_error: readSignatures,
};

export function readOptions(data: OptionsData, timezone: string, attempt: Attempt): EntryOptions {
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(data) as [keyof OptionsData, never][]) {
    if (value === undefined) continue;
    const reading = readings[key];
    const name = key in camelCase ? camelCase[key as keyof typeof camelCase] : key;
    options[name] = reading === undefined ? value : attempt(["options", key], () => reading(value, timezone));
  }
  return options;
}

/** An instant in the entry's zone, unless it says its own, as ISO 8601 in UTC. */
function readInstantText(text: string, timezone: string): string {
  return new Date(instantOf(readTime(text, "eta"), zone(timezone))).toISOString();
}

function readSeconds(written: number | string): number {
  return parseDuration(written) / 1000;
}

function readExpires(written: number | string, timezone: string): number | string {
  if (written === "next") return written;
  if (typeof written === "string" && /^\d{4}-\d\d/.test(written)) return readInstantText(written, timezone);
  const seconds = readSeconds(written);
  if (seconds > 0) return seconds;
  throw new LovageError("schedule", "wants more than 0 seconds: the message would be dead when it is sent");
}

function readSignatures(written: SignatureData | readonly SignatureData[]): readonly unknown[] {
  return (Array.isArray(written) ? written : [written]).map(readSignature);
}

/** As Celery writes a signature into a message. */
function readSignature(written: SignatureData): Record<string, unknown> {
  const given = typeof written === "string" ? { task: written } : written;
  return { args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false, ...given };
}
