// Chords in this process's memory.
import type { Clock, Instant } from "../clock.ts";
import { readJson } from "../protocol/json-reader.ts";
import type { ResultTuple } from "../protocol/result-meta.ts";
import { type ChordKeeper, type ChordOpening, type ChordPart, type CompleteChord, isFinisher } from "./chord.ts";

interface Chord {
  size: number | null;
  tree: ResultTuple | null;
  finisher: string | null;
  expiresAt: Instant;
  readonly parts: Map<string, ChordPart>;
}

export type ChordShelf = Map<string, Chord>;

export interface MemoryChordsOptions {
  readonly shelf: ChordShelf;
  readonly clock: Clock;
  readonly expiresMs: number;
  /** Throws when the backend is closed. */
  readonly checkOpen: () => void;
}

export class MemoryChords implements ChordKeeper {
  readonly #options: MemoryChordsOptions;

  constructor(options: MemoryChordsOptions) {
    this.#options = options;
  }

  async open(chords: readonly ChordOpening[]): Promise<void> {
    this.#options.checkOpen();
    for (const { groupId, size, tree } of chords) Object.assign(this.#find(groupId), { size, tree });
  }

  async join(part: ChordPart): Promise<CompleteChord | null> {
    this.#options.checkOpen();
    const chord = this.#find(part.groupId);
    if (chord.parts.get(part.taskId)?.state !== "SUCCESS") chord.parts.set(part.taskId, part);
    if (chord.size === null || chord.parts.size < chord.size || !isFinisher(part.taskId, chord.finisher)) return null;
    chord.finisher = part.taskId;
    const parts = [...chord.parts.values()].sort((one, other) => placeOf(one) - placeOf(other));
    return {
      parts: parts.map(({ taskId, state, resultText }) => ({ taskId, state, result: readJson(resultText) })),
      tree: chord.tree,
    };
  }

  async close(groupId: string): Promise<void> {
    this.#options.checkOpen();
    this.#options.shelf.delete(groupId);
  }

  /** Forgets what nobody has touched for so long. */
  cleanup(): number {
    const { shelf, clock } = this.#options;
    const expired = [...shelf].filter(([, { expiresAt }]) => expiresAt <= clock.now());
    for (const [groupId] of expired) shelf.delete(groupId);
    return expired.length;
  }

  #find(groupId: string): Chord {
    const { shelf, clock, expiresMs } = this.#options;
    const expiresAt = clock.now() + expiresMs;
    const chord = shelf.get(groupId) ?? { size: null, tree: null, finisher: null, expiresAt, parts: new Map() };
    chord.expiresAt = expiresAt;
    shelf.set(groupId, chord);
    return chord;
  }
}

function placeOf({ groupIndex }: ChordPart): number {
  return groupIndex ?? Number.MAX_SAFE_INTEGER;
}
