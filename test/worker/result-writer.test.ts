import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { LovageError } from "../../src/error.ts";
import type { LovageEvent } from "../../src/event.ts";
import type { ResultRecord } from "../../src/protocol/result-meta.ts";
import type { ResultBackend } from "../../src/result/result.ts";
import { openResultBackend } from "../../src/result/open.ts";
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
      throw new LovageError("result", "the backend is away");
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

  it("does not let a record that is refused keep the others back, and keeps why in its place", async () => {
    const clock = new ManualClock(0);
    const log: LovageEvent[] = [];
    const backend = await openResultBackend(`memory://${randomUUID()}`, { expiresMs: null });
    const { signal } = new AbortController();
    const writer = new ResultWriter({ backend, clock, emit: (event) => void log.push(event), ending: signal });
    const unwritable = { name: "proj.t", args: [Number.NaN], kwargs: {}, worker: "w", retries: 0, queue: "celery" };
    const records = [recordOf("a"), { ...recordOf("b"), extended: unwritable }, recordOf("c")];
    await Promise.all(records.map((record) => writer.put(record)));
    const metas = await backend.get(["a", "b", "c"]);
    expect(metas.map((meta) => meta?.state)).toEqual(["SUCCESS", "FAILURE", "SUCCESS"]);
    expect(metas[1]?.result).toMatchObject({ exc_type: "EncodeError" });
    expect(log).toMatchObject([{ type: "failure", where: "results" }]);
    await backend.close();
  });

  it("tells when it is full no longer", async () => {
    const clock = new ManualClock(0);
    const { signal } = new AbortController();
    const backend = await openResultBackend(`memory://${randomUUID()}`, { expiresMs: null });
    let rooms = 0;
    const onRoom = (): void => void (rooms += 1);
    const writer = new ResultWriter({ backend, clock, emit: () => undefined, ending: signal, onRoom });
    await Promise.all(Array.from({ length: 1200 }, (_, index) => writer.put(recordOf(String(index)))));
    expect([rooms, writer.isFull]).toEqual([1, false]);
    await backend.close();
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
    const writer = new ResultWriter({
      backend: null,
      clock: new ManualClock(0),
      emit: () => undefined,
      ending: signal,
    });
    await writer.put(recordOf("a"));
    expect(writer.waiting).toBe(0);
  });
});
