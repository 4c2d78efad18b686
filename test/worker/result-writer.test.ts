import { describe, expect, it } from "vitest";
import type { LovageEvent } from "../../src/event.ts";
import type { ResultRecord } from "../../src/protocol/result-meta.ts";
import type { ResultBackend } from "../../src/result/result.ts";
import { ResultWriter } from "../../src/worker/result-writer.ts";
import { ManualClock } from "../helper/manual-clock.ts";

function recordOf(taskId: string, state = "SUCCESS"): ResultRecord {
  return { taskId, state, resultText: "1", traceback: null, children: [], doneAt: 0 };
}

/** Only what the writer uses of a backend: it notes the batches, and fails as often as told. */
function stage(failures = 0) {
  const clock = new ManualClock(0);
  const batches: string[][] = [];
  const log: LovageEvent[] = [];
  const ending = new AbortController();
  let left = failures;
  const put: ResultBackend["put"] = async (records) => {
    if (left > 0) {
      left -= 1;
      throw new Error("the backend is away");
    }
    batches.push(records.map(({ taskId, state }) => `${taskId}:${state}`));
  };
  const backend = { put } as ResultBackend;
  const writer = new ResultWriter({ backend, clock, emit: (event) => void log.push(event), ending: ending.signal });
  return { writer, clock, batches, log, ending };
}

describe("the writer of results", () => {
  it("stores what comes together in one batch, in order", async () => {
    const { writer, batches } = stage();
    await Promise.all([writer.put(recordOf("a", "STARTED")), writer.put(recordOf("b")), writer.put(recordOf("a"))]);
    expect(batches).toEqual([["a:STARTED", "b:SUCCESS", "a:SUCCESS"]]);
    expect(writer.waiting).toBe(0);
  });

  it("tries again until the backend takes them, and says so once it did", async () => {
    const { writer, clock, batches, log } = stage(3);
    const stored = writer.put(recordOf("a"));
    await clock.advance(60_000);
    await stored;
    expect(batches).toEqual([["a:SUCCESS"]]);
    expect(log.map(({ type }) => type)).toEqual([
      "results-failed",
      "results-failed",
      "results-failed",
      "results-recovered",
    ]);
    expect(log[0]).toMatchObject({ reason: "the backend is away", waiting: 1 });
  });

  it("stays in order while the backend is away: nothing overtakes", async () => {
    const { writer, clock, batches } = stage(2);
    const first = writer.put(recordOf("a", "RETRY"));
    await clock.advance(0);
    const second = writer.put(recordOf("a"));
    await clock.advance(60_000);
    await Promise.all([first, second]);
    expect(batches.flat()).toEqual(["a:RETRY", "a:SUCCESS"]);
  });

  it("is full when a thousand wait, so that the worker starts nothing new", async () => {
    const { writer, clock } = stage(1);
    const all = Array.from({ length: 1000 }, (_, index) => writer.put(recordOf(String(index))));
    expect(writer.isFull).toBe(true);
    await clock.advance(60_000);
    await Promise.all(all);
    expect(writer.isFull).toBe(false);
  });

  it("waits no longer when the worker ends", async () => {
    const { writer, clock, ending } = stage(Number.POSITIVE_INFINITY);
    const stored = writer.put(recordOf("a"));
    await clock.advance(100);
    ending.abort();
    await clock.advance(0);
    await stored;
    await writer.flush();
  });

  it("keeps nothing where there is no backend", async () => {
    const { signal } = new AbortController();
    const writer = new ResultWriter({ backend: null, clock: new ManualClock(0), emit: () => undefined, ending: signal });
    await writer.put(recordOf("a"));
    expect(writer.waiting).toBe(0);
  });
});
