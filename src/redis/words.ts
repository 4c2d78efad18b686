// In whose name errors about Redis speak: the same server may be a broker, and keep results.
import type { ErrorCode, ErrorDetails, LovageError } from "../error.ts";

export interface RedisWords {
  readonly code: ErrorCode;
  /** What the URL is the URL of: `broker` in "broker URL redis://...". */
  readonly name: string;
  /** Before the URL of the server: nothing, or `the result backend`. */
  readonly server: string;
  /** Where users write the URL: `the broker URL`. */
  readonly setting: string;
  /** What to set when this server is not the one: `set another broker with -b`. */
  readonly elsewhere: string;
  /** A URL with a password. */
  readonly example: string;
  /** What to do when Redis is out of memory. */
  readonly memory: string;
  /** What the user of Redis must be allowed. */
  readonly permissions: string;
  /** What it means when a command was not answered. */
  readonly unanswered?: string;
  /** For what Redis would refuse again tomorrow, where somebody wants to tell that apart. */
  readonly refusal?: (message: string, details: ErrorDetails) => LovageError;
}
