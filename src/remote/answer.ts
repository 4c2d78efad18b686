// What a remote-control command may answer besides its data: Celery's `{"ok": ...}` and `{"error": "..."}`.
import { LovageError, messageOf } from "../error.ts";
import { pythonRepr } from "../protocol/repr.ts";

export function ok(value: string): { readonly ok: string } {
  return { ok: value };
}

export function refused(reason: string): { readonly error: string } {
  return { error: reason };
}

/** As Python writes an error: `ValueError('Autoscale not enabled')`. Scripts around `celery control` look for such texts. */
export function pythonError(kind: string, message: string): string {
  return `${kind}(${pythonRepr(message)})`;
}

/** What went wrong and, where it is known, what to do instead. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof LovageError) || error.hint === undefined) return messageOf(error);
  return `${error.message} (${error.hint})`;
}
