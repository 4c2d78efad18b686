// What somebody who wrote an unknown key most likely meant, and where it belongs.
import { didYouMean } from "../error.ts";
import { knownKeys } from "./schema.ts";

type Place = keyof typeof knownKeys;

/** Words of other schedulers for what is known here by another name. */
const otherWords: ReadonlyMap<string, string> = new Map([
  ...["cron", "interval", "when", "period", "run_every"].map((word) => [word, "schedule"] as const),
  ...["tz", "zone", "time_zone"].map((word) => [word, "timezone"] as const),
  ...["function", "func", "job", "command"].map((word) => [word, "task"] as const),
  ...["keyword_arguments", "params"].map((word) => [word, "kwargs"] as const),
]);

/** `path` leads to the map that holds the key. */
export function hintForKey(key: string, value: unknown, path: readonly PropertyKey[]): string | undefined {
  const place = placeOf(path);
  if (place === null) return undefined;
  const known = knownKeys[place];
  if (known.some((word) => fold(word) === fold(key))) return suggest(didYouMean(key, known));
  if (place === "file" && looksLikeEntry(value)) return "write it under entries:";
  return hintToMove(key, place) ?? suggest(didYouMean(key, known)) ?? listing(known);
}

function placeOf(path: readonly PropertyKey[]): Place | null {
  if (path.length === 0) return "file";
  if (path.length === 1 && path[0] === "defaults") return "defaults";
  if (path.length === 2 && path[0] === "entries") return "entry";
  const last = path.findLast((key) => typeof key === "string");
  if (last === "options" || last === "schedule" || last === "crontab" || last === "dst" || last === "exclude")
    return last;
  return null;
}

function looksLikeEntry(value: unknown): boolean {
  return typeof value === "object" && value !== null && ("task" in value || "schedule" in value);
}

function hintToMove(key: string, place: Place): string | undefined {
  const belongsTo = (other: Place): string | undefined => knownKeys[other].find((word) => fold(word) === fold(key));
  if (place === "entry" || place === "defaults") {
    const option = belongsTo("options");
    if (option !== undefined) return `write it inside options: {${option}: …}`;
  }
  if (place === "entry") return hintForSchedule(key, belongsTo("crontab"), belongsTo("schedule"));
  const beside = belongsTo("entry");
  if (place === "options" && beside !== undefined) return `write ${beside} beside options, not inside`;
  if (place === "schedule" && belongsTo("crontab") !== undefined) return `write it inside {crontab: {${key}: …}}`;
  if (place === "schedule" && beside !== undefined) return `write ${beside} beside schedule, not inside`;
  return undefined;
}

function hintForSchedule(key: string, crontab: string | undefined, schedule: string | undefined): string | undefined {
  if (crontab !== undefined) return `write it inside schedule: {crontab: {${crontab}: …}}`;
  if (schedule !== undefined) return `write it inside schedule: {${schedule}: …}`;
  return suggest(otherWords.get(key) ?? null);
}

function suggest(word: string | null): string | undefined {
  return word === null ? undefined : `did you mean ${word}?`;
}

function listing(words: readonly string[]): string | undefined {
  return words.length > 6 ? undefined : `known here: ${words.join(", ")}`;
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll(/[-_]/g, "");
}
