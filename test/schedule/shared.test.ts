import { describe, expect, it } from "vitest";
import { parseScheduleText } from "../../src/schedule/parse.ts";
import type { Entry } from "../../src/schedule/entry.ts";

function parse(...lines: readonly string[]): readonly Entry[] {
  const text = ["entries:", ...lines.map((line, index) => `  e${index}: {task: proj.add, ${line}}`)].join("\n");
  return parseScheduleText(text, "x.yaml", { timezone: "UTC", missedWithinMs: null }).entries;
}

describe("entries that say the same", () => {
  it("share their options", () => {
    const [first, second] = parse(
      "schedule: 10, options: {queue: a, priority: 3}",
      "schedule: 5, options: {queue: a, priority: 3}",
    );
    expect(second?.options).toBe(first?.options);
    expect(first?.options).toEqual({ queue: "a", priority: 3 });
  });

  it("keep options that differ apart, in value or in type", () => {
    const options = parse(
      "schedule: 10, options: {queue: a}",
      "schedule: 10, options: {queue: b}",
      "schedule: 10, options: {shadow: '3'}",
      "schedule: 10, options: {priority: 3}",
    ).map((entry) => entry.options);
    expect(options).toEqual([{ queue: "a" }, { queue: "b" }, { shadow: "3" }, { priority: 3 }]);
  });

  it("keep headers to themselves", () => {
    const [first, second] = parse(
      "schedule: 10, options: {headers: {a: 1}}",
      "schedule: 10, options: {headers: {a: 1}}",
    );
    expect(second?.options).not.toBe(first?.options);
    expect(second?.options).toEqual(first?.options);
  });

  it("share schedule and hash until a limit, a jitter or a count tells them apart", () => {
    const plain = 'schedule: "30 7 * * mon"';
    const [one, two, shaken, counted] = parse(plain, plain, `${plain}, jitter: 30s`, `${plain}, max_runs: 3`);
    expect(two?.schedule).toBe(one?.schedule);
    expect(two?.scheduleHash).toBe(one?.scheduleHash);
    expect(new Set([one, shaken, counted].map((entry) => entry?.scheduleHash)).size).toBe(3);
  });
});

describe("the schedule hash", () => {
  it("is what it was: records in use know entries by it, and another would count as an edit", () => {
    const text = `timezone: Europe/Oslo
entries:
  crontab: {task: t.a, schedule: "30 7 * * mon"}
  interval: {task: t.b, schedule: 10}
  anchored: {task: t.c, schedule: {every: 1h, anchor: "2026-01-01T00:00"}, jitter: 30s}
  solar: {task: t.d, schedule: {solar: sunset, latitude: -37.8, longitude: 144.9}, max_runs: 3}
  e: {task: t.e, schedule: "H 3 * * *", exclude: 2026-12-25, enabled: false}
  relative: {task: t.f, schedule: 1d, relative: true}
  once: {task: t.g, schedule: {at: "2027-01-01T00:00"}}
  bounded: {task: t.h, schedule: 1h, start_at: "2026-01-01T00:30", end_at: 2027-01-01}
`;
    const { entries } = parseScheduleText(text, "x.yaml", { timezone: "UTC", missedWithinMs: null });
    expect(Object.fromEntries(entries.map(({ name, scheduleHash }) => [name, scheduleHash]))).toEqual({
      crontab: "ef6bd880646a4b83",
      interval: "e21624f12971a264",
      anchored: "725e20f175a37971",
      solar: "adf35c54844a1aa7",
      e: "b92852fc9af387a1",
      relative: "f2ef65882af36156",
      once: "9361d56c25458d8e",
      bounded: "c6fe3209ef21679b",
    });
  });
});
