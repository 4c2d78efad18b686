// Names of time zones: which are real, how they are spelled, and which was meant.
import { didYouMean } from "../error.ts";

/** Names in daily use that Intl knows as aliases, and so leaves out of its list. */
const ALIASES = [
  "UTC",
  "GMT",
  "Etc/UTC",
  "Etc/GMT",
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "Asia/Ho_Chi_Minh",
  "Asia/Yangon",
  "Europe/Kyiv",
  "America/Argentina/Buenos_Aires",
  "America/Indiana/Indianapolis",
  "America/Nuuk",
  "Atlantic/Faroe",
  "Africa/Asmara",
  "Pacific/Kanton",
  "Pacific/Pohnpei",
  "Pacific/Chuuk",
  "US/Eastern",
  "US/Central",
  "US/Mountain",
  "US/Pacific",
  "EST5EDT",
  "CET",
  "EET",
  "WET",
] as const;

/** Short names people write that mean nothing alone (or several things), with the zone most often meant. */
const ABBREVIATIONS: ReadonlyMap<string, string> = new Map([
  ["EDT", "America/New_York"],
  ["CST", "America/Chicago"],
  ["CDT", "America/Chicago"],
  ["MDT", "America/Denver"],
  ["PST", "America/Los_Angeles"],
  ["PDT", "America/Los_Angeles"],
  ["BST", "Europe/London"],
  ["CEST", "Europe/Paris"],
  ["IST", "Asia/Kolkata"],
  ["JST", "Asia/Tokyo"],
  ["Z", "UTC"],
]);

/** The IANA database's three-letter names. ICU takes others, and names under SystemV; there, BST is Bangladesh. */
const THREE_LETTERS: ReadonlySet<string> = new Set("CET EET EST GMT HST MET MST PRC ROC ROK UCT UTC WET".split(" "));
const ICU_ONLY = /^SystemV\//i;

let spellings: ReadonlyMap<string, string> | null = null;

/** The name in its usual spelling (`asia/taipei` is Asia/Taipei), or null when there is no such zone. */
export function canonicalZoneName(name: string): string | null {
  if (typeof name !== "string" || !/^[a-z]/i.test(name)) return null;
  if (ICU_ONLY.test(name) || (name.length === 3 && !THREE_LETTERS.has(name.toUpperCase()))) return null;
  const spelled = usualSpellings().get(name.toLowerCase());
  if (spelled !== undefined) return spelled;
  return intlAccepts(name) ? name : null;
}

/** The zone that was probably meant, or null. */
export function nearestZoneName(name: string): string | null {
  const offset = /^(?:UTC|GMT)?([+-])(\d\d?)(?::?00)?$/i.exec(name);
  // In POSIX style, west is positive: Etc/GMT-8 is eight hours ahead of UTC.
  if (offset !== null) return `Etc/GMT${offset[1] === "+" ? "-" : "+"}${Number(offset[2])}`;
  const names = [...usualSpellings().values()];
  const city = `/${name.toLowerCase().replaceAll(" ", "_")}`;
  return (
    ABBREVIATIONS.get(name.toUpperCase()) ??
    names.find((candidate) => candidate.toLowerCase().endsWith(city)) ??
    didYouMean(name, names)
  );
}

function usualSpellings(): ReadonlyMap<string, string> {
  spellings ??= new Map([...Intl.supportedValuesOf("timeZone"), ...ALIASES].map((name) => [name.toLowerCase(), name]));
  return spellings;
}

function intlAccepts(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
