// Periodic tasks from code, `app.conf.beatSchedule` and `app.addPeriodicTask` alike, made into entries.
import type { SnakeCase } from "../config/settings.ts";
import { camelCase } from "../config/section/value.ts";
import { ConfigError, LovageError, type Problem } from "../error.ts";
import { Signature } from "../protocol/signature.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import type { Entry, EntryOptions } from "../schedule/entry.ts";
import { createEntry, type EntryDefinition } from "../schedule/parse.ts";
import type { Schedule } from "../schedule/schedule.ts";

/** A task by name, or the task itself. */
export type TaskReference = string | { readonly name: string };

type Definition = Omit<EntryDefinition, "name" | "task">;

/** An entry of `beatSchedule`: the words of a schedule file, in camel or snake case. */
export type PeriodicTask = Partial<{ readonly [Key in keyof Definition as SnakeCase<Key>]: Definition[Key] }> &
  Definition & { readonly task: TaskReference };

/** When: seconds, a span (`1h30m`), a crontab text, an object as in a schedule file, or what `crontab`, `solar` give. */
export type ScheduleInput = number | string | Schedule | object;

/** Options of `addPeriodicTask`: a name, limits of the entry, and options of its calls. */
export type PeriodicOptions = Omit<Definition, "schedule" | "options"> &
  EntryOptions & {
    /** Without one, the name is the call as Python would write it: `proj.add(2, 2)`. */
    readonly name?: string | undefined;
  };

/** What was said, and where. */
export interface PlacedDefinition {
  readonly definition: EntryDefinition;
  /** For people: `proj.ts:12:5 (addPeriodicTask)`. */
  readonly source: string;
}

/** Every other option of `addPeriodicTask` is one of `applyAsync`. */
const entryKeys: ReadonlySet<string> = new Set([
  "relative",
  "timezone",
  "dst",
  "dayMatch",
  "startAt",
  "endAt",
  "maxRuns",
  "exclude",
  "enabled",
  "jitter",
  "missed",
  "missedWithin",
  "overlap",
  "overlapLimit",
  "ping",
  "description",
] satisfies (keyof PeriodicOptions)[]);

/** What `addPeriodicTask` means, completed as in Celery: its arguments come before those of the signature. */
export function periodicDefinition(
  schedule: ScheduleInput,
  sign: Signature | TaskReference,
  options: PeriodicOptions,
): EntryDefinition {
  const { name, args, kwargs, ...rest } = options;
  const signature = toSignature(sign).clone(args, kwargs);
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  const isLimit = ([key]: readonly [string, unknown]): boolean => entryKeys.has(camelCase(key));
  const limits = Object.fromEntries(given.filter(isLimit)) as Partial<EntryDefinition>;
  const calling = Object.fromEntries(given.filter((pair) => !isLimit(pair)));
  return {
    ...limits,
    name: name ?? signature.repr(),
    task: signature.task,
    schedule,
    args: signature.args,
    kwargs: signature.kwargs,
    options: { ...entryOptions(signature.options), ...calling },
  };
}

/** Another copy of the package has signatures of its own: they are known by their shape. */
function toSignature(sign: Signature | TaskReference): Signature {
  if (sign instanceof Signature) return sign;
  if (typeof sign === "string") return new Signature({ task: sign });
  if ("delay" in sign && "run" in sign) return new Signature({ task: sign.name });
  if ("toJSON" in sign && typeof sign.toJSON === "function") return Signature.fromJSON(sign.toJSON());
  throw new LovageError("config", "addPeriodicTask wants a signature or a task", {
    hint: 'write add.s(2, 2), or the task\'s name: "proj.add"',
  });
}

/** Each occurrence has an id of its own, and beat retries by a rule of its own. */
const beatsOwn: ReadonlySet<string> = new Set(["taskId", "retry", "retryPolicy"] satisfies (keyof TaskOptions)[]);

function entryOptions(options: TaskOptions): Record<string, unknown> {
  const kept = Object.fromEntries(Object.entries(options).filter(([name]) => !beatsOwn.has(name)));
  return typeof options.eta === "number" ? { ...kept, eta: new Date(options.eta) } : kept;
}

/** `beatSchedule` as definitions. */
export function scheduleDefinitions(
  beatSchedule: Readonly<Record<string, object>>,
  source: string,
): readonly PlacedDefinition[] {
  return Object.entries(beatSchedule).map(([name, written]) => {
    const { task } = written as PeriodicTask;
    const named = typeof task === "function" || (typeof task === "object" && task !== null) ? task.name : task;
    return { definition: { ...written, name, task: named } as EntryDefinition, source };
  });
}

export interface EntryContext {
  readonly timezone: string;
  readonly missedWithinMs: number | null;
}

/**
 * The entries of an app. The same one said twice is one entry.
 *
 * @throws ConfigError with everything that is wrong with any of them, and where two have one name
 */
export function createEntries(placed: readonly PlacedDefinition[], context: EntryContext): readonly Entry[] {
  const entries = new Map<string, Entry>();
  const problems: Problem[] = [];
  for (const { definition, source } of placed) {
    const entry = tryEntry(definition, { ...context, source }, problems);
    const other = entry === null ? undefined : entries.get(entry.name);
    if (entry !== null && other === undefined) entries.set(entry.name, entry);
    if (entry !== null && other !== undefined && !isSame(entry, other)) problems.push(clash(entry, other));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze([...entries.values()]);
}

function tryEntry(
  definition: EntryDefinition,
  context: EntryContext & { readonly source: string },
  problems: Problem[],
): Entry | null {
  try {
    return createEntry(definition, context);
  } catch (error) {
    if (error instanceof ConfigError) problems.push(...error.problems);
    else if (error instanceof LovageError)
      problems.push({ file: context.source, message: error.message, hint: error.hint });
    else throw error;
    return null;
  }
}

function isSame(left: Entry, right: Entry): boolean {
  return identity(left) === identity(right);
}

/** All but the schedule itself, which the hash stands for, and the place. */
function identity(entry: Entry): string {
  return JSON.stringify({ ...entry, schedule: null, source: null });
}

function clash(entry: Entry, other: Entry): Problem {
  const message = `there is another periodic task ${entry.name}, at ${other.source}`;
  return { file: entry.source, message, hint: 'give each a name of its own: { name: "..." }' };
}
