import { afterEach, describe, expect, it } from "vitest";
import { EventSource } from "../../../src/beat/overlap/events.ts";
import { RunGate } from "../../../src/beat/overlap/gate.ts";
import { createResultSource } from "../../../src/beat/overlap/results.ts";
import { type KnownRun, KnownRuns } from "../../../src/beat/overlap/runs.ts";
import type { RunSource } from "../../../src/beat/overlap/source.ts";
import type { Admission, PreviousRun } from "../../../src/beat/overlap/overlap.ts";
import { type Occurrence, occurrenceId } from "../../../src/beat/occurrence.ts";
import { MemoryBroker } from "../../../src/broker/memory.ts";
import { EventStream, type LovageEvent } from "../../../src/event.ts";
import { eventEnvelope, writeEvent } from "../../../src/protocol/task-event.ts";
import type { Entry } from "../../../src/schedule/entry.ts";
import { openResultBackend } from "../../../src/result/open.ts";
import type { ResultBackend } from "../../../src/result/result.ts";
import { entryOf, envelopeOf, startAt } from "../../helper/beat-stage.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

const day = 86_400_000;

interface GateStage {
  readonly clock: ManualClock;
  readonly events: LovageEvent[];
  readonly runs: KnownRuns;
  readonly stream: EventStream;
  readonly gate: RunGate;
  /** Asks about occurrences of one entry, due now and each a second later than the one before. */
  readonly admit: (entry: Entry, previous: PreviousRun | null, count?: number) => Promise<Admission>;
  /** The publisher's word that it is on its queue. */
  readonly sent: (occurrence: Occurrence) => PreviousRun;
}

function setUp(sourcesOf: (stage: Pick<GateStage, "clock" | "runs">) => readonly RunSource[]): GateStage {
  const clock = new ManualClock(startAt);
  const stream = new EventStream();
  const events: LovageEvent[] = [];
  stream.subscribe((event) => events.push(event));
  const runs = new KnownRuns();
  const sources = sourcesOf({ clock, runs });
  const callOf = ({ options }: Entry) => ({ queue: "celery", ignoresResult: options.ignoreResult === true });
  const gate = new RunGate({ scope: "test", clock, events: stream, sources, runs, callOf, limitMs: day });
  const occurrence = (entry: Entry, dueAt: number): Occurrence => ({
    entry,
    dueAt,
    settlesAt: dueAt,
    nextDueAt: null,
    occasion: "scheduled",
  });
  return {
    clock,
    events,
    runs,
    stream,
    gate,
    admit: (entry, previous, count = 1) =>
      gate.admit(
        Array.from({ length: count }, (_, index) => ({
          occurrence: occurrence(entry, clock.now() + index * 1000),
          previous,
        })),
      ),
    sent: ({ entry, dueAt }) => {
      const taskId = occurrenceId("test", entry.name, dueAt);
      stream.emit({
        type: "occurrence-sent",
        entry: entry.name,
        task: entry.task,
        taskId,
        queue: "celery",
        dueAt,
        sentAt: clock.now(),
        occurrence: "scheduled",
      });
      return { taskId, sentAt: clock.now() };
    },
  };
}

const skip = entryOf({ overlap: "skip" });
const skipQueued = entryOf({ overlap: "skip_queued" });
const before: PreviousRun = { taskId: "run-1", sentAt: startAt - 10_000 };

const goes = ({ go, held }: Admission): readonly [number, number] => [go.length, held.length];

