// Finds names written twice in one map of a YAML file: of two entries with one name, the second would silently win.
import { isMap, isPair, isSeq } from "yaml";
import type { Position } from "./positions-node.ts";
import { keyText, startOf } from "./positions-node.ts";

export interface DuplicateKey extends Position {
  readonly message: string;
  readonly hint: string;
}

/** `at` tells the position of an offset in the text. */
export function findDuplicateKeys(root: unknown, at: (offset: number) => Position): readonly DuplicateKey[] {
  const found: DuplicateKey[] = [];
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const node = pending.pop();
    if (isSeq(node)) for (const item of node.items) pending.push(item);
    if (!isMap(node)) continue;
    found.push(...duplicatesOf(node.items, at));
    for (const pair of node.items) pending.push(pair.value);
  }
  return found.sort((left, right) => left.line - right.line);
}

function duplicatesOf(items: readonly unknown[], at: (offset: number) => Position): readonly DuplicateKey[] {
  const firsts = new Map<string, number>();
  const found: DuplicateKey[] = [];
  for (const pair of items) {
    if (!isPair(pair)) continue;
    const name = keyText(pair.key);
    const offset = startOf(pair.key) ?? 0;
    const first = firsts.get(name);
    if (first === undefined) firsts.set(name, offset);
    else found.push({ ...at(offset), ...describe(name, at(first)) });
  }
  return found;
}

function describe(name: string, first: Position): { readonly message: string; readonly hint: string } {
  return {
    message: `${name} is there twice: first at line ${first.line}, column ${first.column}`,
    hint: "rename or remove one of them",
  };
}
