import { describe, expect, it } from "vitest";
import type { Delivery } from "../../src/broker/consumer.ts";
import { Line } from "../../src/worker/line.ts";
import { Request } from "../../src/worker/request.ts";
import { envelopeOf } from "../helper/envelope.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const start = Date.UTC(2026, 10, 21);

function requestOf(name: string, { task = "proj.t", inMs = 0 } = {}): Request {
  const envelope = envelopeOf(name, { task });
  const eta = inMs === 0 ? null : new Date(start + inMs).toISOString();
  const delivery: Delivery = {
    envelope: { ...envelope, headers: { ...envelope.headers, eta } },
    queue: "celery",
    redelivered: false,
    isLost: false,
    ack: async () => true,
    reject: async () => true,
  };
  return new Request(delivery, start, "UTC");
}

function stage(): { readonly line: Line; readonly clock: ManualClock; readonly rings: () => number } {
  const clock = new ManualClock(start);
  let rings = 0;
  const onReady = (): void => {
    rings += 1;
  };
  return { line: new Line({ clock, onReady }), clock, rings: () => rings };
}

function taken(line: Line): Request[] {
  const all: Request[] = [];
  for (let next = line.next(); next !== undefined; next = line.next()) all.push(next);
  return all;
}

describe("the line of received tasks", () => {
  it("gives them in the order they came", () => {
    const { line } = stage();
    const requests = ["a", "b", "c"].map((name) => requestOf(name));
    for (const request of requests) line.add(request);
    expect(line.reserved).toEqual(requests);
    expect(taken(line)).toEqual(requests);
    expect(line.next()).toBeUndefined();
  });

  it("holds those with an eta until it has come, and rings then", async () => {
    const { line, clock, rings } = stage();
    const late = requestOf("late", { inMs: 20_000 });
    const soon = requestOf("soon", { inMs: 10_000 });
    line.add(late);
    line.add(soon);
    expect(line.scheduled).toEqual([soon, late]);
    expect([soon.stage, line.scheduledCount]).toEqual(["scheduled", 2]);
    expect(line.next()).toBeUndefined();
    await clock.advance(9_999);
    expect(rings()).toBe(0);
    await clock.advance(1);
    expect(rings()).toBe(1);
    expect(taken(line)).toEqual([soon]);
    await clock.advance(10_000);
    expect(taken(line)).toEqual([late]);
  });

  it("notices within seconds that the clock was set forward", async () => {
    const { line, clock } = stage();
    line.add(requestOf("late", { inMs: 3_600_000 }));
    await clock.advance(1000);
    clock.jump(3_600_000);
    await clock.advance(5000);
    expect(taken(line)).toHaveLength(1);
  });

  it("keeps a task within its rate while others pass", async () => {
    const { line, clock } = stage();
    line.setRate("proj.slow", "6/m");
    const slow = ["a", "b", "c"].map((name) => requestOf(name, { task: "proj.slow" }));
    const quick = requestOf("q");
    for (const request of [...slow, quick]) line.add(request);
    expect(taken(line)).toEqual([slow[0], quick]);
    expect(line.reserved).toEqual([slow[1], slow[2]]);
    await clock.advance(9_000);
    expect(taken(line)).toEqual([]);
    await clock.advance(1_100);
    expect(taken(line)).toEqual([slow[1]]);
    await clock.advance(10_000);
    expect(taken(line)).toEqual([slow[2]]);
  });

  it("lets all go when the limit is lifted", () => {
    const { line, rings } = stage();
    line.setRate("proj.slow", "1/h");
    for (const name of ["a", "b", "c"]) line.add(requestOf(name, { task: "proj.slow" }));
    expect(taken(line)).toHaveLength(1);
    line.setRate("proj.slow", null);
    expect(taken(line)).toHaveLength(2);
    expect(rings()).toBeGreaterThan(0);
  });

  it("takes out what is removed, wherever it waits", async () => {
    const { line, clock } = stage();
    line.setRate("proj.slow", "1/h");
    const eta = requestOf("eta", { inMs: 1000 });
    const ready = requestOf("ready");
    const slow = ["a", "b"].map((name) => requestOf(name, { task: "proj.slow" }));
    for (const request of [eta, ready, ...slow]) line.add(request);
    for (const request of [eta, ready, ...slow]) line.remove(request);
    await clock.advance(7_200_000);
    expect(taken(line)).toEqual([]);
    expect([line.scheduledCount, line.reserved]).toEqual([0, []]);
  });

  it("is silent once it was cleared", async () => {
    const { line, clock, rings } = stage();
    line.add(requestOf("eta", { inMs: 1000 }));
    line.clear();
    await clock.advance(10_000);
    expect([rings(), clock.sleepers]).toEqual([0, 0]);
  });

  it("refuses a rate that it cannot read", () => {
    expect(() => stage().line.setRate("proj.t", "often")).toThrow("often");
  });
});
