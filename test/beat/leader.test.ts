import { describe, expect, it } from "vitest";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { type Stage, stage, startAt } from "../helper/beat-stage.ts";
import { Life } from "../helper/life.ts";
import { ManualClock } from "../helper/manual-clock.ts";

/** A broker that can be had anew, as after a restart of a server that keeps nothing on its disk. */
class ForgetfulBroker {
  readonly #clock: ManualClock;
  broker: MemoryBroker;

  constructor(clock: ManualClock) {
    this.#clock = clock;
    this.broker = new MemoryBroker({ clock });
  }

  forgetAll(): void {
    this.broker = new MemoryBroker({ clock: this.#clock });
  }

  /** Whatever it is now, under the same address. */
  get through(): MemoryBroker {
    const leases = stand(() => this.broker.leases);
    return stand(
      () => this.broker,
      (key) => (key === "leases" ? leases : undefined),
    );
  }
}

function stand<Target extends object>(pick: () => Target, instead?: (key: string | symbol) => unknown): Target {
  return new Proxy(pick(), {
    get: (_target, key) => {
      const own = instead?.(key);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(pick(), key, pick());
      return typeof value === "function" ? value.bind(pick()) : value;
    },
  });
}

async function pair() {
  const clock = new ManualClock(startAt);
  const place = new ForgetfulBroker(clock);
  const life = new Life();
  const join = (label: string, more: { life?: Life } = {}): Promise<Stage> =>
    stage({ clock, broker: place.broker, through: place.through, label, ...more });
  return { clock, place, life, first: await join("a:1", { life }), second: await join("b:2") };
}

describe("a broker that has forgotten who leads", () => {
  it("is led on by who led last at once, though another one stood by", async () => {
    const { clock, place, first, second } = await pair();
    await clock.advance(12_000);
    place.forgetAll();
    await clock.advance(3_500);
    expect(first.steering.status()).toMatchObject({ leads: true });
    expect(first.eventsOf("beat-lost-lease")).toHaveLength(1);
    await clock.advance(60_000);
    expect(second.eventsOf("beat-started")).toEqual([]);
    expect(second.steering.status()).toMatchObject({ leads: false, leader: "a:1" });
    const dueTimes = first.eventsOf("occurrence-sent").map(({ dueAt }) => (dueAt - startAt) / 1000);
    expect(dueTimes).toEqual([10, 20, 30, 40, 50, 60, 70]);
    await first.beat.stop();
    await second.beat.stop();
  });

  it("is left to who led last for one lease by a beat that stood by, which leads then", async () => {
    const { clock, place, life, second } = await pair();
    await clock.advance(12_000);
    life.kill();
    place.forgetAll();
    await clock.advance(9_900);
    expect(second.steering.status()).toMatchObject({ leads: false });
    await clock.advance(800);
    expect(second.steering.status()).toMatchObject({ leads: true, leader: "b:2" });
    expect(second.eventsOf("beat-started")).toHaveLength(1);
    await second.beat.stop();
  });

  it("is waited for anew when it forgets a second time, after somebody led in between", async () => {
    const { clock, place, life, second } = await pair();
    await clock.advance(12_000);
    place.forgetAll();
    await clock.advance(6_000);
    expect(second.steering.status()).toMatchObject({ leads: false, leader: "a:1" });
    life.kill();
    place.forgetAll();
    await clock.advance(9_900);
    expect(second.steering.status()).toMatchObject({ leads: false });
    await clock.advance(800);
    expect(second.steering.status()).toMatchObject({ leads: true });
    await second.beat.stop();
  });

  it("is led at once by a beat that has just come and knows of nobody", async () => {
    const { clock, place, life, second } = await pair();
    await clock.advance(12_000);
    life.kill();
    await second.beat.stop();
    place.forgetAll();
    const third = await stage({ clock, broker: place.broker, through: place.through, label: "c:3" });
    expect(third.steering.status()).toMatchObject({ leads: true });
    await third.beat.stop();
  });
});
