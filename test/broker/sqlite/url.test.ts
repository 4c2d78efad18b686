import { describe, expect, it } from "vitest";
import { parseSqliteUrl } from "../../../src/broker/sqlite/url.ts";

describe("parseSqliteUrl", () => {
  it("reads a path as SQLAlchemy does: three slashes relative, four absolute", () => {
    expect(parseSqliteUrl("sqlite:////var/lib/app/broker.db")).toBe("/var/lib/app/broker.db");
    expect(parseSqliteUrl("sqlite:///dir/broker.db")).toBe(`${process.cwd()}/dir/broker.db`);
  });

  it.each(["sqlite://", "sqlite:///", "sqlite://broker.db"])("refuses %s, which names no file", (url) => {
    expect(() => parseSqliteUrl(url)).toThrow(`broker URL ${url} names no file`);
  });

  it("refuses a database in memory, which no other process could reach", () => {
    expect(() => parseSqliteUrl("sqlite:///:memory:")).toThrow("other processes could not reach it");
  });
});
