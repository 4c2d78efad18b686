import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readJson } from "../../src/protocol/json-reader.ts";
import { anyData } from "../helper/wire.ts";

const marked = (type: string, value: unknown): string => JSON.stringify({ __type__: type, __value__: value });

describe("readJson", () => {
  it("reads any JSON text as JSON.parse does", () => {
    fc.assert(
      fc.property(anyData, (value) => {
        const text = JSON.stringify(value);
        expect(readJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("gives a number back as a number, however large", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 1, max: 2 ** 20 }), (integer, factor) => {
        expect(readJson(String(integer * factor))).toBe(integer * factor);
      }),
    );
  });

  it("keeps integers of any size, inside text and out", () => {
    expect(
      readJson("[9223372036854775808, -12345678901234567890, 9007199254740991, 1e30, 12345678901234567.5]"),
    ).toEqual([9223372036854775808n, -12345678901234567890n, 9007199254740991, 1e30, 12345678901234568]);
    expect(readJson(String.raw`{"a\"12345678901234567890": "NaN 12345678901234567890"}`)).toEqual({
      'a"12345678901234567890': "NaN 12345678901234567890",
    });
  });

  it("tolerates the bare NaN and Infinity that Python writes", () => {
    expect(readJson('[NaN, Infinity, -Infinity, {"a": NaN}]')).toEqual([
      Number.NaN,
      Infinity,
      -Infinity,
      { a: Number.NaN },
    ]);
  });

  it("reads every mark of kombu 5.6", () => {
    expect(readJson(marked("datetime", "2030-01-02T08:34:05.678901+05:30"))).toEqual(
      new Date("2030-01-02T03:04:05.678Z"),
    );
    expect(readJson(marked("datetime", "2030-01-02T03:04:05"))).toEqual(new Date("2030-01-02T03:04:05Z"));
    expect(readJson(marked("bytes", "zażółć"))).toEqual(new Uint8Array(Buffer.from("zażółć")));
    expect(readJson(marked("base64", "AP8="))).toEqual(new Uint8Array([0, 255]));
    expect(readJson(marked("date", "2024-01-02"))).toBe("2024-01-02");
    expect(readJson(marked("time", "03:04:05"))).toBe("03:04:05");
    expect(readJson(marked("decimal", "1.50"))).toBe("1.50");
    expect(readJson(marked("uuid", { hex: "00000000000000000000000000000005" }))).toBe(
      "00000000-0000-0000-0000-000000000005",
    );
  });

  it("takes an object for what it is when the mark is not alone", () => {
    expect(readJson('{"__type__": "datetime", "__value__": "x", "more": 1}')).toEqual({
      __type__: "datetime",
      __value__: "x",
      more: 1,
    });
  });

  it.each([marked("set", [1]), marked("toString", "x"), marked("datetime", "yesterday"), marked("bytes", 1)])(
    "refuses a mark it cannot read: %s",
    (text) => {
      expect(() => readJson(text)).toThrow("cannot read a value marked");
    },
  );

  it("does not let a key change an object's prototype", () => {
    const value = readJson('{"a": NaN, "__proto__": {"b": NaN}}') as object;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(["a", "__proto__"]);
  });

  it("refuses what is not JSON in one line", () => {
    expect(() => readJson("{'a': 1}")).toThrow(/^not JSON: /);
  });

  it("reads a text of several megabytes", () => {
    const text = JSON.stringify({ long: "x\\\n".repeat(1_000_000), big: "12345678901234567890 NaN" });
    expect(readJson(`[${text}, NaN]`)).toEqual([JSON.parse(text), Number.NaN]);
  });
});
