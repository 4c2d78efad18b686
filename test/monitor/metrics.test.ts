import { describe, expect, it } from "vitest";
import type { LovageEvent, MissedCause, Occasion, OccurrenceSent } from "../../src/event.ts";
import { EntryBook } from "../../src/monitor/entry-book.ts";
import { createMetrics, type Metrics } from "../../src/monitor/metrics.ts";
import { jitterFor } from "../../src/schedule/jitter.ts";
import { entryOf } from "../helper/beat-stage.ts";
import { parseMetrics, valueOf } from "../helper/prometheus.ts";
import { leading, type WatchedBeat, watchedBeat, watchedFrom } from "../helper/watched-beat.ts";

interface Stage extends WatchedBeat {
  readonly metrics: Metrics;
  readonly book: EntryBook;
}

function stage(mostEntries = 1000): Stage {
  const beat = watchedBeat();
  const { monitor, events } = beat;
  const book = new EntryBook();
  book.take([entryOf({ name: "a" }), entryOf({ name: "b" })]);
  const metrics = createMetrics({ monitor, events, book, mostEntries, withProcess: false });
  return Object.assign(beat, { metrics, book });
}

function sent(change: Partial<OccurrenceSent> = {}): OccurrenceSent {
  const what = { entry: "a", task: "proj.a", taskId: "1", queue: "celery", dueAt: watchedFrom };
  return { type: "occurrence-sent", ...what, sentAt: watchedFrom + 3, occurrence: "scheduled", ...change };
}

function missed(cause: MissedCause, count = 1, occurrence: Occasion = "scheduled"): LovageEvent {
  const span = { count, atLeast: false, fromAt: watchedFrom, toAt: watchedFrom };
  return { type: "occurrences-missed", occurrence, entry: "a", cause, ...span, reason: "because" };
}

function duplicate(occurrence: Occasion): LovageEvent {
  return { type: "occurrence-duplicate", occurrence, entry: "a", dueAt: watchedFrom, taskId: "1" };
}

const moves: readonly (readonly [series: string, labels: Record<string, string>, event: LovageEvent, by: number])[] = [
  ["occurrences_due_total", {}, sent(), 1],
  ["occurrences_due_total", {}, sent({ occurrence: "missed" }), 1],
  ["occurrences_due_total", {}, sent({ occurrence: "manual" }), 0],
  ["occurrences_due_total", {}, sent({ occurrence: "backfill" }), 0],
  ["occurrences_due_total", {}, missed("missed", 7), 7],
  ["occurrences_due_total", {}, missed("refused"), 1],
  ["occurrences_due_total", {}, missed("refused", 1, "manual"), 0],
  ["occurrences_due_total", {}, missed("refused", 1, "backfill"), 0],
  ["occurrences_due_total", {}, duplicate("scheduled"), 1],
  ["occurrences_due_total", {}, duplicate("manual"), 0],
  ["occurrences_due_total", {}, duplicate("backfill"), 0],
  ["occurrences_sent_total", { occasion: "scheduled" }, sent(), 1],
  ["occurrences_sent_total", { occasion: "missed" }, sent({ occurrence: "missed" }), 1],
  ["occurrences_sent_total", { occasion: "manual" }, sent({ occurrence: "manual" }), 1],
  ["occurrences_sent_total", { occasion: "backfill" }, sent({ occurrence: "backfill" }), 1],
  ["occurrences_duplicate_total", {}, duplicate("scheduled"), 1],
  ["occurrences_missed_total", {}, missed("missed", 12), 12],
  ["occurrences_skipped_total", { reason: "paused" }, missed("paused", 2), 2],
  ["occurrences_skipped_total", { reason: "overlap" }, missed("overlap"), 1],
  ["occurrences_failed_total", { reason: "refused" }, missed("refused"), 1],
  ["occurrences_failed_total", { reason: "stale" }, missed("stale"), 1],
  ["lateness_seconds_count", {}, sent(), 1],
  ["lateness_seconds_count", {}, sent({ occurrence: "missed" }), 0],
  ["reloads_total", { result: "applied" }, { type: "reload-applied", added: 1, changed: 0, removed: 0, entries: 3 }, 1],
  ["reloads_total", { result: "failed" }, { type: "reload-failed", problems: [{ message: "bad" }] }, 1],
  ["store_errors_total", {}, { type: "record-failed", reason: "full" }, 1],
  ["ping_failures_total", {}, { type: "ping-failed", entry: "a", url: "http://p", reason: "500" }, 1],
  [
    "events_total",
    { event: "publish-failed" },
    { type: "publish-failed", reason: "away", waiting: 1, retryInMs: 50 },
    1,
  ],
  ["events_total", { event: "clock-jumped" }, { type: "clock-jumped", byMs: 5000 }, 1],
  ["events_total", { event: "failure" }, { type: "failure", where: "a", reason: "b" }, 1],
];

