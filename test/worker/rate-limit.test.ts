// The rate limit is compared with kombu's own bucket, driven by the same clock.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenBucket, parseRate } from "../../src/worker/rate-limit.ts";
import { askPython } from "../helper/wire.ts";

describe("parseRate", () => {
  it.each([
    ["10/s", 10],
    ["10/m", 10 / 60],
    ["100/h", 100 / 3600],
    ["0.5/s", 0.5],
    ["10", 10],
    [5, 5],
    [0.1, 0.1],
    ["0", 0],
    ["0/m", 0],
    [0, 0],
    ["", 0],
    [null, 0],
    [undefined, 0],
  ])("reads %j as %d a second", (rate, perSecond) => {
    expect(parseRate(rate)).toBeCloseTo(perSecond, 12);
  });

  it.each(["ten/m", "10/d", "10/", "-1/s", "10 per minute", "1e3/s", -5, Number.NaN, Number.POSITIVE_INFINITY])(
    "refuses %j with an example",
    (rate) => {
      expect(() => parseRate(rate)).toThrow(/the rate limit .* cannot be read/);
      try {
        parseRate(rate);
      } catch (error) {
        expect(error).toMatchObject({ code: "config", hint: expect.stringContaining('"100/m"') as string });
      }
    },
  );
});

describe("TokenBucket", () => {
  it("lets one task start and holds the next back for an interval", () => {
    const bucket = new TokenBucket(parseRate("10/m"));
    expect(bucket.canConsume(1000)).toBe(true);
    expect(bucket.canConsume(1000)).toBe(false);
    expect(bucket.waitMs(1000)).toBe(6000);
    expect(bucket.waitMs(5000)).toBe(2000);
    expect(bucket.canConsume(6999)).toBe(false);
    expect(bucket.canConsume(7000)).toBe(true);
  });

  it("saves up no more than its capacity over a pause", () => {
    const bucket = new TokenBucket(1, 3);
    const taken = [0, 0, 0, 0, 1_000_000, 1_000_000, 1_000_000, 1_000_000].map((at) => bucket.canConsume(at));
    expect(taken).toEqual([true, true, true, false, true, true, true, false]);
  });

  it("holds nothing back at rate 0", () => {
    const bucket = new TokenBucket(0);
    expect([0, 0, 0, 1].every((at) => bucket.canConsume(at))).toBe(true);
    expect(bucket.waitMs(1)).toBe(0);
  });

  it("says yes when the wait it named is over, and never before", () => {
    const rate = fc.double({ min: 0.001, max: 1000, noNaN: true });
    fc.assert(
      fc.property(rate, fc.nat(1_000_000), fc.integer({ min: 1, max: 5 }), (perSecond, at, capacity) => {
        const bucket = new TokenBucket(perSecond, capacity);
        for (let count = 0; count < capacity; count += 1) expect(bucket.canConsume(at)).toBe(true);
        const waitMs = bucket.waitMs(at);
        expect(waitMs).toBeCloseTo(1000 / perSecond, 3);
        expect(bucket.canConsume(at + waitMs * 0.999)).toBe(false);
        expect(bucket.canConsume(at + Math.ceil(waitMs))).toBe(true);
      }),
    );
  });

  it("decides as kombu's bucket does", () => {
    // Powers of two, so that neither side rounds.
    const looks = Array.from({ length: 300 }, (_, index) => (index * 37 * 125) / 8 + (index % 7) * 125);
    const cases = [0.25, 1, 2, 8].flatMap((rate) => [1, 4].map((capacity) => ({ rate, capacity, looks })));
    const theirs = askPython(
      [
        "from kombu.utils import limits",
        "answer = []",
        "for case in given:",
        "    now = [0.0]",
        "    limits.monotonic = lambda: now[0]",
        "    bucket = limits.TokenBucket(case['rate'], capacity=case['capacity'])",
        "    taken = []",
        "    for at in case['looks']:",
        "        now[0] = at / 1000",
        "        taken.append(bucket.can_consume(1))",
        "    answer.append(taken)",
      ].join("\n"),
      cases,
    );
    const ours = cases.map(({ rate, capacity }) => {
      const bucket = new TokenBucket(rate, capacity);
      return looks.map((at) => bucket.canConsume(at));
    });
    expect(ours.flat()).toContain(false);
    expect(ours).toEqual(theirs);
  });
});
