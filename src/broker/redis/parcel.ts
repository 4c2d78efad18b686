// Messages made ready to be written at one stroke: one command a list, encoded, and the record of their marks. Beat makes
// them shortly before they are due, and what is made ahead is found again by the envelopes it was made of.
import type { Envelope } from "../../protocol/envelope.ts";
import { encodeCommand } from "../../redis/bulk.ts";
import type { Mark } from "../broker.ts";
import { journalRecord } from "./journal.ts";
import { type Chunk, groupByTarget } from "./publish.ts";

export interface Parcel {
  readonly count: number;
  readonly lists: readonly string[];
  /** An LPUSH for each list, as Redis reads it. */
  readonly pushes: readonly Buffer[];
  readonly record: string;
}

export function parcelOf(chunk: Chunk, marks: readonly Mark[]): Parcel {
  const own = marks.slice(chunk.start, chunk.start + chunk.messages.length);
  const groups = [...groupByTarget(chunk)];
  return {
    count: chunk.messages.length,
    lists: groups.map(([{ key }]) => key),
    pushes: groups.map(([{ key }, messages]) => encodeCommand(["LPUSH", key, ...messages])),
    record: journalRecord(own),
  };
}

interface Prepared {
  readonly parcel: Parcel;
  readonly envelopes: readonly Envelope[];
  readonly marks: readonly Mark[];
}

/** Parcels made ahead. They go with their envelopes, whether they were sent or not. */
export class ParcelShelf {
  readonly #prepared = new WeakMap<Envelope, Prepared>();

  put(parcel: Parcel, envelopes: readonly Envelope[], marks: readonly Mark[]): void {
    const [first] = envelopes;
    if (first !== undefined) this.#prepared.set(first, { parcel, envelopes, marks });
  }

  /** The parcel of just these messages of a batch from `start` on, under these marks. */
  take(batch: readonly Envelope[], marks: readonly Mark[], start: number): Parcel | null {
    const first = batch[start];
    const prepared = first && this.#prepared.get(first);
    if (prepared === undefined) return null;
    const isWhole =
      prepared.envelopes.every((envelope, index) => batch[start + index] === envelope) &&
      prepared.marks.every((mark, index) => isEqual(mark, marks[start + index]));
    return isWhole ? prepared.parcel : null;
  }
}

function isEqual(mark: Mark, other: Mark | undefined): boolean {
  return mark.entry === other?.entry && mark.dueAt === other.dueAt;
}
