// H in a crontab: a value drawn from the entry's name, so that a fleet of entries spreads out and each stays where it is.
import type { FieldName, FieldRange } from "./crontab-field.ts";

const HASH = /^H(?:\((\d+)-(\d+)\))?(?:\/(\d+))?$/;
/** Every month has them: an H must not fall on a day that most months lack. */
const LAST_DAY_OF_ALL_MONTHS = 28;

export interface HashContext {
  readonly name: FieldName;
  readonly range: FieldRange;
  readonly hashKey: string;
}

/** The values of `H`, `H(a-b)`, `H/n` or `H(a-b)/n`, or what is wrong with it. */
export function hashedValues(part: string, { name, range, hashKey }: HashContext): readonly number[] | string {
  const match = HASH.exec(part);
  if (match === null) return `${JSON.stringify(part)} is not a hash`;
  const most = name === "dayOfMonth" ? LAST_DAY_OF_ALL_MONTHS : range.max;
  const [from, to] = match[1] === undefined ? [range.min, most] : [Number(match[1]), Number(match[2])];
  if (from < range.min || to > range.max || from > to) {
    return `${from}-${to} is out of range (${range.min}-${range.max})`;
  }
  const hash = hashText(`${hashKey}\n${name}`);
  const span = to - from + 1;
  if (match[3] === undefined) return [from + (hash % span)];
  const step = Number(match[3]);
  if (step < 1) return "a step must be at least 1";
  return everyStep(from + (hash % Math.min(step, span)), to, step);
}

function everyStep(first: number, to: number, step: number): readonly number[] {
  const values: number[] = [];
  for (let value = first; value <= to; value += step) values.push(value);
  return values;
}

/** FNV-1a over the UTF-16 code units, then MurmurHash3's finalizer, which spreads short names over the low bits too. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
