// Speaking to the running beat: what a command does when there is one, and what when there is none.
import { type ErrorCode, LovageError } from "../error.ts";
import { type AskedBeat, type AskOptions, askBeat } from "./ask-beat.ts";
import type { RecordOptions } from "./record.ts";

export interface SteerOptions extends AskOptions, RecordOptions {
  readonly json?: boolean;
}

/** What tells of entries: a beat, else files and record. */
export interface Sources<Answer> {
  readonly beat: (beat: AskedBeat) => Promise<Answer>;
  /** Given why no beat was asked; the working folder has been entered by then. */
  readonly here: (options: SteerOptions, why: string) => Promise<Answer>;
}

/** @throws LovageError what the beat refuses; with `--remote` also when none answers */
export async function fromBeatOrHere<Answer>(options: SteerOptions, { beat, here }: Sources<Answer>): Promise<Answer> {
  // A broker that is away, or standbys without a leader, are no reason to show nothing.
  const found = await beatOrWhy(options, ["broker", "standby"]);
  return found instanceof LovageError ? here(inWorkdir(options), found.message) : closing(found, beat);
}

/**
 * The running beat, else why there is none to speak to: nobody answers, or one of the `quiet` errors.
 *
 * @throws LovageError any other; with `--remote` those too
 */
export async function beatOrWhy(options: SteerOptions, quiet: readonly ErrorCode[]): Promise<AskedBeat | LovageError> {
  const asked = await askBeat(options).catch((error: unknown) => {
    if (error instanceof LovageError && quiet.includes(error.code)) return error;
    throw error;
  });
  const found = asked ?? nobody("is it on this broker, and of this --scope?");
  if (found instanceof LovageError && options.remote === true) throw found;
  return found;
}

/** @throws LovageError when no beat answers, with this hint */
export async function withBeat<Answer>(
  options: SteerOptions,
  hint: string,
  work: (beat: AskedBeat) => Promise<Answer>,
): Promise<Answer> {
  const found = await askBeat(options);
  if (found === null) throw nobody(hint);
  // Whose beat it is shows in nothing else, and from another folder it may not be the one that was meant.
  if (found.via === "broker" && options.json !== true) process.stderr.write(`beat: telling ${nameOf(found)}\n`);
  return closing(found, work);
}

/** For what comes after the first look: a second step into a relative folder would miss it. */
export function inWorkdir<Options extends SteerOptions>(options: Options): Omit<Options, "workdir"> {
  const { workdir, ...rest } = options;
  return workdir === undefined ? options : rest;
}

/** `the running beat vm:8483`; of one found through the broker, whose it is. */
export function nameOf({ status, via }: AskedBeat): string {
  const { label, scope } = status;
  return `the running beat ${label}${via === "broker" ? ` of scope ${scope}, over the broker` : ""}`;
}

async function closing<Answer>(beat: AskedBeat, work: (beat: AskedBeat) => Promise<Answer>): Promise<Answer> {
  try {
    return await work(beat);
  } finally {
    await beat.close();
  }
}

function nobody(hint: string): LovageError {
  return new LovageError("standby", "no beat answers", { hint });
}