describe("the gate, by results", () => {
  let backend: ResultBackend;
  let asked: string[][];

  async function withResults(): Promise<GateStage> {
    backend = await openResultBackend("memory://overlap", { expiresMs: null });
    asked = [];
    const get: ResultBackend["get"] = (ids) => {
      asked.push([...ids]);
      return backend.get(ids);
    };
    const kept = { get } as ResultBackend;
    return setUp(() => [createResultSource({ backend: async () => kept, close: () => backend.close() })]);
  }

  afterEach(() => backend.close());

  const put = (taskId: string, state: string): Promise<void> =>
    backend.put([{ taskId, state, resultText: "null", traceback: null, children: [], doneAt: null }]);

  it.each([
    ["nothing is known", null, [0, 1], [0, 1]],
    ["it was received", "RECEIVED", [0, 1], [0, 1]],
    ["it has begun", "STARTED", [0, 1], [1, 0]],
    ["it reports a state of its own", "PROGRESS", [0, 1], [1, 0]],
    ["it waits to be tried again", "RETRY", [0, 1], [1, 0]],
    ["it has succeeded", "SUCCESS", [1, 0], [1, 0]],
    ["it has failed", "FAILURE", [1, 0], [1, 0]],
    ["it was revoked", "REVOKED", [1, 0], [1, 0]],
    ["it was ignored", "IGNORED", [1, 0], [1, 0]],
  ])(
    "when of the previous run %s (%s): skip and skip_queued let go and hold %j, %j",
    async (_, state, bySkip, byQueued) => {
      const { admit } = await withResults();
      if (state !== null) await put(before.taskId, state);
      expect(goes(await admit(skip, before))).toEqual(bySkip);
      expect(goes(await admit({ ...skipQueued, name: "other" }, { ...before, taskId: "run-1" }))).toEqual(byQueued);
    },
  );

  it("lets the first run of an entry go without a question", async () => {
    const { admit } = await withResults();
    expect(goes(await admit(skip, null))).toEqual([1, 0]);
    expect(asked).toEqual([]);
  });

  it("asks for all candidates together, and for each run that has ended once", async () => {
    const { gate, clock } = await withResults();
    await put("a-1", "SUCCESS");
    await put("b-1", "STARTED");
    const candidates = ["a", "b", "c"].map((name) => ({
      occurrence: {
        entry: entryOf({ name, overlap: "skip" }),
        dueAt: clock.now(),
        settlesAt: clock.now(),
        nextDueAt: null,
        occasion: "scheduled" as const,
      },
      previous: { taskId: `${name}-1`, sentAt: startAt - 1000 },
    }));
    const first = await gate.admit(candidates.slice(1));
    expect(first.go).toEqual([]);
    expect(asked).toEqual([["b-1", "c-1"]]);
    await put("b-1", "SUCCESS");
    await put("c-1", "FAILURE");
    expect((await gate.admit(candidates)).go.map(({ entry }) => entry.name)).toEqual(["a", "b", "c"]);
    expect(asked.at(-1)).toEqual(["a-1", "b-1", "c-1"]);
  });

  it("takes the first of an entry that goes for the previous run of the next, and says so", async () => {
    const { admit } = await withResults();
    const { go, held } = await admit(skip, null, 3);
    expect(go.map(({ dueAt }) => dueAt)).toEqual([startAt]);
    const id = occurrenceId("test", "ten", startAt);
    const reason = `overlap: skip, the run of 2026-11-23T12:00:00Z (id=${id}) has not ended`;
    expect(held.map((one) => one.reason)).toEqual([reason, reason]);
  });

  it("holds a run whose previous one has not reached its queue yet", async () => {
    const { admit } = await withResults();
    const [first] = (await admit(skip, null)).go;
    const previous = { taskId: occurrenceId("test", "ten", (first as Occurrence).dueAt), sentAt: startAt };
    expect(goes(await admit(skip, previous))).toEqual([0, 1]);
  });

  it("gives a run up after the entry's own limit, or else the common one, and says so", async () => {
    const { admit, clock, events } = await withResults();
    const limited = entryOf({ name: "limited", overlap: "skip", overlapLimitMs: 60_000 });
    const previous = { taskId: "gone", sentAt: startAt };
    await clock.advance(59_999);
    expect(goes(await admit(limited, previous))).toEqual([0, 1]);
    await clock.advance(1);
    expect(goes(await admit(limited, previous))).toEqual([1, 0]);
    expect(events).toEqual([
      { type: "overlap-given-up", entry: "limited", taskId: "gone", sentAt: startAt, limitMs: 60_000 },
    ]);
    const common = { taskId: "gone-too", sentAt: startAt };
    expect(goes(await admit(skip, common))).toEqual([0, 1]);
    await clock.advance(day);
    expect(goes(await admit(skip, common))).toEqual([1, 0]);
  });
});

