// Our sun against Celery's: python3-ephem under celery.schedules.solar, all nine events, any place, any day until 2050.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { solar, solarEvents } from "../../src/schedule/solar.ts";
import { requireService } from "../helper/debian.ts";

type Case = readonly [event: string, latitude: number, longitude: number, after: number];

interface Answer {
  /** Celery's own search; null where it does not come to an end. */
  readonly celery: number | null;
  /** The first time in a blind scan that ephem's sun is past the horizon. */
  readonly scan: number | null;
}

interface Comparison {
  readonly question: string;
  readonly scanError: number;
  readonly celeryError: number | null;
}

const script = fileURLToPath(new URL("../helper/celery-solar.py", import.meta.url));
const HALF_HOUR = 1800;

function askCelery(cases: readonly Case[]): readonly Answer[] {
  const asked = spawnSync("/usr/bin/python3", [script], {
    input: JSON.stringify(cases),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (asked.status !== 0) throw new Error(`celery-solar.py failed: ${asked.stderr}`);
  return JSON.parse(asked.stdout) as Answer[];
}

function compare(cases: readonly Case[]): readonly Comparison[] {
  const answers = askCelery(cases);
  return cases.map((question, index) => {
    const [event, latitude, longitude, after] = question;
    const ours = solar(event, latitude, longitude).next(after);
    const { celery, scan } = answers[index] ?? { celery: null, scan: null };
    return {
      question: `${event} at ${latitude}, ${longitude} after ${new Date(after).toISOString()}`,
      scanError: secondsBetween(ours, scan) ?? Number.POSITIVE_INFINITY,
      celeryError: secondsBetween(ours, celery),
    };
  });
}

function secondsBetween(left: number | null, right: number | null): number | null {
  return left === null || right === null ? null : Math.abs(left - right) / 1000;
}

/** The same cases on every run: nothing but the code under test can change the outcome. */
function drawCases(count: number, lowest: number, highest: number): readonly Case[] {
  const latitude = fc.tuple(fc.constantFrom(-1, 1), fc.double({ min: lowest, max: highest, noNaN: true }));
  const anyCase = fc.tuple(
    fc.constantFrom(...solarEvents),
    latitude.map(([sign, degrees]) => sign * degrees),
    fc.double({ min: -180, max: 180, noNaN: true }),
    fc.integer({ min: Date.UTC(2000, 0), max: Date.UTC(2050, 0) }),
  );
  return fc.sample(fc.noBias(anyCase), { numRuns: count, seed: 20_260_101 });
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function report(band: string, errors: readonly number[]): void {
  const [median, p99, worst] = [0.5, 0.99, 1].map((share) => quantile(errors, share).toFixed(2));
  console.log(`solar, ${band}: ${errors.length} events, median ${median} s, p99 ${p99} s, worst ${worst} s`);
}

describe.skipIf(!requireService("celery"))("the solar schedule beside Celery's", () => {
  describe.each([
    { band: "up to 60 degrees", count: 1200, lowest: 0, highest: 60, budget: 5 },
    { band: "from 60 to 80 degrees", count: 500, lowest: 60, highest: 80, budget: 60 },
  ])("$band", ({ band, count, lowest, highest, budget }) => {
    let comparisons: readonly Comparison[] = [];
    beforeAll(() => {
      comparisons = compare(drawCases(count, lowest, highest));
    });

    it("has the right event every time", () => {
      const wrong = comparisons.filter(({ scanError }) => scanError > HALF_HOUR);
      expect(wrong).toEqual([]);
    });

    it("is within its budget of Celery's own answers", () => {
      const errors = comparisons.map(({ celeryError }) => celeryError).filter((error) => error !== null);
      report(band, errors);
      expect(errors.length).toBeGreaterThan(count * 0.98);
      expect(quantile(errors, 0.99)).toBeLessThanOrEqual(budget);
      expect(quantile(errors, 0.5)).toBeLessThanOrEqual(1);
    });

    it("is within its budget of where ephem has the sun", () => {
      const errors = comparisons.map(({ scanError }) => scanError);
      expect(quantile(errors, 0.99)).toBeLessThanOrEqual(budget);
    });
  });

  it("agrees on each event through a year in the polar towns and on the date line", () => {
    const places = [
      [78.22, 15.65],
      [69.65, 18.96],
      [-77.85, 166.67],
      [-16.8, 179.9],
      [-16.8, -179.9],
      [0, 0],
    ] as const;
    const days = [0, 2, 4, 6, 8, 10].map((month) => Date.UTC(2026, month, 9));
    const cases = places.flatMap(([latitude, longitude]) =>
      solarEvents.flatMap((event) => days.map((after): Case => [event, latitude, longitude, after])),
    );
    const far = compare(cases).filter(({ scanError }) => scanError > 60);
    expect(far).toEqual([]);
  });
});
