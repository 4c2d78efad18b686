// One small tree of errors; each says what is wrong, where, and what to write instead, so that none needs a stack trace.

export type ErrorCode =
  | "config" // a mistake in settings, files, arguments or the user's project
  | "schedule" // a schedule that cannot be built
  | "broker" // the broker refused, or is out of reach
  | "stale-term" // another beat leads by now
  | "standby" // this beat does not lead, and only the leader can answer
  | "store" // the beat-record cannot be read or written
  | "result" // results cannot be kept or read
  | "locked" // the beat-record is in use by another process
  | "usage"; // the command line

export interface ErrorDetails {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

export class LovageError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = details.hint;
  }
}

/** One mistake of the user's, with its place where there is one. Lines and columns count from 1. */
export interface Problem {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

/** All the mistakes found in one go: nobody should have to fix them one run at a time. */
export class ConfigError extends LovageError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], cause?: unknown) {
    super("config", problems.map(formatProblem).join("\n"), { cause });
    this.problems = problems;
  }
}

/** `file:line:column: message (hint)` */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(":");
  const hint = problem.hint === undefined ? "" : ` (${problem.hint})`;
  return `${place === "" ? "" : `${place}: `}${problem.message}${hint}`;
}

/** The one-line text of anything thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The candidate nearest to a mistyped word, or null when none is near enough to be meant. */
export function didYouMean(word: string, candidates: Iterable<string>): string | null {
  const folded = fold(word);
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(folded.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(folded, fold(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll(/[-_\s]/g, "");
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
