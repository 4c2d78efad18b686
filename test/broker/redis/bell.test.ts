import { describe, expect, it } from "vitest";
import { Bell } from "../../../src/broker/redis/bell.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

describe("Bell", () => {
  it("is heard by who waits, and by who waits next", async () => {
    const bell = new Bell(new ManualClock(0));
    const waiting = bell.wait(1000);
    bell.ring();
    await waiting;
    bell.ring();
    bell.ring();
    await bell.wait(1000);
  });

  it("is heard once, and not waited for longer than asked", async () => {
    const clock = new ManualClock(0);
    const bell = new Bell(clock);
    bell.ring();
    await bell.wait(1000);
    let over = false;
    const waiting = bell.wait(1000).then(() => {
      over = true;
    });
    await clock.advance(999);
    expect(over).toBe(false);
    await clock.advance(1);
    await waiting;
    expect(over).toBe(true);
  });
});
