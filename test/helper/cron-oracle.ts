// What a crontab should do, worked out the slow way: walk every minute, ask Intl what the clock on the wall shows, and apply
// the rules as they are written down. Shares no code with src/schedule.

export interface OracleFields {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly daysOfMonth: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  /** Whether either matching day field is enough. */
  readonly eitherDay?: boolean;
}

export interface OracleRule {
  readonly gap: "next" | "shift" | "skip";
  readonly overlap: "first" | "second" | "both";
}

interface Minute {
  readonly at: number;
  /** What the wall shows, as if it were UTC. */
  readonly wall: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const formats = new Map<string, Intl.DateTimeFormat>();

/** The occurrences in `[fromAt, toAt)`, ascending. Knows nothing of changes less than 30 hours outside. */
export function occurrences(
  fields: OracleFields,
  rule: OracleRule,
  span: { zone: string; fromAt: number; toAt: number },
): number[] {
  const { minutes, copies } = walk(span.zone, span.fromAt - 30 * HOUR_MS, span.toAt + 30 * HOUR_MS);
  const found = new Set<number>();
  minutes.forEach((minute, index) => {
    if (matches(fields, minute.wall) && wanted(copies.get(minute.wall) ?? [], minute.at, rule.overlap)) {
      found.add(minute.at);
    }
    const before = minutes[index - 1];
    if (before === undefined || rule.gap === "skip") return;
    for (let label = before.wall + MINUTE_MS; label < minute.wall; label += MINUTE_MS) {
      if (matches(fields, label)) found.add(rule.gap === "next" ? minute.at : before.at + (label - before.wall));
    }
  });
  return [...found].filter((at) => at >= span.fromAt && at < span.toAt).sort((left, right) => left - right);
}

/** The wall clock of a zone at an instant, as if it were UTC, from Intl. */
export function wallClock(zone: string, at: number): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    formats.set(zone, format);
  }
  const [month, day, year, hour, minute, second] = format.format(at).split(/\D+/).map(Number);
  return Date.UTC(year!, month! - 1, day, hour, minute, second) + (((at % 1000) + 1000) % 1000);
}

interface Walk {
  readonly minutes: readonly Minute[];
  /** Wall time to the instants that show it. */
  readonly copies: ReadonlyMap<number, readonly number[]>;
}

const walks = new Map<string, Walk>();

function walk(zone: string, fromAt: number, toAt: number): Walk {
  const key = `${zone} ${fromAt} ${toAt}`;
  const known = walks.get(key);
  if (known !== undefined) return known;
  const minutes: Minute[] = [];
  const copies = new Map<number, number[]>();
  for (let at = Math.floor(fromAt / MINUTE_MS) * MINUTE_MS; at < toAt; at += MINUTE_MS) {
    const wall = wallClock(zone, at);
    minutes.push({ at, wall });
    copies.set(wall, [...(copies.get(wall) ?? []), at]);
  }
  walks.set(key, { minutes, copies });
  return { minutes, copies };
}

function wanted(copies: readonly number[], at: number, overlap: OracleRule["overlap"]): boolean {
  if (overlap === "both" || copies.length < 2) return true;
  return overlap === "first" ? at === copies[0] : at === copies.at(-1);
}

function matches(fields: OracleFields, wall: number): boolean {
  const date = new Date(wall);
  if (!fields.minutes.has(date.getUTCMinutes()) || !fields.hours.has(date.getUTCHours())) return false;
  if (!fields.months.has(date.getUTCMonth() + 1)) return false;
  const ofMonth = fields.daysOfMonth.has(date.getUTCDate());
  const ofWeek = fields.weekdays.has(date.getUTCDay());
  return fields.eitherDay === true ? ofMonth || ofWeek : ofMonth && ofWeek;
}
