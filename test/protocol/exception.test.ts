import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  errorFromJson,
  exceptionJson,
  exceptionRepr,
  readException,
  tracebackOf,
} from "../../src/protocol/exception.ts";
import { writeJson } from "../../src/protocol/json-writer.ts";
import { anyData, anyText, askPython } from "../helper/wire.ts";
import { requireService } from "../helper/debian.ts";

class Odd extends Error {}
class ValueError extends Error {}
class Named extends TypeError {
  override name = "GivenName";
}

const circular: Record<string, unknown> = {};
circular["self"] = circular;

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error("do not touch");
    },
    getPrototypeOf: () => {
      throw new Error("do not touch");
    },
  },
);

function withBadGetters(): Error {
  const error = new Error("never seen");
  // The stack first: V8 makes it of the message when it is touched.
  for (const name of ["stack", "cause", "name", "message"]) {
    Object.defineProperty(error, name, {
      get: () => {
        throw new Error(`no ${name}`);
      },
    });
  }
  return error;
}

describe("exceptionJson", () => {
  it.each<readonly [string, () => unknown, string, readonly unknown[], string]>([
    ["a plain error", () => new Error("boom"), "Error", ["boom"], "javascript"],
    ["one without a message", () => new Error(), "Error", [], "javascript"],
    ["a subclass that says no name", () => new Odd("boom"), "Odd", ["boom"], "javascript"],
    ["a subclass that says its name", () => new Named("boom"), "GivenName", ["boom"], "javascript"],
    ["a name that was set", () => Object.assign(new Error("late"), { name: "Late" }), "Late", ["late"], "javascript"],
    ["what Python has under the same name", () => new TypeError("no"), "TypeError", ["no"], "builtins"],
    ["a class named as one of Python's", () => new ValueError("no"), "ValueError", ["no"], "builtins"],
    ["what Python does not have", () => new RangeError("far"), "RangeError", ["far"], "javascript"],
    [
      "what the web platform throws",
      () => new DOMException("gone", "AbortError"),
      "AbortError",
      ["gone"],
      "javascript",
    ],
    ["a string", () => "boom", "Error", ["boom"], "javascript"],
    ["a number", () => 5, "Error", [5], "javascript"],
    ["plain data", () => ({ code: 5 }), "Error", [{ code: 5 }], "javascript"],
    ["undefined", () => undefined, "Error", ["undefined was thrown"], "javascript"],
    ["null", () => null, "Error", ["null was thrown"], "javascript"],
    ["a symbol", () => Symbol("s"), "Error", ["Symbol(s)"], "javascript"],
    ["what refers to itself", () => circular, "Error", ["<ref *1> { self: [Circular *1] }"], "javascript"],
    ["an error whose getters throw", withBadGetters, "Error", [], "javascript"],
  ])("knows %s", (...[, thrown, type, args, module]) => {
    expect(exceptionJson(thrown())).toEqual({ exc_type: type, exc_message: args, exc_module: module });
  });

  it("lets an error say itself what it is to Celery", () => {
    const error = Object.assign(new Error("shown here"), {
      celeryType: "SoftTimeLimitExceeded",
      celeryModule: "billiard.exceptions",
      celeryArgs: [5, circular, new Date(0)],
    });
    const date = { __type__: "datetime", __value__: "1970-01-01T00:00:00+00:00" };
    const args = [5, "<ref *1> { self: [Circular *1] }", date];
    const json = { exc_type: "SoftTimeLimitExceeded", exc_message: args, exc_module: "billiard.exceptions" };
    expect(exceptionJson(error)).toEqual(json);
  });

  it("cuts what is huge, and says how much it was", () => {
    const [message] = exceptionJson(new Error("x".repeat(1_000_000))).exc_message;
    expect(String(message)).toHaveLength(10_000 + "... (1000000 characters in all)".length);
    const data = Array.from({ length: 100_000 }, (_, index) => index);
    const many = Object.assign(new Error("many"), { celeryArgs: Array.from({ length: 50 }, () => "y".repeat(9000)) });
    expect(writeJson(exceptionJson(data)).length).toBeLessThan(60_000);
    expect(writeJson(exceptionJson(many)).length).toBeLessThan(60_000);
  });

  it("and tracebackOf give something for anything thrown, that can be written and is no longer than a result may be", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          anyText.map((text) => new Error(text)),
          fc.constant(hostile),
        ),
        (thrown) => {
          const json = exceptionJson(thrown);
          expect(JSON.parse(writeJson(json))).toEqual(JSON.parse(JSON.stringify(json)));
          expect(exceptionRepr(json)).toMatch(/^[^(]+\(/);
          expect(tracebackOf(thrown)).toMatch(/^Traceback \(JavaScript, most recent call first\):\n./);
        },
      ),
    );
  });
});

describe("exceptionRepr", () => {
  it("is Python's", () => {
    const json = (type: string, args: readonly unknown[]) => ({ exc_type: type, exc_message: args, exc_module: "m" });
    expect(exceptionRepr(json("ValueError", ["boom", 42]))).toBe("ValueError('boom', 42)");
    expect(exceptionRepr(json("Outer.Odd", [null, "it's"]))).toBe(`Odd(None, "it's")`);
    expect(exceptionRepr(json("Empty", []))).toBe("Empty()");
  });
});

