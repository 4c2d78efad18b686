// What is due when: schedule files of any size, for ours and for Python's beat.
import { createWriteStream } from "node:fs";
import { once } from "node:events";

/** One entry, with a name and arguments of its own. */
export interface EntryText {
  /** As YAML: `100ms`, or a crontab in quotation marks. */
  readonly schedule: string;
  readonly timezone?: string;
}

/** Writes the entries as a file of ours, a million of them if need be. */
export async function writeSchedules(
  path: string,
  count: number,
  entryOf: (index: number) => EntryText,
): Promise<void> {
  const file = createWriteStream(path);
  file.write("entries:\n");
  for (let index = 0; index < count; index += 1) {
    const { schedule, timezone } = entryOf(index);
    const zone = timezone === undefined ? "" : `, timezone: ${timezone}`;
    const line = `  entry-${index}: {task: proj.add, schedule: ${schedule}, args: [${index}, 2]${zone}}\n`;
    if (!file.write(line)) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
}

/** Spread over the hour, twelve hours from now: nothing of it is due while we look. */
export function daily(index: number): EntryText {
  return { schedule: `"${index % 60} ${(new Date().getUTCHours() + 12) % 24} * * *"` };
}

/** The same for Celery: `count` daily entries, and what else is given as Python source. */
export function celeryProject(count: number, schedule: string, more = ""): string {
  return `from celery import Celery
from celery.schedules import crontab

app = Celery("bench")
app.conf.enable_utc = True
app.conf.beat_schedule = {
    f"entry-{i}": {"task": "proj.add", "schedule": ${schedule}, "args": (i, 2)} for i in range(${count})
}
${more}
`;
}

/** Python source of the schedule of the i-th entry. */
export function celeryDaily(): string {
  return `crontab(minute=i % 60, hour=${(new Date().getUTCHours() + 12) % 24})`;
}

/** Instants of one minute, so far ahead that whoever is to keep them has time to start. */
export function planBursts(bursts: number, apartMs: number, allowanceMs: number): readonly number[] {
  if ((bursts - 1) * apartMs >= 60_000) throw new Error("so many bursts do not fit into a minute: fewer with --warm");
  const minuteOf = (at: number): number => Math.floor(at / 60_000);
  const firstAt = Math.ceil((Date.now() + allowanceMs) / apartMs) * apartMs;
  const isOneMinute = minuteOf(firstAt) === minuteOf(firstAt + (bursts - 1) * apartMs);
  const fromAt = isOneMinute ? firstAt : (minuteOf(firstAt) + 1) * 60_000;
  return Array.from({ length: bursts }, (_, index) => fromAt + index * apartMs);
}

/** One crontab that falls on these instants of one minute. */
export function sharedCrontab(dueAts: readonly number[]): EntryText {
  const first = new Date(dueAts[0] ?? 0);
  return { schedule: `"${secondsOf(dueAts)} ${first.getUTCMinutes()} ${first.getUTCHours()} * * *"` };
}

const zones: readonly string[] = [
  "America/New_York",
  "America/Los_Angeles",
  "America/Sao_Paulo",
  "Europe/London",
  "Europe/Berlin",
  "Africa/Cairo",
  "Asia/Kolkata",
  "Asia/Tokyo",
  "Australia/Sydney",
  "Pacific/Auckland",
];

/**
 * A thousand crontabs in ten zones that all fall on these instants of one minute, and on no other near it: each names
 * another minute and another hour besides, some of them in the past of the day.
 */
export function thousandCrontabs(dueAts: readonly number[]): readonly EntryText[] {
  const seconds = secondsOf(dueAts);
  return Array.from({ length: 1000 }, (_, index) => {
    const timezone = zones[index % zones.length] ?? "UTC";
    const { hour, minute } = wallTime(dueAts[0] ?? 0, timezone);
    const otherMinute = (minute + 5 + (Math.floor(index / 10) % 10)) % 60;
    const otherHour = (hour + 2 + Math.floor(index / 100)) % 24;
    return { schedule: `"${seconds} ${minute},${otherMinute} ${hour},${otherHour} * * *"`, timezone };
  });
}

function secondsOf(dueAts: readonly number[]): string {
  return dueAts.map((at) => new Date(at).getUTCSeconds()).join(",");
}

function wallTime(at: number, timezone: string): { readonly hour: number; readonly minute: number } {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, hour: "2-digit", minute: "2-digit" });
  const [hour = 0, minute = 0] = format.format(at).split(":").map(Number);
  return { hour, minute };
}
