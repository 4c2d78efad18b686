// The embedded broker's words for what goes wrong with its file.
import type { LovageError } from "../../error.ts";
import { fileFailure as failure } from "../../sqlite/failure.ts";
import type { FileWords } from "../../sqlite/format.ts";

export const brokerWords: FileWords = Object.freeze({
  code: "broker",
  file: "broker",
  url: "broker",
  purpose: "a broker",
  kind: "a Lovage broker",
  example: "broker.db",
  whenBusy: "it is tried again",
  whenFull: "nothing was sent twice",
});

/** What SQLite or the file system said, for people. */
export function fileFailure(path: string, error: unknown): LovageError {
  return failure(brokerWords, path, error);
}