describe("tracebackOf", () => {
  it("begins with the error and the place where it was made, without frames of Node or of ours", () => {
    const lines = tracebackOf(new RangeError("too far\n    at the end")).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "Traceback (JavaScript, most recent call first):",
      "RangeError: too far",
      "    at the end",
    ]);
    expect(lines[3]).toMatch(/^ {4}at .*exception\.test\.ts:\d+:\d+\)?$/);
    expect(lines.filter((line) => /\(?node:/.test(line))).toEqual([]);
    const made = Object.assign(new Error("made"), {
      stack: `Error: made\n    at inner (${new URL("../../src/app/app.ts", import.meta.url).href}:1:1)\n    at task (/app/proj.js:2:2)`,
    });
    expect(tracebackOf(made)).toBe(
      "Traceback (JavaScript, most recent call first):\nError: made\n    at task (/app/proj.js:2:2)\n",
    );
  });

  it("shows causes, the parts of an AggregateError, and ends where errors go round in circles", () => {
    const inner = new TypeError("inner");
    const outer = new AggregateError([new Odd("part"), "text"], "both", { cause: inner });
    Object.assign(inner, { cause: outer });
    const heads = tracebackOf(outer)
      .split("\n")
      .filter((line) => !/^\s+at /.test(line));
    expect(heads).toEqual([
      "Traceback (JavaScript, most recent call first):",
      "AggregateError: both",
      "  1 of 2: Odd: part",
      "  2 of 2: Error: text",
      "Caused by: TypeError: inner",
      "Caused by: (an error already shown)",
      "",
    ]);
  });

  it("stays within bounds for long stacks and long chains", () => {
    let error = new Error("first");
    for (let index = 0; index < 100; index += 1) error = new Error("x".repeat(20_000), { cause: error });
    expect(tracebackOf(error).length).toBeLessThan(51_000);
  });
});

describe("errorFromJson", () => {
  it("reads as the exception did, and shows the worker's stack when it is printed", () => {
    const json = { exc_type: "Outer.Odd", exc_message: [7, "custom"], exc_module: "proj.tasks" };
    const error = errorFromJson(json, "Traceback (most recent call last):\nproj.tasks.Odd: (7, 'custom')\n");
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe("Odd: (7, 'custom')");
    expect([error.excType, error.excModule, error.excArgs]).toEqual(["Outer.Odd", "proj.tasks", [7, "custom"]]);
    expect(error.traceback).toContain("most recent call last");
    expect(inspect(error)).toContain("In the worker:\nTraceback (most recent call last):");
  });

  it("has one text as its message, and nothing where there were no arguments", () => {
    const of = (args: readonly unknown[]) =>
      errorFromJson({ exc_type: "E", exc_message: args, exc_module: "m" }).message;
    expect([of(["boom"]), of([]), of([null]), of([{ a: 1 }])]).toEqual(["boom", "", "None", "{'a': 1}"]);
  });

  it("is the same exception again when a task lets it pass", () => {
    fc.assert(
      fc.property(fc.array(anyData, { maxLength: 3 }), (args) => {
        const json = { exc_type: "Odd", exc_message: JSON.parse(writeJson(args)) as unknown[], exc_module: "proj" };
        expect(exceptionJson(errorFromJson(json))).toEqual(json);
      }),
    );
  });
});

describe("readException", () => {
  it("knows an exception from other data, and the shape of older ones", () => {
    const json = { exc_type: "ValueError", exc_message: ["boom"], exc_module: "builtins" };
    expect(readException(json)).toEqual(json);
    expect(readException({ exc_type: "E", exc_message: "text", exc_module: null })).toEqual({
      exc_type: "E",
      exc_message: ["text"],
      exc_module: "builtins",
    });
    expect(readException({ exc_type: "E" })?.exc_message).toEqual([]);
    expect([readException(null), readException("text"), readException({ type: "E" })]).toEqual([null, null, null]);
  });
});

describe.skipIf(!requireService("celery"))("what Celery makes of our errors", () => {
  it("is an exception of the same name and arguments, and Python's own where it has one", () => {
    const thrown = [
      new Odd("boom"),
      new TypeError("no"),
      new ValueError("v"),
      "text",
      new Error(),
      { a: [1] },
      hostile,
    ];
    const answer = askPython(
      `
from celery import Celery
backend = Celery(backend="cache+memory://").backend
answer = []
for json_of in given:
    error = backend.exception_to_python(json_of)
    answer.append([type(error).__name__, list(error.args), type(error).__module__ == "builtins"])
`,
      thrown.map(exceptionJson),
    );
    expect(answer).toEqual([
      ["Odd", ["boom"], false],
      ["TypeError", ["no"], true],
      ["ValueError", ["v"], true],
      ["Error", ["text"], false],
      ["Error", [], false],
      ["Error", [{ a: [1] }], false],
      ["Error", [exceptionJson(hostile).exc_message[0]], false],
    ]);
  });
});
