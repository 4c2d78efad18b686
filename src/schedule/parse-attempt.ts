// Runs the pieces of a definition one by one, so that all their mistakes are found, each under its own key.
import { ConfigError, LovageError } from "../error.ts";
import type { Issue, Path } from "./schema-issues.ts";

/** What `read` gives, or undefined when it is a mistake, which has been noted then under `path`. */
export type Attempt = <Value>(path: Path, read: () => Value) => Value | undefined;

/** `offset`: how far into the text at `path` the mistake begins. */
export class MisplacedError extends LovageError {
  readonly offset: number;

  constructor(error: LovageError, offset: number) {
    super(error.code, error.message, { hint: error.hint, cause: error });
    this.offset = offset;
  }
}

export function attemptInto(issues: Issue[]): Attempt {
  return (path, read) => {
    try {
      return read();
    } catch (error) {
      issues.push(...toIssuesAt(path, error));
      return undefined;
    }
  };
}

function toIssuesAt(path: Path, error: unknown): readonly Issue[] {
  if (error instanceof ConfigError) {
    return error.problems.map(({ message, hint }) => ({ path, message: withoutKey(message, path), hint }));
  }
  if (!(error instanceof LovageError)) throw error;
  const offset = error instanceof MisplacedError ? error.offset : undefined;
  return [{ path, message: withoutKey(error.message, path), hint: error.hint, offset }];
}

/** The path is written before the message, so the message need not name its last key again. */
function withoutKey(message: string, path: Path): string {
  const prefix = `${String(path.findLast((key) => typeof key === "string"))}: `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}
