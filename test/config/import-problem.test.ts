import { describe, expect, it } from "vitest";
import { importProblems } from "../../src/config/import-problem.ts";
import { ConfigError, formatProblem } from "../../src/error.ts";

function withStack(error: Error, stack: string): Error {
  error.stack = stack;
  return error;
}

function lines(error: unknown): readonly string[] {
  return importProblems(error, "/proj/app.ts").map(formatProblem);
}

describe("importProblems", () => {
  it("points at the topmost frame of the user's own code", () => {
    const stack = [
      "TypeError: no",
      "    at inner (/proj/node_modules/pg/index.js:3:4)",
      "    at node:internal/fs:12:3",
      "    at Module._load (node:internal/modules/cjs:1:2)",
      "    at async make (file:///proj/db.ts:12:9)",
      "    at file:///proj/app.ts:5:1",
    ].join("\n");
    expect(lines(withStack(new TypeError("no"), stack))).toEqual(["/proj/db.ts:12:9: TypeError: no"]);
  });

  it("points at the line of a syntax error, which Node prints above it", () => {
    const stack =
      "file:///proj/app.js:2\nconst y = ;\n          ^\n\nSyntaxError: Unexpected token ';'\n    at node:internal:1:1";
    expect(lines(withStack(new SyntaxError("Unexpected token ';'"), stack))).toEqual([
      "/proj/app.js:2: SyntaxError: Unexpected token ';'",
    ]);
  });

  it("reads the place out of what the TypeScript compiler says", () => {
    const message = 'Transform failed with 1 error:\n/proj/app.ts:2:19: ERROR: Unexpected ";"';
    expect(lines(new Error(message))).toEqual(['/proj/app.ts:2:20: Unexpected ";"']);
  });

  it("names the importer of a module that is not there", () => {
    const error = new Error("Cannot find module '/proj/gone.js' imported from /proj/tasks.ts");
    expect(lines(error)[0]).toMatch(/^\/proj\/tasks\.ts: Cannot find module/);
  });

  it("keeps all problems of a configuration error, and their own places", () => {
    const error = withStack(
      new ConfigError([
        { message: "a", hint: "b" },
        { file: "x.yaml", line: 1, column: 2, message: "c" },
      ]),
      "ConfigError: a\n    at file:///proj/app.ts:5:20",
    );
    expect(lines(error)).toEqual(["/proj/app.ts:5:20: a (b)", "x.yaml:1:2: c"]);
  });

  it("makes do with what is thrown that is no error", () => {
    expect(lines("just text")).toEqual(["/proj/app.ts: just text"]);
  });
});
