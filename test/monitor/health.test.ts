import { describe, expect, it } from "vitest";
import { EventStream } from "../../src/event.ts";
import { isReady } from "../../src/monitor/health.ts";
import { Monitor } from "../../src/monitor/monitor.ts";
import { statusLine } from "../../src/monitor/status-line.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { leading, watchedBeat, watchedFrom } from "../helper/watched-beat.ts";

describe("the health of a beat", () => {
  it("is ok while it leads, looks at the clock and sends", () => {
    const { monitor } = watchedBeat();
    expect(monitor.health()).toEqual({
      status: "ok",
      checks: {
        loop: { status: "ok", text: "the loop looked at the clock 0 ms ago" },
        lateness: { status: "ok", text: "nothing is overdue" },
        broker: { status: "ok", text: "this beat leads" },
        store: { status: "ok", text: "the beat-record is written" },
        schedule: { status: "ok", text: "2 entries" },
      },
    });
    expect([monitor.isLive(), isReady({ beat: monitor.status() })]).toEqual([true, true]);
  });

  it("is ok for a standby, which says who leads", () => {
    const beat = watchedBeat();
    beat.status = { ...leading, leads: false, leader: "web-2:7" };
    expect(beat.monitor.health()).toMatchObject({
      status: "ok",
      checks: { broker: { text: "standing by: web-2:7 leads" } },
    });
    expect([beat.monitor.isLive(), isReady({ beat: beat.monitor.status() })]).toEqual([true, true]);
  });

  it("is live and not ready while beat starts", () => {
    const monitor = new Monitor({
      clock: new ManualClock(watchedFrom),
      events: new EventStream(),
      maxIntervalMs: 5000,
    });
    expect(monitor.health()).toMatchObject({ status: "degraded", checks: { loop: { text: "beat is starting" } } });
    expect([monitor.isLive(), isReady({ beat: monitor.status() })]).toEqual([true, false]);
  });

  it("is down when the loop has missed three looks at the clock", async () => {
    const { monitor, clock } = watchedBeat();
    await clock.advance(15_000);
    expect(monitor.isLive()).toBe(true);
    await clock.advance(1);
    expect([monitor.isLive(), monitor.health().status]).toEqual([false, "down"]);
    expect(monitor.health().checks.loop.text).toBe("the loop looked at the clock 15 s ago: it hangs");
  });

  it("gives a loop fifteen seconds however short its sleeps are", async () => {
    const beat = watchedBeat();
    const monitor = new Monitor({ clock: beat.clock, events: beat.events, maxIntervalMs: 100 });
    monitor.attach({ status: () => beat.status, list: () => ({ total: 0, rows: [] }), show: () => raise() });
    await beat.clock.advance(14_000);
    expect(monitor.isLive()).toBe(true);
    await beat.clock.advance(2000);
    expect(monitor.isLive()).toBe(false);
  });

  it("takes a clock that was set back for no silence", () => {
    const { monitor, clock } = watchedBeat();
    clock.jump(-3_600_000);
    expect(monitor.health().checks.loop.text).toBe("the loop looked at the clock 0 ms ago");
  });

  it("is degraded when something is more than five seconds late", () => {
    const beat = watchedBeat();
    beat.status = { ...leading, lateMs: 4000, unsent: 1 };
    expect(beat.monitor.health().status).toBe("ok");
    beat.status = { ...leading, lateMs: 12_000, unsent: 3 };
    expect(beat.monitor.health()).toMatchObject({
      status: "degraded",
      checks: { lateness: { text: "3 occurrences not sent yet, the oldest 12 s late" } },
    });
  });

  it("is degraded when the broker is away, down after a minute, and ok when it is back; live all along", async () => {
    const beat = watchedBeat();
    const { monitor, clock, events } = beat;
    events.emit({ type: "broker-disconnected", url: "redis://r", reason: "the server closed the connection" });
    await clock.advance(2000);
    beat.status = { ...leading, lookedAt: clock.now() };
    expect(monitor.health()).toMatchObject({
      status: "degraded",
      checks: { broker: { text: "the broker has been away for 2 s: the server closed the connection" } },
    });
    await clock.advance(60_000);
    beat.status = { ...leading, lookedAt: clock.now() };
    expect([monitor.health().status, monitor.isLive(), isReady({ beat: monitor.status() })]).toEqual([
      "down",
      true,
      true,
    ]);
    events.emit({ type: "broker-connected", url: "redis://r" });
    expect(monitor.health().status).toBe("ok");
  });

  it("counts from the first trouble when a broker is there and takes nothing", async () => {
    const beat = watchedBeat();
    const { monitor, clock, events } = beat;
    const refusal = { type: "publish-failed", reason: "OOM", waiting: 1, retryInMs: 50 } as const;
    events.emit(refusal);
    await clock.advance(61_000);
    beat.status = { ...leading, lookedAt: clock.now() };
    events.emit({ type: "broker-connected", url: "redis://r" });
    events.emit(refusal);
    expect(monitor.health().checks.broker).toEqual({ status: "down", text: "the broker has been away for 61 s: OOM" });
    events.emit({ type: "publish-recovered", waiting: 0, downMs: 61_000 });
    expect(monitor.health().status).toBe("ok");
  });

  it("has no trouble with sending any more when another beat leads", () => {
    const { monitor, events } = watchedBeat();
    events.emit({ type: "publish-failed", reason: "timed out", waiting: 1, retryInMs: 50 });
    events.emit({ type: "beat-lost-lease", scope: "proj", reason: "another beat has taken it" });
    expect(monitor.health().checks.broker.status).toBe("ok");
  });

  it("is not ready, and down after a minute, while nobody is known to lead", async () => {
    const beat = watchedBeat();
    beat.status = { ...leading, leads: false, leader: null };
    expect([isReady({ beat: beat.monitor.status() }), beat.monitor.isLive()]).toEqual([false, true]);
    expect(beat.monitor.health()).toMatchObject({
      status: "degraded",
      checks: { broker: { text: "the broker has been away for 0 ms: it has not answered yet" } },
    });
    await beat.clock.advance(61_000);
    beat.status = { ...beat.status, lookedAt: beat.clock.now() };
    expect(beat.monitor.health().status).toBe("down");
  });

  it("is degraded while the beat-record is not written", () => {
    const { monitor, events } = watchedBeat();
    events.emit({ type: "record-failed", reason: "no space is left" });
    expect(monitor.health()).toMatchObject({
      status: "degraded",
      checks: { store: { text: "the beat-record is not written: no space is left" } },
    });
    events.emit({ type: "record-recovered" });
    expect(monitor.health().status).toBe("ok");
  });

  it("is degraded from a refused reload to the next one that is taken, with its problems", () => {
    const { monitor, events } = watchedBeat();
    const problem = { message: 'unknown key "taks"', file: "schedules/x.yaml", line: 12, column: 5 };
    events.emit({ type: "reload-failed", problems: [problem] });
    expect(monitor.health()).toMatchObject({
      status: "degraded",
      checks: {
        schedule: {
          text: "the last reload was refused: the schedule before it is in force",
          problems: ['schedules/x.yaml:12:5: unknown key "taks"'],
        },
      },
    });
    events.emit({ type: "reload-applied", added: 0, changed: 0, removed: 0, entries: 2 });
    expect(monitor.health().status).toBe("ok");
  });

  it("is degraded while an entry is set aside, until it is mended or gone", () => {
    const beat = watchedBeat();
    const { monitor, events } = beat;
    for (const entry of ["a", "gone"]) events.emit({ type: "entry-quarantined", entry, reason: "it threw" });
    beat.rows = beat.rows.map((row) => (row.entry === "a" ? { ...row, quarantined: "no such star" } : row));
    expect(monitor.health().checks.schedule).toEqual({
      status: "degraded",
      text: "1 entry set aside",
      problems: ["a is set aside: no such star"],
    });
    beat.rows = beat.rows.map((row) => ({ ...row, quarantined: null }));
    expect(monitor.health().status).toBe("ok");
    expect(monitor.troubles.quarantined).toEqual([]);
  });
});

describe("statusLine", () => {
  it.each([
    [null, "starting"],
    [leading, "leads scope proj with 2 entries"],
    [{ ...leading, lateMs: 500, unsent: 1 }, "leads scope proj with 2 entries"],
    [
      { ...leading, lateMs: 12_000, unsent: 3 },
      "leads scope proj with 2 entries; 3 occurrences not sent, the oldest 12 s late",
    ],
    [{ ...leading, leads: false, leader: "web-2:7" }, "stands by: web-2:7 leads scope proj"],
    [{ ...leading, leads: false, leader: null }, "waits for the broker"],
  ])("says of %j: %s", (status, line) => {
    expect(statusLine(status)).toBe(line);
  });
});

function raise(): never {
  throw new Error("not asked");
}
