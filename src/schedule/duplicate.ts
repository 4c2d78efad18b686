// Finds keys that YAML allows and we do not: one written twice, of which the second would silently win, one that would get
// lost, and one that is no text but a map or list, as the braces of an unfilled template make it, or null.
import { isMap, isPair, isScalar, isSeq } from "yaml";
import { reservedName } from "./parse-frozen.ts";
import type { Position } from "./positions-node.ts";
import { keyText, startOf } from "./positions-node.ts";

export interface KeyProblem extends Position {
  readonly message: string;
  readonly hint: string;
}

/** `at` tells the position of an offset in the text. */
export function findKeyProblems(root: unknown, at: (offset: number) => Position): readonly KeyProblem[] {
  const found: KeyProblem[] = [];
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const node = pending.pop();
    if (isSeq(node)) for (const item of node.items) pending.push(item);
    if (!isMap(node)) continue;
    found.push(...problemsOf(node.items, at));
    for (const pair of node.items) pending.push(pair.value);
  }
  return found.sort((left, right) => left.line - right.line);
}

function problemsOf(items: readonly unknown[], at: (offset: number) => Position): readonly KeyProblem[] {
  const firsts = new Map<string, number>();
  const found: KeyProblem[] = [];
  for (const pair of items) {
    if (!isPair(pair)) continue;
    const offset = startOf(pair.key) ?? startOf(pair.value) ?? 0;
    const fault = faultOf(pair.key);
    if (fault !== null) {
      found.push({ ...at(offset), ...fault });
      continue;
    }
    const name = keyText(pair.key);
    const first = firsts.get(name);
    if (first === undefined) firsts.set(name, offset);
    else found.push({ ...at(offset), ...describe(name, at(first)) });
  }
  return found;
}

function faultOf(key: unknown): Pick<KeyProblem, "message" | "hint"> | null {
  if (isMap(key) || isSeq(key)) return notText;
  if (key === null || (isScalar(key) && key.value === null)) return notNull;
  return keyText(key) === "__proto__" ? reservedName : null;
}

const notNull = {
  message: "a key has to be text, not null",
  hint: 'write it before the colon; a name such as "null" needs quotes',
};

const notText = {
  message: "a key has to be text, not a map or a list",
  hint: "put {{ … }} in quotes, or fill the template in first",
};

function describe(name: string, first: Position): { readonly message: string; readonly hint: string } {
  return {
    message: `${name} is there twice: first at line ${first.line}, column ${first.column}`,
    hint: "rename or remove one of them",
  };
}
