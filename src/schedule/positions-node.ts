// What is read of a YAML node besides its value: where it begins, and the text a key becomes.
import { isScalar } from "yaml";

/** Lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The offset in the text, or null for a node that is not written anywhere. */
export function startOf(node: unknown): number | null {
  const range = (node as { readonly range?: readonly [number, number, number] | null } | null)?.range;
  return range?.[0] ?? null;
}

/** The text that the library makes of a key in an object. */
export function keyText(key: unknown): string {
  const value = (isScalar(key) ? key.value : key) as string | number | boolean | null;
  return value === null ? "" : String(value);
}
