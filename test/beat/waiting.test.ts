import { describe, expect, it } from "vitest";
import { type Occurrence, scheduledOccurrence } from "../../src/beat/occurrence.ts";
import type { ReadyGroup } from "../../src/beat/ahead.ts";
import type { EntryNow } from "../../src/beat/dispatch.ts";
import { Waiting } from "../../src/beat/waiting.ts";
import { entryOf, envelopeOf, startAt } from "../helper/beat-stage.ts";

/** Entries in line, those of one letter made ready together; a dot is by itself. */
function lineOf(letters: string) {
  const groups = new Map<string, ReadyGroup>();
  const standing = new Map<string, EntryNow>();
  const line = letters.split("").map((letter, index): Occurrence => {
    const entry = entryOf({ name: `${letter}${index}` });
    const occurrence = scheduledOccurrence({ entry, schedule: entry.schedule, dueAt: startAt });
    const group = groups.get(letter) ?? { slots: [] };
    if (letter !== ".") groups.set(letter, group);
    const ready = { entry, dueAt: startAt, envelope: envelopeOf(occurrence), group: letter === "." ? null : group };
    standing.set(entry.name, { entry, state: { paused: null }, ready });
    return occurrence;
  });
  const waiting = new Waiting((name) => standing.get(name));
  waiting.add(line);
  return { waiting, line, standing };
}

function byHand(occurrence: Occurrence): Occurrence {
  return { ...occurrence, byHand: { id: "1", note: "", mark: { entry: "1", dueAt: startAt } } };
}

const lettersOf = (taken: readonly Occurrence[]): string => taken.map(({ entry }) => entry.name.charAt(0)).join("");

describe("occurrences in line", () => {
  it.each([
    ["aaabbb", 3, "aaa"],
    ["aaabbb", 4, "aaa"],
    ["aaabbb", 2, "aaa"],
    ["aaabbb", 6, "aaabbb"],
    ["aaabbb", 99, "aaabbb"],
    [".aaa", 2, "."],
    ["..aaa", 2, ".."],
    ["aaa..", 4, "aaa."],
    [".....", 3, "..."],
    ["a.a", 2, "a."],
    ["", 5, ""],
  ])("of %s, asked for %d, leave as %s: what was made ready together stays together", (letters, size, taken) => {
    const { waiting } = lineOf(letters);
    expect(lettersOf(waiting.take(size))).toBe(taken);
    expect(waiting.size).toBe(letters.length - taken.length);
  });

  it("leave in order, to the last of them", () => {
    const { waiting, line } = lineOf("aaa.bbbb..ccccccccc.");
    const taken: Occurrence[] = [];
    while (waiting.size > 0) taken.push(...waiting.take(4));
    expect(taken).toEqual(line);
  });

  it("leave with those of their kind: what is asked for by hand does not go with the schedule's", () => {
    const { waiting, line } = lineOf("aaa...");
    waiting.putBack([byHand(line[3] as Occurrence), byHand(line[4] as Occurrence)]);
    expect(waiting.take(99)).toHaveLength(2);
    expect(waiting.take(99)).toEqual(line);
  });

  it("are not kept together with an entry that is gone", () => {
    const { waiting, standing } = lineOf("aaaa");
    standing.delete("a1");
    expect(lettersOf(waiting.take(1))).toBe("a");
    expect(lettersOf(waiting.take(1))).toBe("a");
    expect(lettersOf(waiting.take(1))).toBe("aa");
  });

  it("stay in order when some are withdrawn, and when some are put back", () => {
    const { waiting, line } = lineOf("aabb");
    const isFirst = ({ entry }: Occurrence): boolean => entry.name === "a0";
    expect(waiting.withdraw(isFirst)).toEqual(line.slice(0, 1));
    expect(waiting.first).toBe(line[1]);
    waiting.putBack(line.slice(0, 1));
    expect(waiting.all()).toEqual(line);
  });
});
