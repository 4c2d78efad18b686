// What a keeper of results owes chords: count the parts of a header, each once, and say who goes on with the body.
import type { ResultTuple } from "../protocol/result-meta.ts";

/** A chord whose header is about to be sent. */
export interface ChordOpening {
  /** The id of the header's group. */
  readonly groupId: string;
  /** How many tasks will report. */
  readonly size: number;
  /** The ids of the header, where its results are lists within the list; null: they are one for each task, in order. */
  readonly tree: ResultTuple | null;
}

/** A task of a header that has come to its end. */
export interface ChordPart {
  readonly groupId: string;
  /** Its place among the results; null: after those that have one. */
  readonly groupIndex: number | null;
  readonly taskId: string;
  readonly state: string;
  /** The JSON text of the result, or of the exception. */
  readonly resultText: string;
}

/** A header all of whose tasks have come to their end. */
export interface CompleteChord {
  /** In order. */
  readonly parts: readonly { readonly taskId: string; readonly state: string; readonly result: unknown }[];
  readonly tree: ResultTuple | null;
}

/** Every step can be taken again, with the same outcome, when its answer was lost. */
export interface ChordKeeper {
  /** Before the last task of the header is sent. */
  open(chords: readonly ChordOpening[]): Promise<void>;
  /**
   * Counts the part, once however often it comes; a SUCCESS stands, anything else is replaced. Resolves with the whole
   * header for the one part that completed it, until the chord is closed: again, when that part comes again, since its
   * worker may have died before it could call the body. Null for everybody else.
   *
   * @throws LovageError("result") when the backend is out of reach; the same part may be joined again
   */
  join(part: ChordPart): Promise<CompleteChord | null>;
  /** The body has been called, or failed: forgets the chord. */
  close(groupId: string): Promise<void>;
}

/**
 * Whether the worker of a part goes on with the body, now that all have come. A part that comes again finds that it was
 * told to before, or another was; where nobody was, a Python worker completed the chord, and may have died since.
 *
 * @param finisher the task that was told to go on; null: nobody of ours was
 */
export function isFinisher(taskId: string, finisher: string | null): boolean {
  return finisher === null || finisher === taskId;
}
