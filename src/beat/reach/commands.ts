// What a running beat can be asked and told, as commands by name: the same over the broker and at the door of its record.
// Arguments may come from anybody and hold anything.
import type { Instant } from "../../clock.ts";
import { LovageError, messageOf } from "../../error.ts";
import { type Arguments, optionalText, textArgument, textsArgument } from "../../remote/arguments.ts";
import { type Command, type Commands, control, inspect, silence } from "../../remote/command.ts";
import type { BackfillRange, BeatSteering, ListQuery } from "../steer/steering.ts";

/** What beat's commands work with. */
export interface BeatPanel {
  readonly steering: BeatSteering;
}

/** What a command that could not be done answers; one that was done answers `{"ok": ...}`. */
export interface Refusal {
  readonly error: string;
  /** An ErrorCode; null for a mistake of beat's own. */
  readonly code: string | null;
  readonly hint: string | null;
}

type Run = (steering: BeatSteering, args: Arguments) => unknown;

const mostRows = 1000;
/** Of a text that is kept: who, and why. */
const mostCharacters = 500;
/** The furthest instants that JavaScript has. */
const furthestAt = 8.64e15;
const mostPerSecond = 1_000_000;

/**
 * Every command has `scope` and may have `label` among its arguments: another beat passes it over in silence. A question
 * may leave them out; what changes something names its scope.
 */
export const beatCommands: Commands<BeatPanel> = Object.freeze({
  beat_status: question((steering) => steering.status()),
  beat_list: question((steering, args) => steering.list(listQuery(args))),
  beat_show: question((steering, args) => steering.show(textArgument(args, "entry"))),
  beat_history: question((steering, args) => steering.history(textArgument(args, "entry"), rows(args))),
  beat_upcoming: question((steering, args) => steering.upcoming(rows(args))),
  beat_pause: change((steering, args) => steering.pause({ entries: entries(args), ...author(args) })),
  beat_resume: change((steering, args) =>
    steering.resume({ entries: entries(args), by: author(args).by, catchUp: flag(args, "catchUp") }),
  ),
  beat_run: change((steering, args) => steering.run({ entry: textArgument(args, "entry"), ...author(args) })),
  beat_backfill_preview: question((steering, args) => steering.previewBackfill(range(args))),
  beat_backfill: change((steering, args) =>
    steering.startBackfill({ ...range(args), perSecond: perSecond(args), ...author(args) }),
  ),
  beat_backfills: question((steering) => steering.backfills()),
  beat_backfill_stop: change((steering, args) => steering.stopBackfill(textArgument(args, "id"), author(args).by)),
  beat_backfill_resume: change((steering, args) => steering.resumeBackfill(textArgument(args, "id"), author(args).by)),
});

export function refusalOf(error: unknown): Refusal {
  const { code = null, hint = null } = error instanceof LovageError ? error : {};
  return { error: messageOf(error), code, hint };
}

function question(run: Run): Command<BeatPanel> {
  return inspect(({ steering }, args) => answer(steering, args, run));
}

function change(run: Run): Command<BeatPanel> {
  return control(({ steering }, args) => {
    textArgument(args, "scope");
    return answer(steering, args, run);
  });
}

async function answer(steering: BeatSteering, args: Arguments, run: Run): Promise<unknown> {
  const { scope = null, label = null } = args;
  if (scope !== null && scope !== steering.scope) return silence;
  if (label !== null && label !== steering.label) return silence;
  return { ok: (await run(steering, args)) ?? null };
}

function listQuery(args: Arguments): ListQuery {
  const match = optionalText(args, "match") ?? undefined;
  return { match, offset: within(args, "offset", { least: 0, most: Number.MAX_SAFE_INTEGER }), limit: rows(args) };
}

function entries(args: Arguments): readonly string[] {
  const names = textsArgument(args, "entries");
  if (names.length > 0) return names;
  throw new LovageError("usage", "the argument entries should name at least one entry");
}

function author(args: Arguments): { readonly by: string; readonly reason: string | null } {
  const reason = optionalText(args, "reason");
  return { by: short(textArgument(args, "by"), "by"), reason: reason === null ? null : short(reason, "reason") };
}

function short(text: string, name: string): string {
  if (text.length <= mostCharacters) return text;
  throw new LovageError("usage", `the argument ${name} has more than ${mostCharacters} characters`);
}

function range(args: Arguments): BackfillRange {
  return { entry: textArgument(args, "entry"), fromAt: instant(args, "fromAt"), toAt: instant(args, "toAt") };
}

function instant(args: Arguments, name: string): Instant {
  return within(args, name, { least: -furthestAt, most: furthestAt });
}

function rows(args: Arguments): number {
  return within(args, "limit", { least: 1, most: mostRows });
}

function within(
  args: Arguments,
  name: string,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  const value = args[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new LovageError("usage", `the argument ${name} should be a whole number from ${least} to ${most}`);
}

function perSecond(args: Arguments): number {
  const value = args["perSecond"];
  if (typeof value === "number" && value > 0 && value <= mostPerSecond) return value;
  throw new LovageError("usage", `the argument perSecond should be a number above 0, up to ${mostPerSecond}`);
}

function flag(args: Arguments, name: string): boolean {
  const value = args[name] ?? false;
  if (typeof value === "boolean") return value;
  throw new LovageError("usage", `the argument ${name} should be true or false`);
}
