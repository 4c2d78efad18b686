import { describe, expect, it } from "vitest";
import { openStore } from "../../src/store/open.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { startRecordChild } from "./child-process.ts";

describe("a beat-record whose process is killed", () => {
  it("is free at once, whole, and has all that was acknowledged, killed again and again in the middle of writing", async () => {
    await using folder = temporaryFolder();
    let before = 0;
    for (const killAfter of [1, 7, 23, 41, 60]) {
      await using child = startRecordChild(folder.file("beat-record"), { mode: "write" });
      await child.until((said) => (said.recorded ?? 0) >= before + killAfter);
      await child.kill();
      const acknowledged = child.lines.at(-1)?.recorded ?? 0;

      const moved: unknown[] = [];
      const store = await openStore(folder.file("beat-record"), { emit: (event) => moved.push(event) });
      const { entries } = await store.load();
      const runs = entries.get("all")?.runs ?? 0;
      expect(runs).toBeGreaterThanOrEqual(acknowledged);
      expect(runs).toBeLessThanOrEqual(acknowledged + 1);
      expect(entries.get("entry-2")?.runs).toBe(runs);
      expect(entries.get("entry-299")?.runs ?? 0).toBe(runs - (runs % 5));
      const history = await store.history("all", 100);
      expect(history.map((run) => run.dueAt)).toEqual(
        Array.from({ length: Math.min(runs, 100) }, (_, back) => runs - back),
      );
      expect(await store.history("entry-299", 100)).toHaveLength(Math.floor(runs / 5));
      expect(moved).toEqual([]);
      await store.close();
      before = runs;
    }
    expect(before).toBeGreaterThanOrEqual(132);
  }, 90_000);

  it("rejects what does not fit on the disk, and applies nothing of it", async () => {
    await using folder = temporaryFolder();
    await using child = startRecordChild(folder.file("beat-record"), { mode: "write", mostBlocks: 2_000 });
    const { failed } = await child.until((said) => said.failed !== undefined);
    const recorded = child.lines.findLast((said) => said.recorded !== undefined)?.recorded ?? 0;
    expect(failed?.message).toMatch(/^(cannot use|no space is left for) the beat-record/);
    expect(recorded).toBeGreaterThan(5);
    await child.kill();
    const store = await openStore(folder.file("beat-record"));
    expect((await store.load()).entries.get("all")?.runs).toBe(recorded);
    await store.close();
  });
});
