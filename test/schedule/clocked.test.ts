import { describe, expect, it } from "vitest";
import { clocked } from "../../src/schedule/clocked.ts";

const at = (text: string): number => Date.parse(text);
const instantOf = (time: string | number | Date, timezone?: string): string =>
  new Date(clocked(time, { timezone }).next(-1e15)!).toISOString();

describe("clocked", () => {
  it("fires once, strictly after", () => {
    const once = clocked("2026-12-24T18:00Z");
    expect(once.next(at("2026-12-24T17:59:59.999Z"))).toBe(at("2026-12-24T18:00Z"));
    expect(once.next(at("2026-12-24T18:00Z"))).toBeNull();
    expect(once.next(at("2030-01-01"))).toBeNull();
  });

  it("takes an instant, a Date and ISO text", () => {
    expect(instantOf(1_700_000_000_000)).toBe("2023-11-14T22:13:20.000Z");
    expect(instantOf(new Date(1_700_000_000_000))).toBe("2023-11-14T22:13:20.000Z");
    expect(instantOf("2026-12-24T18:00+08:00")).toBe("2026-12-24T10:00:00.000Z");
    expect(instantOf("2026-12-24T18:00:30.5-0330")).toBe("2026-12-24T21:30:30.500Z");
    expect(instantOf("2026-12-24 18:00:30")).toBe("2026-12-24T18:00:30.000Z");
    expect(instantOf("2026-12-24")).toBe("2026-12-24T00:00:00.000Z");
    expect(instantOf("2024-02-29T00:00:00.123456Z")).toBe("2024-02-29T00:00:00.123Z");
  });

  it("reads text without an offset in its zone, or in the entry's", () => {
    expect(instantOf("2026-12-24T18:00", "Asia/Taipei")).toBe("2026-12-24T10:00:00.000Z");
    const bound = clocked("2026-12-24T18:00").bind({ timezone: "Asia/Taipei" });
    expect(bound.next(0)).toBe(at("2026-12-24T10:00Z"));
    const own = clocked("2026-12-24T18:00", { timezone: "Asia/Taipei" }).bind({ timezone: "Europe/London" });
    expect(own.next(0)).toBe(at("2026-12-24T10:00Z"));
    expect(clocked("2026-12-24T18:00Z").bind({ timezone: "Asia/Taipei" }).next(0)).toBe(at("2026-12-24T18:00Z"));
  });

  it("fires at the end of the gap that swallows its time, and in the first of two copies", () => {
    expect(instantOf("2025-03-09T02:30", "America/New_York")).toBe("2025-03-09T07:00:00.000Z");
    expect(instantOf("2025-11-02T01:30", "America/New_York")).toBe("2025-11-02T05:30:00.000Z");
  });

  it("refuses a time that does not exist, and says what to write", () => {
    const wrong = [
      "2026-02-31",
      "2026-13-01T00:00",
      "2026-01-01T24:00",
      "2026-01-01T10:60",
      "tomorrow",
      "",
      "2026-1-1",
    ];
    for (const time of [...wrong, "2026-01-01T10:00+24:00", "2026-01-01T10:00 CET"]) {
      expect(() => clocked(time)).toThrow(`at: ${JSON.stringify(time)} is not a date and time`);
    }
    expect(() => clocked(new Date("no"))).toThrow("at: an invalid Date is not a date and time");
    expect(() => clocked(Number.NaN)).toThrow("at: NaN is not a date and time");
    expect(() => clocked(null as unknown as string)).toThrow("at: null is not a date and time");
    expect(() => clocked("2026-12-24", { timezone: "Mars" })).toThrow('unknown time zone "Mars"');
  });

  it("describes itself in its zone, and is the same JSON for the same instant", () => {
    const taipei = clocked("2026-12-24T18:00", { timezone: "Asia/Taipei" });
    expect(taipei.describe()).toBe("once at 2026-12-24 18:00:00 (Asia/Taipei)");
    expect(clocked("2026-12-24T18:00:00.5Z").describe()).toBe("once at 2026-12-24 18:00:00.500 (UTC)");
    expect(taipei.toJSON()).toEqual({ kind: "clocked", at: "2026-12-24T10:00:00.000Z" });
    expect(clocked("2026-12-24T10:00Z").toJSON()).toEqual(taipei.toJSON());
    expect(Object.isFrozen(taipei)).toBe(true);
  });
});
