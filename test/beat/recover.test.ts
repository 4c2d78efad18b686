import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeMissed, latestUpTo } from "../../src/beat/recover.ts";
import type { MissedPolicy } from "../../src/schedule/entry.ts";
import { every } from "../../src/schedule/interval.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";
import { entryOf } from "../helper/beat-stage.ts";

/** A schedule of given instants, in bursts as uneven as fast-check can make them. */
function listed(instants: readonly number[]): Schedule {
  const sorted = [...new Set(instants)].sort((left, right) => left - right);
  const next = (after: number): number | null => sorted.find((at) => at > after) ?? null;
  return { next, describe: () => "listed", toJSON: () => ({ kind: "listed", sorted }) };
}

const instants = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 60 });

describe("latestUpTo", () => {
  it("finds the newest occurrence not after the end, for any pattern of occurrences", () => {
    fc.assert(
      fc.property(instants, fc.integer({ min: 0, max: 120_000 }), (all, beyond) => {
        const sorted = [...new Set(all)].sort((left, right) => left - right);
        const first = sorted[0] ?? 0;
        const until = first + beyond;
        expect(latestUpTo(listed(all), first, until)).toBe(sorted.findLast((at) => at <= until));
      }),
    );
  });

  it("asks only a few times, however long ago the last one is", () => {
    let asked = 0;
    const minutes = every(60, { anchor: 0 });
    const counting = { ...listed([]), next: (after: number) => ((asked += 1), minutes.next(after)) };
    const year = 365 * 86_400_000;
    expect(latestUpTo(counting, 60_000, year)).toBe(year);
    expect(asked).toBeLessThan(50);
  });
});

describe("judgeMissed", () => {
  it("sends and drops every missed occurrence exactly once between them, under every policy", () => {
    const policies: MissedPolicy[] = ["latest", "earliest", "all", "skip"];
    const within = fc.option(fc.integer({ min: 0, max: 60_000 }));
    fc.assert(
      fc.property(
        instants,
        fc.integer({ min: 0, max: 50_000 }),
        fc.constantFrom(...policies),
        within,
        (all, late, missed, missedWithinMs) => {
          const schedule = listed(all);
          const firstAt = schedule.next(0) as number;
          const until = firstAt + late;
          const verdict = judgeMissed(entryOf({ schedule, missed, missedWithinMs }), schedule, {
            firstAt,
            until,
            countLimit: 1e6,
          });
          const due = [...new Set(all)].filter((at) => at <= until);
          const young = due.filter((at) => missedWithinMs === null || at >= until - missedWithinMs);
          const dropped = verdict.dropped.reduce((sum, span) => sum + span.count, 0);
          if (missed === "all") {
            expect(verdict.catchUpFrom).toBe(young.length === 0 ? null : Math.min(...young));
            expect(dropped).toBe(due.length - young.length);
            return;
          }
          expect(dropped + (verdict.send === null ? 0 : 1)).toBe(due.length);
          const expected = { latest: Math.max(...young), earliest: Math.min(...young), skip: null }[missed];
          expect(verdict.send).toBe(young.length === 0 ? null : expected);
          expect(verdict.settledAt).toBe(Math.max(...due));
        },
      ),
    );
  });

  it("stops counting at its limit and says so, with the right end all the same", () => {
    const schedule = every(1, { anchor: 0 });
    const span = { firstAt: 1000, until: 1_000_000_500, countLimit: 100 };
    const { dropped, send } = judgeMissed(entryOf({ schedule, missed: "skip" }), schedule, span);
    expect(send).toBeNull();
    expect(dropped).toEqual([{ count: 100, atLeast: true, fromAt: 1000, toAt: 1_000_000_000, reason: "missed: skip" }]);
  });
});
