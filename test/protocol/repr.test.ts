import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { writeJson } from "../../src/protocol/json-writer.ts";
import { pythonRepr, reprCall } from "../../src/protocol/repr.ts";
import { requireService } from "../helper/debian.ts";
import { anyData, askPython } from "../helper/wire.ts";

describe("pythonRepr", () => {
  it.each([
    [null, "None"],
    [[true, false], "[True, False]"],
    ["it's", `"it's"`],
    [`it's "so"`, String.raw`'it\'s "so"'`],
    ["a\n\\\x00\x7f\xa0é☃😀\u200b", String.raw`'a\n\\\x00\x7f\xa0é☃😀\u200b'`],
    [{ a: { b: [] } }, "{'a': {'b': []}}"],
    [1e-5, "1e-05"],
    [1e22, "1e+22"],
    [2n ** 63n, "9223372036854775808"],
    [new Date(Date.UTC(2030, 0, 2, 3, 4)), "datetime.datetime(2030, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)"],
    [
      new Date(Date.UTC(2030, 0, 2, 3, 4, 5, 6)),
      "datetime.datetime(2030, 1, 2, 3, 4, 5, 6000, tzinfo=datetime.timezone.utc)",
    ],
    [new Uint8Array([0, 39, 97, 255]), String.raw`b"\x00'a\xff"`],
    [new URL("redis://host"), "'redis://host'"],
  ])("shows what Python would have: %#", (value, expected) => {
    expect(pythonRepr(value)).toBe(expected);
  });
});

describe("reprCall", () => {
  it("shows a call as Celery does", () => {
    expect(reprCall("proj.add", [5, 10], {})).toBe("proj.add(5, 10)");
    expect(reprCall("tasks.hello", ["there"], { to: null })).toBe("tasks.hello('there', to=None)");
    expect(reprCall("tasks.none", [], {})).toBe("tasks.none()");
    expect(reprCall("tasks.none", [], { a: 1, b: [2] })).toBe("tasks.none(a=1, b=[2])");
  });
});

describe.skipIf(!requireService("celery"))("pythonRepr beside Python", () => {
  it("is repr() of what Python reads from our JSON", () => {
    const values = fc.sample(anyData, { numRuns: 500, seed: 526 });
    const answer = askPython(
      "answer = [repr(json.loads(text)) for text in given]",
      values.map((value) => writeJson(value)),
    );
    expect(values.map(pythonRepr)).toEqual(answer);
  });
});
