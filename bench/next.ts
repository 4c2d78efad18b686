// How long does it take to find the next occurrence? Schedules of every kind, over a chain of occurrences and from instants
// all over thirty years; beside them the least that asks a calendar, and croner, which every Node.js user knows.
import { Cron } from "croner";
import { crontab } from "../src/schedule/crontab.ts";
import { every } from "../src/schedule/interval.ts";
import type { Schedule } from "../src/schedule/schedule.ts";
import { solar } from "../src/schedule/solar.ts";
import { median } from "./stage/statistics.ts";
import { printTable, progress, type Row } from "./stage/table.ts";

type Next = (after: number) => number | null;

const rounds = 7;
const roundMs = 100;
const yearMs = 365.25 * 86_400_000;
const fromAt = Date.UTC(2020, 0, 1);
const berlin = { timezone: "Europe/Berlin" };

/** Distinct instants without any order, the same in every run. */
const scattered = Float64Array.from({ length: 65_536 }, (_, index) => {
  return fromAt + Math.floor((((index * 0.618_033_988_749_895) % 1) * 30 * yearMs) / 1000) * 1000 + (index % 1000);
});
/** A day around each of the changes of Berlin's clocks in thirty years. */
const changes = Float64Array.from({ length: 65_536 }, (_, index) => {
  const lastSundays = [2, 9].map((month) => lastSundayAt(2020 + (index % 30), month));
  return (lastSundays[index % 2] ?? 0) + 3_600_000 + (((index * 0.618_033_988_749_895) % 1) - 0.5) * 86_400_000;
});

function lastSundayAt(year: number, month: number): number {
  const last = new Date(Date.UTC(year, month + 1, 0));
  return last.getTime() - last.getUTCDay() * 86_400_000;
}

const of =
  (schedule: Schedule): Next =>
  (after) =>
    schedule.next(after);
const ofCroner = (pattern: string, timezone: string): Next => {
  const cron = new Cron(pattern, { timezone, paused: true });
  return (after) => cron.nextRun(new Date(after))?.getTime() ?? null;
};
const format = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", dateStyle: "short", timeStyle: "medium" });

const questions: readonly (readonly [what: string, where: string, next: Next, instants: Float64Array])[] = [
  ["crontab 30 7 * * *", "UTC", of(crontab("30 7 * * *")), scattered],
  ["crontab 30 7 * * *", "Europe/Berlin", of(crontab("30 7 * * *", berlin)), scattered],
  [
    "crontab 30 7 * * mon",
    "America/New_York",
    of(crontab("30 7 * * mon", { timezone: "America/New_York" })),
    scattered,
  ],
  ["crontab 30 2 * * *", "Europe/Berlin, days of change", of(crontab("30 2 * * *", berlin)), changes],
  ["crontab */5 * * * *", "Europe/Berlin, days of change", of(crontab("*/5 * * * *", berlin)), changes],
  ["crontab * * * * *", "Europe/Berlin", of(crontab("* * * * *", berlin)), scattered],
  ["crontab * * * * * *", "Europe/Berlin", of(crontab("* * * * * *", berlin)), scattered],
  ["crontab 0 0 29 2 *", "Europe/Berlin", of(crontab("0 0 29 2 *", berlin)), scattered],
  ["crontab 0 12 13 * fri", "Europe/Berlin", of(crontab("0 12 13 * fri", berlin)), scattered],
  ["every 10s", "", of(every("10s", { anchor: new Date(fromAt).toISOString() })), scattered],
  ["sunset", "Melbourne", of(solar("sunset", -37.81753, 144.96715)), scattered],
  ["croner 30 7 * * *", "Europe/Berlin", ofCroner("30 7 * * *", "Europe/Berlin"), scattered],
  ["croner 30 2 * * *", "Europe/Berlin, days of change", ofCroner("30 2 * * *", "Europe/Berlin"), changes],
  ["limit: an addition", "", (after) => after + 60_000, scattered],
  ["limit: Date, next midnight", "UTC", (after) => new Date(after).setUTCHours(24, 0, 0, 0), scattered],
  [
    "limit: Intl, one look at a clock",
    "Europe/Berlin",
    (after) => after + 3_600_000 + (format.format(after).length & 1),
    scattered,
  ],
];

/** Kept and looked at in the end, or the compiler might leave out what nobody asks for. */
let sum = 0;
const rows: Row[] = [];
for (const [what, where, next, instants] of questions) {
  progress(`${what} ${where}`);
  rows.push({
    schedule: what,
    zone: where,
    "scattered instants": nanoseconds(measure((times) => jump(next, instants, times))),
    "one after the other": nanoseconds(measure((times) => walk(next, times))),
  });
}
if (!Number.isFinite(sum)) throw new Error("a schedule answered with what is no instant");
printTable(rows);

function jump(next: Next, instants: Float64Array, times: number): void {
  for (let index = 0; index < times; index += 1) sum += next(instants[index & 65_535] ?? 0) ?? 0;
}

function walk(next: Next, times: number): void {
  let at = fromAt;
  for (let index = 0; index < times; index += 1) {
    at = next(at) ?? fromAt;
    if (at > fromAt + 30 * yearMs) at = fromAt;
  }
  sum += at;
}

/** Nanoseconds for each call: the median of several rounds, each as long as it takes to be measured well. */
function measure(run: (times: number) => void): number {
  const msOf = (times: number): number => {
    const startedAt = performance.now();
    run(times);
    return performance.now() - startedAt;
  };
  let times = 64;
  while (msOf(times) < roundMs / 4) times *= 2;
  const each = Math.max(1, Math.round((times * roundMs) / msOf(times)));
  return (median(Array.from({ length: rounds }, () => msOf(each))) / each) * 1e6;
}

function nanoseconds(ns: number): string {
  return ns < 10_000 ? `${ns.toFixed(ns < 10 ? 1 : 0)} ns` : `${(ns / 1000).toFixed(1)} us`;
}
