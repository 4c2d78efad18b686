import { describe, expect, it } from "vitest";
import { readMessage, splitLines, type ToChild, writeMessage } from "../../../src/worker/pool/messages.ts";
import { jobOf } from "../../fixtures/pool/stage.ts";

function runOf(headers: Readonly<Record<string, unknown>>): ToChild {
  return { type: "run", job: jobOf("any", null, { id: "one", headers }), measure: false };
}

describe("a message between a pool and a child", () => {
  it.each([
    ["plain data", { tries: 3, note: 'two\nlines, "quoted", ünïcode \u2028 𝄞', none: null, list: [1, { a: true }] }],
    ["a bigint", { big: 2n ** 70n }],
    ["a date", { at: new Date(0) }],
    ["a number that JSON has not", { ratio: Number.POSITIVE_INFINITY }],
    ["a hole in a list", { list: [undefined, 1] }],
  ])("arrives as it was sent, on one line: %s", (_, headers) => {
    const message = runOf(headers);
    const text = writeMessage(message);
    expect(text.indexOf("\n")).toBe(text.length - 1);
    expect(readMessage(text.slice(0, -1))).toEqual(message);
  });

  it("is refused when no process can send it to another", () => {
    expect(() => writeMessage(runOf({ call: () => 1 }))).toThrow("could not be cloned");
  });
});

describe("what a pipe brings", () => {
  it("is the same lines, wherever the pieces are cut", () => {
    const lines = ["", "a", "zwölf 𝄞", "x".repeat(20)];
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    for (let size = 1; size <= bytes.length; size += 1) {
      const heard: string[] = [];
      const take = splitLines((line) => heard.push(line));
      // One buffer for all, as a child reads it.
      const piece = Buffer.alloc(size);
      for (let at = 0; at < bytes.length; at += size) take(piece.subarray(0, bytes.copy(piece, 0, at, at + size)));
      expect(heard).toEqual(lines);
    }
  });

  it("is no line until it ends", () => {
    const heard: string[] = [];
    const take = splitLines((line) => heard.push(line));
    take(Buffer.from("one\ntw"));
    expect(heard).toEqual(["one"]);
    take(Buffer.from("o\n"));
    expect(heard).toEqual(["one", "two"]);
  });
});
