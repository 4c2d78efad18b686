import { describe, expect, it } from "vitest";
import { type Guard, RefusedError, StaleTermError } from "../../../src/broker/broker.ts";
import { Rehearsal } from "../../../src/broker/redis/rehearsal.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

const guard: Guard = { scope: "app", term: 7, marks: [], isNew: true };

/** How many of so many rehearsals went to Redis, where its answers take so long. */
async function playedOf(rehearsals: number, answerMs: (asked: number) => number): Promise<number> {
  const clock = new ManualClock(0);
  let asked = 0;
  const publish = async (_batch: unknown, { term }: Guard = guard): Promise<never> => {
    asked += 1;
    await clock.sleep(answerMs(asked));
    throw new StaleTermError("app", term);
  };
  const rehearsal = new Rehearsal({ clock, publisher: { publish, isCheapToRefuse: () => true } });
  for (let round = 0; round < rehearsals; round += 1) {
    const played = rehearsal.play([], guard);
    await clock.advance(1000);
    await played;
  }
  return asked;
}

describe("a rehearsal", () => {
  it("is given up where Redis is so far away that what is due would have to wait for its answers", async () => {
    expect(await playedOf(20, () => 12)).toBe(3);
  });

  it("goes on where Redis is near, and is slow now and then", async () => {
    expect(await playedOf(20, (asked) => (asked % 3 === 0 ? 2 : 12))).toBe(20);
  });

  it("is tried again after an hour", async () => {
    expect(await playedOf(3600 + 4, () => 12)).toBe(4);
  });

  it("is given up where the user may not do what it takes", async () => {
    const clock = new ManualClock(0);
    let asked = 0;
    const publish = async (): Promise<never> => {
      asked += 1;
      throw new RefusedError("NOPERM");
    };
    const rehearsal = new Rehearsal({ clock, publisher: { publish, isCheapToRefuse: () => true } });
    await expect(rehearsal.play([], guard)).rejects.toThrow("NOPERM");
    await rehearsal.play([], guard);
    expect(asked).toBe(1);
  });
});
