// What every keeper of results promises, whatever it is made of: each adapter's test calls this.
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeJson } from "../../src/protocol/json-writer.ts";
import type { ResultMeta, ResultRecord } from "../../src/protocol/result-meta.ts";
import type { ChordKeeper, ChordPart } from "../../src/result/chord.ts";
import type { ResultBackend } from "../../src/result/result.ts";
import { anyData, anyText } from "../helper/wire.ts";
import { AT, failureOf, metaOf, recordOf, startedOf } from "../result/sample.ts";

export interface ResultStage {
  readonly backend: ResultBackend;
  /** Another one on the same place, as another process would have it. */
  readonly other: ResultBackend;
  readonly close: () => Promise<void>;
}

/** @param open gives backends that keep results for an hour at least; places may be shared by several stages */
export function describeResults(name: string, open: () => Promise<ResultStage>): void {
  describe(`${name} keeps the contract of a result backend`, () => {
    let stage: ResultStage;

    beforeEach(async () => {
      stage = await open();
    });
    afterEach(() => stage.close());

    it("knows nothing of a task that nobody has reported on", async () => {
      expect(await stage.backend.get([randomUUID(), randomUUID()])).toEqual([null, null]);
      expect(await stage.backend.get([])).toEqual([]);
    });

    it("gives back every field of an outcome, to whoever asks", async () => {
      const id = randomUUID();
      const extended = { name: "proj.add", args: [2, "ż"], kwargs: { z: null }, worker: "w@h", retries: 1, queue: "q" };
      const children = [[["child", null], null]] as const;
      const record = recordOf(id, { children, groupId: "group", parentId: "parent", extended });
      await stage.backend.put([record]);
      const expected = metaOf(id, { children, groupId: "group", parentId: "parent", extended });
      expect(await stage.other.get([id])).toEqual([expected]);
    });

    it("gives results in the order of the ids, with gaps, however many", async () => {
      const ids = Array.from({ length: 1201 }, () => randomUUID());
      const known = ids.filter((_, index) => index % 3 !== 1);
      await stage.backend.put(known.map((id) => recordOf(id, { resultText: writeJson(id) })));
      const found = await stage.other.get(ids);
      expect(found.map((meta) => meta?.result ?? null)).toEqual(ids.map((id, index) => (index % 3 === 1 ? null : id)));
    });

    it("replaces a state with the next, and within a batch the last one wins", async () => {
      const [first, second] = [randomUUID(), randomUUID()];
      await stage.backend.put([startedOf(first), startedOf(second)]);
      await stage.other.put([failureOf(first), recordOf(second, { state: "RETRY" }), failureOf(second)]);
      const found = await stage.backend.get([first, second]);
      expect(found.map((meta) => meta?.state)).toEqual(["FAILURE", "FAILURE"]);
    });

    it("lets a SUCCESS stand, whoever comes after it, in the same batch or later", async () => {
      const [first, second] = [randomUUID(), randomUUID()];
      await stage.backend.put([recordOf(first), startedOf(first), recordOf(second)]);
      await stage.other.put([failureOf(second), recordOf(first, { resultText: "6" })]);
      const found = await stage.backend.get([first, second]);
      expect(found.map((meta) => [meta?.state, meta?.result])).toEqual([
        ["SUCCESS", 5],
        ["SUCCESS", 5],
      ]);
    });

    it("keeps any data and any traceback as they were", async () => {
      await fc.assert(
        fc.asyncProperty(anyData, anyText, async (data, traceback) => {
          const id = randomUUID();
          await stage.backend.put([recordOf(id, { resultText: writeJson(data), traceback })]);
          const [meta] = await stage.other.get([id]);
          expect(writeJson(meta?.result)).toBe(writeJson(JSON.parse(writeJson(data))));
          expect(meta?.traceback).toBe(traceback);
        }),
        { numRuns: 40 },
      );
    });

    it("answers a wait at once when the task is ready already", async () => {
      const id = randomUUID();
      await stage.backend.put([failureOf(id)]);
      const heard: ResultMeta[] = [];
      const meta = await stage.other.wait(id, { onMeta: (state) => heard.push(state) });
      expect(meta).toMatchObject({ state: "FAILURE", taskId: id });
      expect(heard).toEqual([meta]);
    });

    it("wakes who waits when the result comes from somewhere else, and tells of the states on the way", async () => {
      const id = randomUUID();
      const heard: string[] = [];
      let onStarted: () => void = () => undefined;
      const started = new Promise<void>((resolve) => {
        onStarted = resolve;
      });
      const onMeta = ({ state }: ResultMeta): void => {
        heard.push(state);
        if (state === "STARTED") onStarted();
      };
      const waiting = stage.backend.wait(id, { onMeta });
      await stage.other.put([startedOf(id)]);
      await started;
      await stage.other.put([recordOf(id, { doneAt: AT + 1 })]);
      expect(await waiting).toEqual(metaOf(id, { doneAt: AT + 1 }));
      expect(heard).toEqual(["STARTED", "SUCCESS"]);
    });

    it("wakes hundreds who wait, several of them for one task", async () => {
      const ids = Array.from({ length: 300 }, () => randomUUID());
      const waiting = [...ids, ...ids].map((id) => stage.backend.wait(id));
      await stage.other.put(ids.map((id): ResultRecord => recordOf(id, { resultText: writeJson(id) })));
      const results = (await Promise.all(waiting)).map((meta) => meta?.result);
      expect(results).toEqual([...ids, ...ids]);
    });

    it("ends a wait with null when its signal is aborted, before or while it waits, and leaves the others waiting", async () => {
      const id = randomUUID();
      const ending = new AbortController();
      const patient = stage.backend.wait(id);
      const impatient = stage.backend.wait(id, { signal: ending.signal });
      ending.abort();
      expect(await impatient).toBeNull();
      expect(await stage.backend.wait(id, { signal: ending.signal })).toBeNull();
      await stage.other.put([recordOf(id)]);
      expect(await patient).toEqual(metaOf(id));
    });

    it("rejects the wait of whose listener throws, and of nobody else", async () => {
      const id = randomUUID();
      const bad = stage.backend.wait(id, {
        onMeta: () => {
          throw new Error("a listener's own mistake");
        },
      });
      const good = stage.backend.wait(id);
      await stage.other.put([recordOf(id)]);
      await expect(bad).rejects.toThrow("a listener's own mistake");
      expect(await good).toEqual(metaOf(id));
    });

    it("forgets what it is told to forget, a SUCCESS too", async () => {
      const [first, second] = [randomUUID(), randomUUID()];
      await stage.backend.put([recordOf(first), recordOf(second)]);
      await stage.backend.forget([first, randomUUID()]);
      await stage.backend.forget([]);
      expect(await stage.other.get([first, second])).toEqual([null, metaOf(second)]);
      await stage.backend.put([startedOf(first)]);
      expect((await stage.other.get([first]))[0]?.state).toBe("STARTED");
    });

    it("cleans up nothing that has not expired", async () => {
      const id = randomUUID();
      await stage.backend.put([recordOf(id)]);
      expect(await stage.backend.cleanup()).toBe(0);
      expect(await stage.backend.get([id])).toEqual([metaOf(id)]);
    });

    it("when closed lets go who waits, refuses work, and may be closed again", async () => {
      const waiting = stage.backend.wait(randomUUID());
      await stage.backend.get([]);
      await stage.backend.close();
      expect(await waiting).toBeNull();
      await expect(stage.backend.put([recordOf(randomUUID())])).rejects.toMatchObject({ code: "result" });
      await expect(stage.backend.get([randomUUID()])).rejects.toMatchObject({ code: "result" });
      await stage.backend.close();
    });
  });

  describe(`${name} keeps chords`, () => {
    let stage: ResultStage;
    let here: ChordKeeper;
    let there: ChordKeeper;
    let groupId: string;

    beforeEach(async () => {
      stage = await open();
      [here, there] = [chordsOf(stage.backend), chordsOf(stage.other)];
      groupId = randomUUID();
    });
    afterEach(() => stage.close());

    const part = (groupIndex: number | null, more: Partial<ChordPart> = {}): ChordPart => {
      const id = `task ${groupIndex}`;
      return { groupId, groupIndex, taskId: id, state: "SUCCESS", resultText: writeJson(`result of ${id}`), ...more };
    };

    it("and gives the results, in order, to the part that completes them, and to no other", async () => {
      await here.open([{ groupId, size: 3, tree: null }]);
      expect(await here.join(part(1))).toBeNull();
      expect(await there.join(part(2))).toBeNull();
      const complete = await there.join(part(0));
      expect(complete?.parts.map(({ taskId, result }) => [taskId, result])).toEqual([
        ["task 0", "result of task 0"],
        ["task 1", "result of task 1"],
        ["task 2", "result of task 2"],
      ]);
      expect(complete?.tree).toBeNull();
      expect(await here.join(part(1))).toBeNull();
    });

    it("and does not mind when parts end before it is known how many they are", async () => {
      expect(await here.join(part(0))).toBeNull();
      await there.open([{ groupId, size: 2, tree: null }]);
      expect((await here.join(part(1)))?.parts).toHaveLength(2);
    });

    it("and counts a part once, however often and with whatever result it comes", async () => {
      await here.open([{ groupId, size: 3, tree: null }]);
      const failed = { state: "FAILURE", resultText: '{"exc_type": "E", "exc_message": [], "exc_module": "m"}' };
      await here.join(part(0, failed));
      await there.join(part(0, { resultText: "1" }));
      await here.join(part(0, { resultText: "2" }));
      await there.join(part(0, failed));
      expect(await here.join(part(1))).toBeNull();
      expect(await here.join(part(1))).toBeNull();
      const complete = await there.join(part(2));
      expect(complete?.parts.map(({ state, result }) => [state, result])).toEqual([
        ["SUCCESS", 1],
        ["SUCCESS", "result of task 1"],
        ["SUCCESS", "result of task 2"],
      ]);
    });

    it("and gives the results again to the part that completed them, until the chord is closed", async () => {
      await here.open([{ groupId, size: 2, tree: null }]);
      await here.join(part(0));
      expect((await here.join(part(1)))?.parts).toHaveLength(2);
      expect((await there.join(part(1)))?.parts).toHaveLength(2);
      expect(await there.join(part(0))).toBeNull();
      await there.close(groupId);
      expect(await there.join(part(1))).toBeNull();
      expect(await here.join(part(0))).toBeNull();
    });

    it("and lets exactly one go on when all end at once", async () => {
      await here.open([{ groupId, size: 60, tree: null }]);
      const parts = Array.from({ length: 60 }, (_, index) => part(index));
      const ends = parts.map((one, index) => (index % 2 === 0 ? here : there).join(one));
      const told = (await Promise.all(ends)).filter((complete) => complete !== null);
      expect(told.map(({ parts: all }) => all.length)).toEqual([60]);
    });

    it("and keeps chords apart, puts parts without a place last, and keeps the tree of ids", async () => {
      const tree = [
        [groupId, null],
        [
          [["a", null], null],
          [["inner", null], [[["b", null], null]]],
        ],
      ] as const;
      const other = randomUUID();
      await here.open([
        { groupId, size: 2, tree },
        { groupId: other, size: 1, tree: null },
      ]);
      await here.join(part(null, { taskId: "b" }));
      const second = await here.join(part(0, { groupId: other }));
      expect(second).toMatchObject({ parts: [{ taskId: "task 0" }], tree: null });
      const first = await there.join(part(7, { taskId: "a" }));
      expect(first?.parts.map(({ taskId }) => taskId)).toEqual(["a", "b"]);
      expect(first?.tree).toEqual(tree);
    });

    it("and refuses when it is closed", async () => {
      await stage.backend.close();
      await expect(here.join(part(0))).rejects.toMatchObject({ code: "result" });
      await expect(here.open([{ groupId, size: 1, tree: null }])).rejects.toMatchObject({ code: "result" });
    });
  });
}

function chordsOf({ chords }: ResultBackend): ChordKeeper {
  if (chords === undefined) throw new Error("this backend keeps no chords");
  return chords;
}
