import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { instantOf, isoFormat, parseIso } from "../../src/protocol/iso-time.ts";
import { requireService } from "../helper/debian.ts";
import { askPython } from "../helper/wire.ts";

const zones = ["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"];
const anyInstant = fc.integer({ min: Date.UTC(1975, 0), max: Date.UTC(2035, 0) });

describe("isoFormat", () => {
  it("writes six digits of fraction, or none", () => {
    expect(isoFormat(0)).toBe("1970-01-01T00:00:00+00:00");
    expect(isoFormat(5)).toBe("1970-01-01T00:00:00.005000+00:00");
    expect(isoFormat(5.25)).toBe("1970-01-01T00:00:00.005250+00:00");
    expect(isoFormat(999.9999)).toBe("1970-01-01T00:00:01+00:00");
  });

  it("reads back as the same instant in every zone", () => {
    fc.assert(
      fc.property(anyInstant, fc.constantFrom(...zones), (at, zone) => {
        expect(parseIso(isoFormat(at, zone))).toMatchObject({ utcAt: at, zoned: true });
      }),
    );
  });

  it("refuses a zone that is none", () => {
    expect(() => isoFormat(0, "Mars/Olympus")).toThrow('unknown time zone "Mars/Olympus"');
  });
});

describe("parseIso", () => {
  it.each([
    ["2030-01-02T03:04:05.678901+00:00", "2030-01-02T03:04:05.678901+00:00"],
    ["2030-01-02T03:04:05.678Z", "2030-01-02T03:04:05.678000+00:00"],
    ["2030-01-02 03:04", "2030-01-02T03:04:00"],
    ["2030-01-02", "2030-01-02T00:00:00"],
    ["2030-01-02T03:04:05.000+0530", "2030-01-02T03:04:05+05:30"],
    ["2030-01-02T03:04:05-08", "2030-01-02T03:04:05-08:00"],
  ])("writes %s as Python would", (text, expected) => {
    expect(parseIso(text)?.text).toBe(expected);
  });

  it.each(["", "tomorrow", "2030-02-31", "2030-13-01", "2030-01-02T25:00", "2030-01-02T03:04:05 Paris", "20300102"])(
    "has nothing for %s",
    (text) => {
      expect(parseIso(text)).toBeNull();
    },
  );
});

describe("instantOf", () => {
  const inParis = (text: string): string => new Date(instantOf(parseIso(text)!, "Europe/Paris")).toISOString();

  it("takes a time without an offset as wall-clock time in the zone", () => {
    expect(inParis("2026-01-02T12:00")).toBe("2026-01-02T11:00:00.000Z");
    expect(inParis("2026-07-02T12:00")).toBe("2026-07-02T10:00:00.000Z");
    expect(inParis("2026-07-02T12:00Z")).toBe("2026-07-02T12:00:00.000Z");
  });

  it("takes the first of two, and counts on from before a gap", () => {
    expect(inParis("2026-10-25T02:30")).toBe("2026-10-25T00:30:00.000Z");
    expect(inParis("2026-03-29T02:30")).toBe("2026-03-29T01:30:00.000Z");
  });
});

describe.skipIf(!requireService("celery"))("ISO 8601 beside Python", () => {
  it("is written and read as datetime does it with the same zone", () => {
    const cases = fc.sample(fc.tuple(anyInstant, fc.constantFrom(...zones)), { numRuns: 400, seed: 4 });
    const program = [
      "from datetime import datetime, timedelta, timezone",
      "from zoneinfo import ZoneInfo",
      "epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)",
      "def show(at, zone):",
      "    local = (epoch + timedelta(milliseconds=at)).astimezone(ZoneInfo(zone))",
      "    naive = local.replace(tzinfo=None, fold=0)",
      "    return [local.isoformat(), round(naive.replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000), naive.isoformat()]",
      "answer = [show(*case) for case in given]",
    ].join("\n");
    const answers = askPython(program, cases) as [string, number, string][];
    for (const [index, [at, zone]] of cases.entries()) {
      const [text, naiveAt, naive] = answers[index]!;
      expect(isoFormat(at, zone)).toBe(text);
      expect(instantOf(parseIso(naive)!, zone)).toBe(naiveAt);
    }
  });
});
