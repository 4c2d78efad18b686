import { describe, expect, it } from "vitest";
import type { Mark } from "../../../src/broker/broker.ts";
import { type Parcel, parcelOf, ParcelShelf } from "../../../src/broker/redis/parcel.ts";
import { chunkBatch, createTargets } from "../../../src/broker/redis/publish.ts";
import { createRoute } from "../../../src/broker/routing.ts";
import { decodeMessage } from "../../../src/protocol/kombu.ts";
import type { Envelope } from "../../../src/protocol/envelope.ts";
import { type EnvelopeWish, envelopeOf, idOf } from "../../helper/envelope.ts";

const targetsOf = createTargets(createRoute(new Map()), "", 0);

function madeOf(count: number, wish: (index: number) => EnvelopeWish = () => ({})) {
  const batch = Array.from({ length: count }, (_, index) => envelopeOf(`${index}`, wish(index)));
  return { batch, marks: batch.map((_, index): Mark => ({ entry: `${index}`, dueAt: 1000 })) };
}

function parcelsOf({ batch, marks }: ReturnType<typeof madeOf>): readonly Parcel[] {
  return [...chunkBatch(batch, targetsOf)].map((chunk) => parcelOf(chunk, marks));
}

/** The words of a command as Redis reads it. */
function wordsOf(bytes: Buffer): readonly string[] {
  const words: string[] = [];
  let at = bytes.indexOf("\r\n") + 2;
  while (at < bytes.length) {
    const textAt = bytes.indexOf("\r\n", at) + 2;
    const length = Number(bytes.toString("latin1", at + 1, textAt - 2));
    words.push(bytes.toString("utf8", textAt, textAt + length));
    at = textAt + length + 2;
  }
  return words;
}

describe("a parcel", () => {
  it("holds a command to each list, with its messages in order, and one record of all marks", () => {
    const made = madeOf(6, (index) => ({ queue: index % 2 === 0 ? "even" : "odd", args: ["ß🌶", "\ud800"] }));
    const [parcel, ...more] = parcelsOf(made);
    expect(more).toEqual([]);
    expect(parcel?.lists).toEqual(["even", "odd"]);
    const words = parcel?.pushes.map(wordsOf) ?? [];
    expect(words.map(([command, list]) => `${command} ${list}`)).toEqual(["LPUSH even", "LPUSH odd"]);
    const ids = words.map(([, , ...texts]) => texts.map((text) => decodeMessage(text).envelope.id));
    expect(ids).toEqual([["0", "2", "4"].map(idOf), ["1", "3", "5"].map(idOf)]);
    expect(parcel?.record).toBe(JSON.stringify(made.marks.flatMap(({ entry, dueAt }) => [entry, `${dueAt}`])));
  });

  it("has its own list for each step of priority", () => {
    const [parcel] = parcelsOf(madeOf(3, (index) => ({ priority: [0, 3, 9][index] ?? 0 })));
    expect(parcel?.lists).toEqual(["celery", "celery\u0006\u00163", "celery\u0006\u00169"]);
  });

  it("ends at five hundred messages, or where they have grown large", () => {
    expect(parcelsOf(madeOf(1201)).map(({ count }) => count)).toEqual([500, 500, 201]);
    const large = parcelsOf(madeOf(300, () => ({ args: ["x".repeat(10_000)] })));
    expect(large.length).toBeGreaterThan(1);
    expect(large.reduce((sum, { count }) => sum + count, 0)).toBe(300);
  });
});

describe("a shelf of parcels", () => {
  const made = madeOf(500);
  const { batch, marks } = made;
  const parcel = parcelsOf(made)[0] as Parcel;
  const shelf = new ParcelShelf();
  shelf.put(parcel, batch, marks);
  const changed = <Item>(items: readonly Item[], index: number, item: Item): readonly Item[] => [
    ...items.slice(0, index),
    item,
    ...items.slice(index + 1),
  ];

  it("gives what was made of just these messages, wherever they stand in the batch", () => {
    const other = envelopeOf("other");
    const longer: readonly Envelope[] = [other, ...batch, other];
    const itsMarks = [{ entry: "other", dueAt: 1 }, ...marks, { entry: "other", dueAt: 2 }];
    expect(shelf.take(batch, marks, 0)).toBe(parcel);
    expect(shelf.take(longer, itsMarks, 1)).toBe(parcel);
    expect(shelf.take(longer, itsMarks, 0)).toBeNull();
  });

  it("gives nothing where one is missing, is another, or stands elsewhere", () => {
    expect(shelf.take(batch.slice(0, -1), marks.slice(0, -1), 0)).toBeNull();
    expect(shelf.take(batch.slice(1), marks.slice(1), 0)).toBeNull();
    expect(shelf.take(changed(batch, 7, envelopeOf("7")), marks, 0)).toBeNull();
    expect(shelf.take(batch.toReversed(), marks, 0)).toBeNull();
  });

  it("gives nothing under other marks", () => {
    expect(shelf.take(batch, changed(marks, 499, { entry: "499", dueAt: 1001 }), 0)).toBeNull();
    expect(shelf.take(batch, changed(marks, 3, { entry: "4", dueAt: 1000 }), 0)).toBeNull();
  });
});