describe("/metrics", () => {
  it("is text that Prometheus takes, with names of one shape", async () => {
    const { metrics } = stage();
    const families = parseMetrics(await metrics.render());
    expect(metrics.contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect([...families.keys()].filter((name) => !/^lovage_beat_[a-z_]+$/.test(name))).toEqual([]);
    expect([...families.values()].filter(({ help }) => !/[.;]/.test(help))).toEqual([]);
    metrics.end();
  });

  for (const [series, labels, event, by] of moves) {
    const label = Object.values(labels).join();
    const occurrence = "occurrence" in event ? `, ${event.occurrence}` : "";
    it(`moves ${series}${label === "" ? "" : ` of ${label}`} by ${by} at ${event.type}${occurrence}`, async () => {
      const { metrics, events } = stage();
      const name = `lovage_beat_${series}`;
      const before = valueOf(await metrics.render(), name, labels);
      events.emit(event);
      expect(valueOf(await metrics.render(), name, labels) - before).toBe(by);
      metrics.end();
    });
  }

  it("says how the beat stands at the moment of the scrape", async () => {
    const beat = stage();
    beat.status = { ...leading, lateMs: 2500, unsent: 3, entries: 12, paused: 4 };
    await beat.clock.advance(1500);
    const text = await beat.metrics.render();
    const values = [
      "up",
      "leader",
      "tick_age_seconds",
      "late_seconds",
      "unsent",
      "entries",
      "entries_paused",
      "broker_up",
    ];
    expect(values.map((name) => valueOf(text, `lovage_beat_${name}`))).toEqual([1, 1, 1.5, 2.5, 3, 12, 4, 1]);
    expect(valueOf(text, "lovage_beat_check_ok", { check: "loop" })).toBe(1);
    await beat.clock.advance(20_000);
    beat.status = { ...beat.status, leads: false };
    beat.events.emit({ type: "broker-disconnected", url: "redis://r", reason: "gone" });
    const later = await beat.metrics.render();
    const laterValues = ["up", "leader", "broker_up"].map((name) => valueOf(later, `lovage_beat_${name}`));
    expect(laterValues).toEqual([0, 0, 0]);
    expect(valueOf(later, "lovage_beat_check_ok", { check: "loop" })).toBe(0);
    beat.metrics.end();
  });

  it("tells of the last reload", async () => {
    const { metrics, events, clock } = stage();
    const last = async (): Promise<number[]> => {
      const text = await metrics.render();
      const names = ["successful", "success_timestamp_seconds"];
      return names.map((name) => valueOf(text, `lovage_beat_last_reload_${name}`));
    };
    expect(await last()).toEqual([1, 0]);
    events.emit({ type: "reload-failed", problems: [{ message: "bad" }] });
    expect(await last()).toEqual([0, 0]);
    await clock.advance(5000);
    events.emit({ type: "reload-applied", added: 0, changed: 0, removed: 0, entries: 2 });
    expect(await last()).toEqual([1, watchedFrom / 1000 + 5]);
    metrics.end();
  });

  it("measures lateness from the jittered time", async () => {
    const { metrics, events, book } = stage();
    const entry = entryOf({ name: "jittered", seconds: 60, jitterMs: 30_000 });
    book.take([entry]);
    const jitterMs = jitterFor("jittered", watchedFrom, 30_000, entry.schedule.next(watchedFrom));
    expect(jitterMs).toBeGreaterThan(0);
    events.emit(sent({ entry: "jittered", sentAt: watchedFrom + jitterMs + 20 }));
    expect(valueOf(await metrics.render(), "lovage_beat_lateness_seconds_sum")).toBeCloseTo(0.02, 6);
    metrics.end();
  });

  it("has the next and the last run of each entry, whatever its name", async () => {
    const beat = stage();
    const strange = 'every "10" s\\\nand {more}';
    beat.rows.push({ entry: strange, nextAt: watchedFrom + 500, lastDueAt: null, quarantined: null });
    const text = await beat.metrics.render();
    expect(valueOf(text, "lovage_beat_entry_next_run_timestamp_seconds", { entry: "a" })).toBe(watchedFrom / 1000 + 10);
    expect(valueOf(text, "lovage_beat_entry_last_run_timestamp_seconds", { entry: "a" })).toBe(watchedFrom / 1000);
    expect(valueOf(text, "lovage_beat_entry_next_run_timestamp_seconds", { entry: strange })).toBe(
      watchedFrom / 1000 + 0.5,
    );
    expect(() => valueOf(text, "lovage_beat_entry_next_run_timestamp_seconds", { entry: "b" })).toThrow("0 series");
    expect(valueOf(text, "lovage_beat_entries_left_out")).toBe(0);
    beat.metrics.end();
  });

  it("forgets entries that are gone", async () => {
    const beat = stage();
    await beat.metrics.render();
    beat.rows = [];
    expect(await beat.metrics.render()).not.toContain('entry="a"');
    beat.metrics.end();
  });

  it("leaves entries beyond the limit out, and counts them", async () => {
    const beat = stage(2500);
    beat.rows = Array.from({ length: 4000 }, (_, index) => ({
      entry: `e${index}`,
      nextAt: watchedFrom,
      lastDueAt: null,
      quarantined: null,
    }));
    const text = await beat.metrics.render();
    const family = parseMetrics(text).get("lovage_beat_entry_next_run_timestamp_seconds");
    expect([family?.samples.length, valueOf(text, "lovage_beat_entries_left_out")]).toEqual([2500, 1500]);
    expect(beat.asked).toEqual([
      { offset: 0, limit: 1000 },
      { offset: 1000, limit: 1000 },
      { offset: 2000, limit: 500 },
    ]);
    beat.metrics.end();
  });

  it("has no series of entries on a standby, nor with --http-entries 0", async () => {
    const beat = stage();
    beat.status = { ...leading, leads: false, leader: "host:2" };
    expect(await beat.metrics.render()).not.toContain("{entry=");
    beat.metrics.end();
    const none = stage(0);
    const text = await none.metrics.render();
    expect(text).not.toContain("{entry=");
    expect(valueOf(text, "lovage_beat_entries_left_out")).toBe(2);
    none.metrics.end();
  });

  it("names the schedule by a hash that changes when an entry is rescheduled, and with nothing else", async () => {
    const { metrics, book } = stage();
    const hash = async (): Promise<string | undefined> =>
      parseMetrics(await metrics.render()).get("lovage_beat_info")?.samples[0]?.labels["schedule_hash"];
    const first = await hash();
    expect(first).toMatch(/^[0-9a-f]{16}$/);
    book.take([entryOf({ name: "a", args: ["other"] }), entryOf({ name: "b" })]);
    expect(await hash()).toBe(first);
    book.take([entryOf({ name: "a", seconds: 11 }), entryOf({ name: "b" })]);
    expect(await hash()).not.toBe(first);
    metrics.end();
  });

  it("counts no more after its end", async () => {
    const { metrics, events } = stage();
    metrics.end();
    events.emit(sent());
    expect(await metrics.render()).not.toContain("lovage_beat_occurrences_sent_total");
  });
});