describe("the gate, when a source fails", () => {
  it("holds what is due within two seconds, says why, and leaves the source alone for a while", async () => {
    let questions = 0;
    const silent: RunSource = {
      name: "the result backend",
      needsResults: true,
      close: async () => undefined,
      look: () => {
        questions += 1;
        return new Promise(() => undefined);
      },
    };
    const { admit, clock } = setUp(() => [silent]);
    const answer = admit(skip, before);
    await clock.advance(1999);
    await clock.advance(1);
    const [held] = (await answer).held;
    expect(held?.reason).toBe(
      "overlap: skip, the run of 2026-11-23T11:59:50Z (id=run-1) has not ended as far as is known" +
        " (the result backend: no answer within 2 s)",
    );
    expect(goes(await admit(skip, before))).toEqual([0, 1]);
    expect(questions).toBe(1);
    await clock.advance(2000);
    void admit(skip, before);
    await clock.settle();
    expect(questions).toBe(2);
  });

  it("goes by another source that knows", async () => {
    const broken: RunSource = {
      name: "the result backend",
      needsResults: true,
      close: async () => undefined,
      look: () => Promise.reject(new Error("connection refused")),
    };
    const knowing: RunSource = {
      name: "the workers",
      needsResults: false,
      close: async () => undefined,
      look: async (runs: readonly KnownRun[]) => {
        for (const run of runs) run.progress = "ended";
      },
    };
    const { admit } = setUp(() => [broken, knowing]);
    expect(goes(await admit(skip, before))).toEqual([1, 0]);
  });

  it("does not ask for results that nobody keeps", async () => {
    const asked: string[] = [];
    const results: RunSource = {
      name: "the result backend",
      needsResults: true,
      close: async () => undefined,
      look: async (runs: readonly KnownRun[]) => void asked.push(...runs.map(({ taskId }) => taskId)),
    };
    const { admit } = setUp(() => [results]);
    await admit(entryOf({ name: "ignoring", overlap: "skip", options: { ignoreResult: true } }), before);
    await admit(skip, { ...before, taskId: "kept" });
    expect(asked).toEqual(["kept"]);
  });
});

