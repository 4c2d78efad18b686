// Checks the signatures of an entry's link and link_error ahead of time: a worker would only find out after the task has run.
import { LovageError, messageOf } from "../error.ts";
import { Signature } from "../protocol/signature.ts";
import type { EntryOptions } from "../schedule/entry.ts";

/** @throws LovageError naming the signature whose options could not be sent */
export function checkFollowUps({ link = [], linkError = [] }: EntryOptions): void {
  for (const [index, signature] of link.entries()) checkSignature(signature, `link[${index}]`);
  for (const [index, signature] of linkError.entries()) checkSignature(signature, `link_error[${index}]`);
}

function checkSignature(signature: unknown, name: string): void {
  try {
    Signature.fromJSON(signature);
  } catch (error) {
    const hint = error instanceof LovageError ? error.hint : undefined;
    throw new LovageError("config", `options.${name}: ${messageOf(error)}`, { hint, cause: error });
  }
}
