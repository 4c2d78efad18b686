import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LovageError } from "../../src/error.ts";
import { isoFormat } from "../../src/protocol/iso-time.ts";
import { readJson } from "../../src/protocol/json-reader.ts";
import { writeJson } from "../../src/protocol/json-writer.ts";
import { readResult, readTuple, writeResult } from "../../src/protocol/result-json.ts";
import type { ExtendedMeta } from "../../src/protocol/result-meta.ts";
import { anyData, anyText } from "../helper/wire.ts";
import { AT, metaOf, recordOf } from "../result/sample.ts";

const fixture = new URL("../fixtures/wire/results.json", import.meta.url);
const captured = JSON.parse(readFileSync(fixture, "utf8")) as Record<string, Record<string, readonly string[]>>;

function textsOf(version: string): readonly (readonly [scenario: string, text: string])[] {
  const scenarios = Object.entries(captured[version] ?? {});
  return scenarios.flatMap(([scenario, texts]) => texts.map((text) => [scenario, text] as const));
}

/** Everything but the result, which the worker writes itself, and the date, which has microseconds there. */
function rewrite(text: string): string {
  const meta = readResult(text);
  const resultText = /"result": (.*), "traceback": /.exec(text)?.[1] ?? "";
  const { extended, ...plain } = meta;
  const record = { ...plain, resultText, ...("name" in extended ? { extended: extended as ExtendedMeta } : {}) };
  return writeResult(record);
}

/** Celery writes null where the task never ran; both read the same. */
const noChildren = (text: string): string => text.replace('"children": null', '"children": []');
const milliseconds = (text: string): string => text.replace(/(\.\d{3})\d{3}(\+00:00")/, "$1000$2");

describe("writeResult", () => {
  it.each(["5.6.2", "5.6.2 extended"])("writes what Celery %s was seen to write, byte for byte", (version) => {
    const texts = textsOf(version);
    expect(texts.length).toBeGreaterThan(8);
    for (const [scenario, text] of texts) {
      expect([scenario, milliseconds(rewrite(text))]).toEqual([scenario, noChildren(milliseconds(text))]);
    }
  });

  it("leaves out group and parent where there are none", () => {
    const plain = writeResult(recordOf("id", { groupId: null, parentId: null }));
    const date = isoFormat(AT);
    expect(plain).toBe(
      `{"status": "SUCCESS", "result": 5, "traceback": null, "children": [], "date_done": "${date}", "task_id": "id"}`,
    );
  });

  it("gives back through readResult what it was given", () => {
    fc.assert(
      fc.property(anyData, anyText, anyText, (data, traceback, id) => {
        const meta = readResult(writeResult(recordOf(id, { resultText: writeJson(data), traceback, parentId: "p" })));
        expect(meta).toEqual(metaOf(id, { result: readJson(writeJson(data)), traceback, parentId: "p" }));
      }),
    );
  });
});

describe("readResult", () => {
  it("reads every outcome that Celery 5.2.6 was seen to write, whose UTC has no offset", () => {
    for (const [scenario, text] of textsOf("5.2.6")) {
      const json = JSON.parse(text) as { status: string; date_done: string | null; task_id: string };
      const doneAt = json.date_done === null ? null : Date.parse(`${json.date_done}Z`);
      const meta = readResult(text);
      const read = { state: meta.state, taskId: meta.taskId, doneAt: meta.doneAt && Math.floor(meta.doneAt) };
      expect([scenario, read]).toEqual([scenario, { state: json.status, taskId: json.task_id, doneAt }]);
    }
  });

  it("reads the kinds of value that 5.6 marks", () => {
    const [text = ""] = (captured["5.6.2"]?.["03_success_types"] ?? []).filter((one) => one.includes("SUCCESS"));
    expect(readResult(text).result).toEqual({
      dt: new Date("2024-01-02T03:04:05.678Z"),
      d: "2024-01-02",
      u: "00000000-0000-0000-0000-000000000005",
      dec: "1.50",
      f: 1.5,
      big: 9223372036854775808n,
      s: "zażółć ☃",
      n: null,
      nested: [1, [2, { a: [3] }]],
    });
  });

  it("leaves a mark that nobody here knows as it was written", () => {
    const result = { __type__: "theirs.Money", __value__: [5, "EUR"] };
    expect(readResult(JSON.stringify({ status: "SUCCESS", result, task_id: "id" })).result).toEqual(result);
  });

  it("makes do with what older and other programs leave out or write otherwise", () => {
    expect(readResult('{"status": "FAILURE", "children": null}')).toEqual(
      metaOf("", { state: "FAILURE", result: null, doneAt: null }),
    );
    const dated =
      '{"status":"SUCCESS","result":1,"task_id":"x","date_done":{"__type__":"datetime","__value__":"2026-11-21T09:21:03.438Z"}}';
    expect(readResult(dated)).toEqual(metaOf("x", { result: 1, doneAt: AT }));
  });

  it.each(["", "\x80\x04pickle", "[1]", "null", '{"result": 1}'])("refuses %j, which is no outcome", (text) => {
    expect(() => readResult(text)).toThrow(LovageError);
    expect(() => readResult(text)).toThrow(expect.objectContaining({ code: "result" }));
  });
});

describe("readTuple", () => {
  it.each([
    [
      ["id", null],
      [["id", null], null],
    ],
    [
      [["id", null], null],
      [["id", null], null],
    ],
    [
      [["id", [["above", null], null]], null],
      [["id", [["above", null], null]], null],
    ],
    [
      [
        ["group", null],
        [
          [["a", null], null],
          ["b", []],
        ],
      ],
      [
        ["group", null],
        [
          [["a", null], null],
          [["b", null], []],
        ],
      ],
    ],
    ["id", [["id", null], null]],
    [[5], null],
    [{ id: 1 }, null],
    [null, null],
  ])("reads %j", (value, tuple) => {
    expect(readTuple(value)).toEqual(tuple);
  });
});
