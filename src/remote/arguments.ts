// The arguments of a remote-control command, which may come from anybody and hold anything.
import { LovageError } from "../error.ts";

export type Arguments = Readonly<Record<string, unknown>>;

/** @throws LovageError when it is not there, or no text */
export function textArgument(args: Arguments, name: string): string {
  const value = args[name];
  if (typeof value === "string" && value !== "") return value;
  throw new LovageError("usage", `the argument ${name} should be text`);
}

/** @throws LovageError when it is there and no text */
export function optionalText(args: Arguments, name: string): string | null {
  const value = args[name] ?? null;
  return value === null || value === "" ? null : textArgument(args, name);
}

/** @throws LovageError when it is there and no number from 0 on */
export function optionalNumber(args: Arguments, name: string): number | null {
  const value = args[name] ?? null;
  if (value === null || (typeof value === "number" && value >= 0)) return value;
  throw new LovageError("usage", `the argument ${name} should be a number from 0 on`);
}

/** @throws LovageError when it is there and no whole number from 0 on */
export function optionalCount(args: Arguments, name: string): number | null {
  const value = optionalNumber(args, name);
  if (value === null || Number.isSafeInteger(value)) return value;
  throw new LovageError("usage", `the argument ${name} should be a whole number`);
}

/** One text or a list of them, each once. @throws LovageError when it is anything else */
export function textsArgument(args: Arguments, name: string): readonly string[] {
  const value = args[name] ?? [];
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (texts.every((text) => typeof text === "string")) return [...new Set(texts)];
  throw new LovageError("usage", `the argument ${name} should be a list of texts`);
}
