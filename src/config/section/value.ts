// The kinds of value a setting can have. Nothing is coerced here: text from the environment or the command line is turned
// into these before it is checked.
import { z } from "zod";
import { didYouMean } from "../../error.ts";

export const text = z.string();
export const flag = z.boolean();
export const count = z.int().nonnegative();
export const seconds = z.number().nonnegative();
/** Celery's own spelling of such options depends on the library behind them, so only the shape is checked. */
export const options = z.record(z.string(), z.unknown());

export const optionalText = text.nullable().default(null);
export const optionalFlag = flag.nullable().default(null);
export const optionalCount = count.nullable().default(null);
export const optionalSeconds = seconds.nullable().default(null);

/** A list of words; one word alone may stand without its list, as in Celery. */
export const words = z.preprocess((value) => (typeof value === "string" ? [value] : value), z.array(text));

/** The one serializer that is spoken, by either of its names. */
export const jsonOnly = z.enum(["json", "application/json"], { error: 'expected "json": nothing else is written' });

/** Kinds of content that are read: JSON is always one of them. */
export const contents = words.refine((kinds) => kinds.some((kind) => kind === "json" || kind === "application/json"), {
  error: 'expected "json" among them: nothing else is read',
});

/** An IANA time zone. */
export const zone = text.superRefine((name, context) => {
  if (isZone(name)) return;
  const near = didYouMean(name, Intl.supportedValuesOf("timeZone"));
  const hint = near === null ? "write an IANA name such as Europe/Paris" : `did you mean ${near}?`;
  context.addIssue({ code: "custom", message: `${name} is not a known time zone`, params: { hint } });
});

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** How a message is kept by a broker that has the choice: 1 in memory, 2 on disk. */
export const deliveryMode = z.preprocess(
  (value) => (value === "transient" ? 1 : value === "persistent" ? 2 : value),
  z.literal([1, 2], { error: "expected 1 (transient) or 2 (persistent)" }),
);

export const exchangeType = z.enum(["direct", "topic", "fanout"]);

export const priority = z.int().min(0).max(255);

/** Celery writes the keys of such objects in snake case; both ways are the same key here. */
export function camelKeys(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [camelCase(key), item]));
}

/** `task_default_queue` to `taskDefaultQueue`; what has no underscore stays. */
export function camelCase(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
