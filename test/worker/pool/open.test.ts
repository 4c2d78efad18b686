import { describe, expect, it } from "vitest";
import { poolKind } from "../../../src/worker/pool/open.ts";

describe("the name of a pool", () => {
  it.each([
    ["prefork", "prefork"],
    ["processes", "prefork"],
    ["async", "async"],
    ["threads", "async"],
    ["gevent", "async"],
    ["eventlet", "async"],
    ["solo", "solo"],
    ["Prefork", "prefork"],
  ])("%s stands for %s", (name, kind) => {
    expect(poolKind(name)).toBe(kind);
  });

  it("is refused when there is no such pool, with what was meant", () => {
    expect(() => poolKind("preforck")).toThrow(
      expect.objectContaining({ code: "usage", message: 'there is no pool "preforck"', hint: "did you mean prefork?" }),
    );
    expect(() => poolKind("x")).toThrow(expect.objectContaining({ hint: "the pools are prefork, async and solo" }));
  });
});