describe("the gate, by the workers' events", () => {
  type Answers = Readonly<Record<string, Readonly<Record<string, readonly [string, never]>>>>;

  interface EventStage extends GateStage {
    readonly broker: MemoryBroker;
    /** What the workers answer to `query_task`. */
    answers: Answers;
    readonly questions: { readonly to: readonly string[] | undefined; readonly ids: readonly string[] }[];
    readonly tell: (type: string, uuid: string, more?: object) => Promise<void>;
    /** One that has gone, as its queue and beat know it. */
    readonly sendFirst: (entry?: Entry) => Promise<PreviousRun>;
  }

  function withEvents(): EventStage {
    const questions: EventStage["questions"] = [];
    const held: { broker?: MemoryBroker; answers: Answers } = { answers: {} };
    const stage = setUp(({ clock, runs }) => {
      held.broker = new MemoryBroker({ clock });
      const inspect = (to: readonly string[] | undefined) => ({
        queryTask: async (...ids: string[]) => {
          questions.push({ to, ids });
          return held.answers;
        },
      });
      return [new EventSource({ broker: held.broker, exchange: "celeryev", inspect, runs, clock })];
    });
    const broker = held.broker as MemoryBroker;
    const tell = async (type: string, uuid: string, more: object = {}): Promise<void> => {
      const address = { exchange: "celeryev", hostname: "w1@host" };
      const stamp = { hostname: "w1@host", pid: 1, clock: 1, at: stage.clock.now() };
      await broker.publish([eventEnvelope(type, writeEvent(type, { uuid, ...more }, stamp), address)]);
      await stage.clock.settle();
    };
    const sendFirst = async (entry = skip): Promise<PreviousRun> => {
      const [first] = (await stage.admit(entry, null)).go;
      return stage.sent(first as Occurrence);
    };
    return {
      ...stage,
      broker,
      questions,
      tell,
      sendFirst,
      get answers() {
        return held.answers;
      },
      set answers(answers) {
        held.answers = answers;
      },
    };
  }

  it("holds until the end of the run is heard, and asks nobody", async () => {
    const { admit, tell, sendFirst, questions } = withEvents();
    const first = await sendFirst();
    expect(goes(await admit(skip, first))).toEqual([0, 1]);
    await tell("task-started", first.taskId);
    expect(goes(await admit(skip, first))).toEqual([0, 1]);
    await tell("task-succeeded", first.taskId);
    expect(goes(await admit(skip, first))).toEqual([1, 0]);
    expect(questions).toEqual([]);
  });

  it.each(["task-failed", "task-revoked", "task-rejected"])("takes %s for an end", async (type) => {
    const { admit, tell, sendFirst } = withEvents();
    const first = await sendFirst();
    await tell(type, first.taskId);
    expect(goes(await admit(skip, first))).toEqual([1, 0]);
  });

  it.each([
    ["task-retried", {}],
    ["task-rejected", { requeue: true }],
    ["task-received", {}],
  ])("does not take %s %j for an end", async (type, more) => {
    const { admit, tell, sendFirst } = withEvents();
    const first = await sendFirst();
    await tell(type, first.taskId, more);
    expect(goes(await admit(skip, first))).toEqual([0, 1]);
  });

  it("is content with a beginning for skip_queued", async () => {
    const { admit, tell, sendFirst } = withEvents();
    const first = await sendFirst(skipQueued);
    await tell("task-received", first.taskId);
    expect(goes(await admit(skipQueued, first))).toEqual([0, 1]);
    await tell("task-started", first.taskId);
    expect(goes(await admit(skipQueued, first))).toEqual([1, 0]);
  });

  it("asks the workers once about a run from before, and goes when nobody has it and its queue is empty", async () => {
    const { admit, questions, ...stage } = withEvents();
    stage.answers = {};
    expect(goes(await admit(skip, before))).toEqual([0, 1]);
    expect(questions).toEqual([{ to: undefined, ids: ["run-1"] }]);

    const other = withEvents();
    other.answers = { "w1@host": {} };
    expect(goes(await other.admit(skip, before))).toEqual([1, 0]);
  });

  it("holds while a worker has it, or its queue may", async () => {
    const busy = withEvents();
    busy.answers = { "w1@host": { "run-1": ["active", undefined as never] } };
    expect(goes(await busy.admit(skip, before))).toEqual([0, 1]);
    expect(goes(await busy.admit({ ...skipQueued, name: "ten" }, before))).toEqual([1, 0]);

    const reserved = withEvents();
    reserved.answers = { "w1@host": { "run-1": ["reserved", undefined as never] } };
    expect(goes(await reserved.admit(skipQueued, before))).toEqual([0, 1]);

    const queued = withEvents();
    queued.answers = { "w1@host": {} };
    const occurrence = { entry: skip, dueAt: 0, settlesAt: 0, nextDueAt: null, occasion: "scheduled" } as const;
    await queued.broker.publish([envelopeOf(occurrence)]);
    expect(goes(await queued.admit(skip, before))).toEqual([0, 1]);
  });

  it("does not believe a beat, or who does not know the question, to be a worker without the task", async () => {
    const { admit, ...stage } = withEvents();
    stage.answers = { "beat@host": { error: "no such command" } } as never;
    expect(goes(await admit(skip, before))).toEqual([0, 1]);
  });

  it("asks again after half a minute of silence, the worker that had it: an event may have been lost", async () => {
    const { admit, tell, sendFirst, clock, questions, ...stage } = withEvents();
    const first = await sendFirst();
    await tell("task-started", first.taskId);
    await clock.advance(29_999);
    expect(goes(await admit(skip, first))).toEqual([0, 1]);
    expect(questions).toEqual([]);
    await clock.advance(1);
    stage.answers = { "w1@host": { [first.taskId]: ["active", undefined as never] } };
    expect(goes(await admit(skip, first))).toEqual([0, 1]);
    expect(questions).toEqual([{ to: ["w1@host"], ids: [first.taskId] }]);
    await clock.advance(30_000);
    Object.assign(stage, { answers: {} });
    expect(goes(await admit(skip, first))).toEqual([0, 1]);
  });

  it("asks nobody about a run that may still wait for the broker", async () => {
    const { admit, clock, questions, ...stage } = withEvents();
    Object.assign(stage, { answers: { "w1@host": {} } });
    const [first] = (await admit(skip, null)).go;
    await clock.advance(120_000);
    const previous = { taskId: occurrenceId("test", "ten", (first as Occurrence).dueAt), sentAt: startAt };
    expect(goes(await admit(skip, previous))).toEqual([0, 1]);
    expect(questions).toEqual([]);
  });

  it("hears of a run that was sent by hand", async () => {
    const { admit, tell, sendFirst, stream, clock } = withEvents();
    await sendFirst();
    stream.emit({
      type: "occurrence-sent",
      entry: "ten",
      task: "proj.ten",
      taskId: "by-hand",
      queue: "celery",
      dueAt: clock.now(),
      sentAt: clock.now(),
      occurrence: "manual",
    });
    await tell("task-started", "by-hand");
    const manual = { taskId: "by-hand", sentAt: clock.now() };
    expect(goes(await admit(skip, manual))).toEqual([0, 1]);
    await tell("task-succeeded", "by-hand");
    expect(goes(await admit(skip, manual))).toEqual([1, 0]);
  });
});
