import { describe, expect, it } from "vitest";
import { OneAtATime } from "../../src/beat/one-at-a-time.ts";

describe("one at a time", () => {
  it("begins nothing before what came before has ended, in one way or the other", async () => {
    const turn = new OneAtATime();
    const said: string[] = [];
    const work = (name: string, failure?: Error) => async (): Promise<string> => {
      said.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      said.push(`${name} ends`);
      if (failure !== undefined) throw failure;
      return name;
    };
    const results = [turn.run(work("a")), turn.run(work("b", new Error("no"))), turn.run(work("c"))];
    expect(await Promise.allSettled(results)).toMatchObject([
      { value: "a" },
      { reason: { message: "no" } },
      { value: "c" },
    ]);
    expect(said).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });
});
