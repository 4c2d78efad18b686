import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { writeJson } from "../../src/protocol/json-writer.ts";
import { saferepr } from "../../src/protocol/saferepr.ts";
import { requireService } from "../helper/debian.ts";
import { anyData, anyText, askPython } from "../helper/wire.ts";

describe("saferepr", () => {
  it("shows text in single quotes and nothing escaped but these", () => {
    expect(saferepr(["it's", 'a "b"\n'])).toBe(`['it\\'s', 'a "b"\n']`);
  });

  it("stops at three levels", () => {
    expect(saferepr([[[[1], { a: 1 }]]])).toBe("[[[[...], {...}]]]");
  });

  it("shows bytes as Celery does", () => {
    expect(saferepr([new Uint8Array([0, 255]), new Uint8Array([97])])).toBe("[b'00ff', b'a']");
  });

  it("shows what an object sends in its place", () => {
    expect(saferepr([new URL("redis://host"), new Date(0)])).toBe(
      "['redis://host', datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)]",
    );
  });

  it("stays short however much it is given, and closes what it opened", () => {
    const text = saferepr(Array.from({ length: 100_000 }, (_, index) => ({ index })));
    expect(text.length).toBeLessThan(1100);
    expect(text).toMatch(/, \.\.\.\}?\]$/);
  });
});

describe.skipIf(!requireService("celery"))("saferepr beside Celery's", () => {
  const words = fc.array(anyText, { maxLength: 40 }).map((parts) => parts.join(" "));
  const cases = fc.tuple(
    fc.oneof(fc.array(fc.oneof(anyData, words), { maxLength: 8 }), fc.dictionary(anyText, anyData)),
    fc.oneof(fc.constant(1024), fc.integer({ min: 1, max: 80 })),
  );

  it("cuts at the same character, whatever the limit", () => {
    const samples = fc.sample(cases, { numRuns: 800, seed: 562 });
    const given = samples.map(([value, limit]) => [writeJson(value), limit]);
    const program = [
      "from celery.utils.saferepr import saferepr",
      "answer = [saferepr(json.loads(text), limit) for text, limit in given]",
    ].join("\n");
    expect(samples.map(([value, limit]) => saferepr(value, limit))).toEqual(askPython(program, given));
  });
});
