import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readJson } from "../../src/protocol/json-reader.ts";
import { quoteJson, writeJson } from "../../src/protocol/json-writer.ts";
import { requireService } from "../helper/debian.ts";
import { anyData, anyText, askPython } from "../helper/wire.ts";

class Point {
  readonly x = 1;
}

class Money {
  toJSON(): unknown {
    return { amount: "1.50" };
  }
}

function cycle(): unknown {
  const node: Record<string, unknown> = {};
  node["self"] = node;
  return [node];
}

describe("writeJson", () => {
  it("puts Python's spaces between the parts and escapes all but ASCII", () => {
    expect(writeJson({ a: [1, "é☃😀\x7f"], b: {}, c: [] })).toBe(
      String.raw`{"a": [1, "\u00e9\u2603\ud83d\ude00\u007f"], "b": {}, "c": []}`,
    );
  });

  it("says the same as JSON.stringify on anything that is plain data", () => {
    fc.assert(
      fc.property(anyData, (value) => {
        expect(JSON.parse(writeJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("quotes text as ASCII that reads back as the same text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const quoted = quoteJson(text);
        expect(quoted).toMatch(/^[ -~]*$/);
        expect(JSON.parse(quoted)).toBe(text);
      }),
    );
  });

  it("marks dates and bytes as kombu does, and writes big integers in full", () => {
    expect(writeJson(new Date(1234))).toBe('{"__type__": "datetime", "__value__": "1970-01-01T00:00:01.234000+00:00"}');
    expect(writeJson(Buffer.from("zażółć"))).toBe(
      String.raw`{"__type__": "bytes", "__value__": "za\u017c\u00f3\u0142\u0107"}`,
    );
    expect(writeJson(new Uint8Array([0, 255]))).toBe('{"__type__": "base64", "__value__": "AP8="}');
    expect(writeJson(2n ** 63n)).toBe("9223372036854775808");
  });

  it("asks an object for its own form", () => {
    expect(writeJson([new Money(), new URL("redis://host/1")])).toBe('[{"amount": "1.50"}, "redis://host/1"]');
    expect(writeJson(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a": 1}');
  });

  it.each([
    [[1, undefined], "args[1] is undefined"],
    [Object.assign([], { length: 1 }), "args[0] is undefined"],
    [[{ callback: (): void => {} }], "args[0].callback is a function: tasks take data only"],
    [[Symbol("s")], "args[0] is a symbol"],
    [[[Number.NaN]], "args[0][0] is NaN, and JSON has no such number"],
    [[Number.NEGATIVE_INFINITY], "args[0] is -Infinity"],
    [[new Map()], "args[0] is a Map"],
    [[{ "a b": new Set() }], 'args[0]["a b"] is a Set'],
    [[Promise.resolve()], "args[0] is a Promise"],
    [[new Date(Number.NaN)], "args[0] is an invalid Date"],
    [[new Point()], "args[0] is an instance of Point"],
    [[/x/], "args[0] is an instance of RegExp"],
    [cycle(), "refers back to itself"],
  ])("refuses what is not data, by its place: %#", (value, message) => {
    expect(() => writeJson(value, "args")).toThrow(message);
  });

  it("says what to write instead", () => {
    expect(() => writeJson([new Set()])).toThrow(expect.objectContaining({ hint: "send [...set]" }));
    expect(() => writeJson([new Map()])).toThrow(expect.objectContaining({ hint: "send Object.fromEntries(map)" }));
  });

  it("lets an error of a toJSON through as it is", () => {
    const broken = {
      toJSON(): never {
        throw new RangeError("no form");
      },
    };
    expect(() => writeJson(broken)).toThrow(RangeError);
  });

  it("reads back as it was, dates, bytes and big integers too", () => {
    const leaf = fc.oneof(
      anyData,
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-01-01") }),
      fc.uint8Array({ maxLength: 20 }),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 200n }).filter((integer) => String(Number(integer)) !== String(integer)),
    );
    fc.assert(
      fc.property(fc.dictionary(anyText, fc.array(leaf, { maxLength: 4 }), { maxKeys: 4 }), (value) => {
        expect(withoutMinusZero(readJson(writeJson(value)))).toEqual(withoutMinusZero(value));
      }),
    );
  });
});

/** JSON has no -0, and objects that JSON.parse made have another prototype than those of fast-check. */
function withoutMinusZero(value: unknown): unknown {
  if (value === 0) return 0;
  if (Array.isArray(value)) return value.map(withoutMinusZero);
  if (typeof value !== "object" || value === null || value instanceof Date || value instanceof Uint8Array) return value;
  return Object.entries(value).map(([key, child]) => [key, withoutMinusZero(child)]);
}

describe.skipIf(!requireService("celery"))("writeJson beside Python's json.dumps", () => {
  it("writes the same bytes for the same data", () => {
    const values = fc.sample(anyData, { numRuns: 300, seed: 20_261_121 });
    const texts = values.map((value) => writeJson(value));
    // Numbers have no one form: Python writes 1e-05 where JavaScript writes 0.00001. So JavaScript's are kept as they are.
    const program = [
      "class Same(float):",
      "    def __repr__(self): return self.text",
      "def keep(text):",
      "    number = Same(text); number.text = text; return number",
      "class Encoder(json.JSONEncoder):",
      "    def iterencode(self, o, _one_shot=False):",
      "        write = json.encoder._make_iterencode({}, self.default, json.encoder.encode_basestring_ascii, None,",
      "            lambda number: number.text, ': ', ', ', False, False, False)",
      "        return write(o, 0)",
      "answer = [''.join(Encoder().iterencode(json.loads(text, parse_float=keep))) for text in given]",
    ].join("\n");
    expect(askPython(program, texts)).toEqual(texts);
  });
});
