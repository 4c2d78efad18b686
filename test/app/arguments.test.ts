import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bindArguments } from "../../src/app/arguments.ts";

const names = ["a", "b", "c", "d"];

describe("bindArguments", () => {
  it("puts every argument in its place, however many of them are named, in whatever order", () => {
    const values = fc.array(fc.anything(), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(values, fc.nat(4), fc.shuffledSubarray(names, { minLength: 4 }), (all, positional, order) => {
        const named = order.filter((name) => names.indexOf(name) >= positional);
        const kwargs = Object.fromEntries(named.map((name) => [name, all[names.indexOf(name)]]));
        const bound = bindArguments({ task: "t", names, required: 4 }, all.slice(0, positional), kwargs);
        expect(bound).toEqual(all);
      }),
    );
  });

  it("leaves a place free where a default may step in", () => {
    const bound = bindArguments({ task: "t", names, required: 1 }, [1], { d: 4 });
    expect(((a: number, b = 20, c = 30, d = 40) => [a, b, c, d])(...(bound as [number]))).toEqual([1, 20, 30, 4]);
  });

  it("names all that is missing, as Python does", () => {
    const missing = (required: number) => () => bindArguments({ task: "t", names, required }, [], {});
    expect(missing(1)).toThrow("t() missing 1 required positional argument: 'a'");
    expect(missing(2)).toThrow("t() missing 2 required positional arguments: 'a' and 'b'");
    expect(missing(3)).toThrow("t() missing 3 required positional arguments: 'a', 'b', and 'c'");
  });

  it("lets more positional arguments than names pass, as JavaScript does", () => {
    expect(bindArguments({ task: "t", names: ["a"], required: 1 }, [1, 2], {})).toEqual([1, 2]);
  });
});
