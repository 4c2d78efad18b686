import fc from "fast-check";
import { Command } from "ioredis";
import { describe, expect, it } from "vitest";
import { encodeCommand } from "../../src/redis/bulk.ts";

describe("encodeCommand", () => {
  it("writes RESP: counts in bytes, not in characters", () => {
    expect(encodeCommand(["lpush", "näme", ""]).toString()).toBe("*3\r\n$5\r\nlpush\r\n$5\r\nnäme\r\n$0\r\n\r\n");
  });

  it("writes what ioredis would write, for short and long arguments in any order", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme", minLength: 150, maxLength: 450 }),
      fc.string({ unit: "grapheme-ascii", minLength: 190, maxLength: 210 }),
    );
    fc.assert(
      fc.property(fc.array(text), (args) => {
        const theirs = new Command("lpush", args).toWritable(undefined as never);
        expect(encodeCommand(["lpush", ...args])).toEqual(Buffer.from(theirs));
      }),
    );
  });
});
