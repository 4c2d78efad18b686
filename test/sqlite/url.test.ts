import { describe, expect, it } from "vitest";
import { parseSqliteUrl } from "../../src/sqlite/url.ts";
import { format } from "./format.ts";

const { words } = format;

describe("parseSqliteUrl", () => {
  it("reads a path as SQLAlchemy does: three slashes relative, four absolute", () => {
    expect(parseSqliteUrl("sqlite:////var/lib/app/notes.db", words)).toBe("/var/lib/app/notes.db");
    expect(parseSqliteUrl("sqlite:///dir/notes.db", words)).toBe(`${process.cwd()}/dir/notes.db`);
  });

  it.each(["sqlite://", "sqlite:///", "sqlite://notes.db"])("refuses %s, which names no file", (url) => {
    expect(() => parseSqliteUrl(url, words)).toThrow(`note URL ${url} names no file`);
  });

  it("refuses a database in memory, which no other process could reach", () => {
    expect(() => parseSqliteUrl("sqlite:///:memory:", words)).toThrow("other processes could not reach it");
  });
});
