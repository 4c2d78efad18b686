// What somebody who wrote an unknown key most likely meant, and where it belongs.
import { didYouMean } from "../error.ts";
import { knownKeys, scheduleKinds } from "./schema.ts";

type Place = keyof typeof knownKeys;

/** Words of other schedulers for what is known here by another name. */
const otherWords: ReadonlyMap<string, string> = new Map([
  ...["cron", "interval", "when", "period", "run_every"].map((word) => [word, "schedule"] as const),
  ...["tz", "zone", "time_zone"].map((word) => [word, "timezone"] as const),
  ...["function", "func", "job", "command"].map((word) => [word, "task"] as const),
  ...["keyword_arguments", "params"].map((word) => [word, "kwargs"] as const),
]);

const solarWords: ReadonlyMap<string, string> = new Map([
  ["lat", "latitude"],
  ...["lon", "long", "lng"].map((word) => [word, "longitude"] as const),
]);

/** `path` leads to the map that holds the key. */
export function hintForKey(key: string, value: unknown, path: readonly PropertyKey[]): string | undefined {
  const place = placeOf(path);
  if (place === null) return undefined;
  const known: readonly string[] = knownKeys[place];
  if (known.includes(key)) return "it does not go with the keys beside it";
  if (known.some((word) => fold(word) === fold(key))) return suggest(didYouMean(key, known));
  if (place === "file" && looksLikeEntry(value)) return "write it under entries:";
  return hintToMove(key, place) ?? suggest(wordMeant(key, known)) ?? listing(known);
}

/** For a key that is known in a schedule, but not beside the one that says what kind of schedule it is. */
export function clashOf(
  key: string,
  parent: unknown,
  path: readonly PropertyKey[],
): { readonly message: string; readonly hint: string | undefined } | null {
  if (placeOf(path) !== "schedule" || !knownKeys.schedule.includes(key)) return null;
  const map = parent as object;
  const kind = scheduleKinds.find((word) => word !== key && Object.hasOwn(map, word));
  const message = kind === undefined ? "does not go with the other keys" : `does not go with ${kind}`;
  const isKind = scheduleKinds.includes(key);
  return { message, hint: isKind ? `a schedule has one of ${scheduleKinds.join(", ")}, not two` : undefined };
}

function placeOf(path: readonly PropertyKey[]): Place | null {
  const depth = path.length;
  if (depth === 0) return "file";
  if (depth === 1 && path[0] === "defaults") return "defaults";
  if (depth === 2 && path[0] === "entries") return "entry";
  const last = path.findLast((key) => typeof key === "string") ?? "";
  return innerPlaces.find((place) => place === last) ?? (last === "link_error" ? "link" : null);
}

const innerPlaces = [
  ...(["options", "schedule", "crontab", "dst"] as const),
  ...(["exclude", "ping", "link"] as const),
] satisfies readonly Place[];

function looksLikeEntry(value: unknown): boolean {
  return typeof value === "object" && value !== null && ("task" in value || "schedule" in value);
}

function wordMeant(key: string, known: readonly string[]): string | null {
  const word = solarWords.get(key);
  return word !== undefined && known.includes(word) ? word : didYouMean(key, known);
}

const placesWithOptions: ReadonlySet<Place> = new Set(["entry", "defaults", "link"]);

function hintToMove(key: string, place: Place): string | undefined {
  if (placesWithOptions.has(place)) {
    const option = nameIn("options", key);
    if (option !== undefined) return `write it inside options: {${option}: …}`;
  }
  if (place === "entry") return hintForSchedule(key, nameIn("crontab", key), nameIn("schedule", key));
  if (place === "schedule" && nameIn("crontab", key) !== undefined) return `write it inside {crontab: {${key}: …}}`;
  const beside = nameIn("entry", key);
  const isWithin = place === "options" || place === "schedule";
  return isWithin && beside !== undefined ? `write ${beside} beside ${place}, not inside` : undefined;
}

function nameIn(place: Place, key: string): string | undefined {
  return knownKeys[place].find((word) => fold(word) === fold(key));
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
