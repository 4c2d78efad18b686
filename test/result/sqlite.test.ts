import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { SqliteResults } from "../../src/result/sqlite/sqlite-results.ts";
import { describeResults } from "../contract/result-contract.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { AT, metaOf, recordOf } from "./sample.ts";

const options = { clock: systemClock, emit: () => undefined, transportOptions: {}, expiresMs: 3_600_000 };

describeResults("sqlite", async () => {
  const folder = temporaryFolder();
  const url = `sqlite:///${folder.file("results.sqlite")}`;
  const [backend, other] = [new SqliteResults(url, options), new SqliteResults(url, options)];
  return {
    backend,
    other,
    close: async () => {
      await Promise.all([backend.close(), other.close()]);
      await folder[Symbol.asyncDispose]();
    },
  };
});

describe("SqliteResults", () => {
  it("drops what has expired, which then no longer stands in the way", async () => {
    await using folder = temporaryFolder();
    const clock = new ManualClock(AT);
    const url = `sqlite:///${folder.file("new/folder/results.sqlite")}`;
    const backend = new SqliteResults(url, { ...options, clock, expiresMs: 1000 });
    await backend.put([recordOf("old"), recordOf("again")]);
    await clock.advance(1000);
    expect(await backend.get(["old"])).toEqual([null]);
    await backend.put([recordOf("new"), recordOf("again", { resultText: "6" })]);
    expect(await backend.cleanup()).toBe(1);
    expect(await backend.get(["old", "new", "again"])).toEqual([null, metaOf("new"), metaOf("again", { result: 6 })]);
    await backend.close();
  });

  it("keeps results for ever when they do not expire", async () => {
    await using folder = temporaryFolder();
    const clock = new ManualClock(AT);
    const url = `sqlite:///${folder.file("results.sqlite")}`;
    const backend = new SqliteResults(url, { ...options, clock, expiresMs: null });
    await backend.put([recordOf("id")]);
    await clock.advance(1e12);
    expect(await backend.cleanup()).toBe(0);
    expect(await backend.get(["id"])).toEqual([metaOf("id")]);
    await backend.close();
  });

  it("goes on in a new file when somebody removes the old one", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("results.sqlite");
    const backend = new SqliteResults(`sqlite:///${path}`, options);
    await backend.put([recordOf("before")]);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    await backend.put([recordOf("after")]);
    const other = new SqliteResults(`sqlite:///${path}`, options);
    expect(await other.get(["before", "after"])).toEqual([null, metaOf("after")]);
    await Promise.all([backend.close(), other.close()]);
  });

  it("says what is wrong with a file it cannot use", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("text"), "this is no database, but long enough to be looked at as one ".repeat(4));
    mkdirSync(folder.file("folder"));
    const foreign = new Database(folder.file("foreign"));
    foreign.exec("CREATE TABLE theirs (id)");
    foreign.close();
    const problem = (name: string): unknown => {
      try {
        return new SqliteResults(`sqlite:///${folder.file(name)}`, options);
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(problem("text")).toBe(`result file ${folder.file("text")}: it is damaged, or not a SQLite file`);
    expect(problem("folder")).toBe(`result file ${folder.file("folder")}: it is a folder`);
    expect(problem("text/below")).toBe(
      `result file ${folder.file("text/below")}: part of ${folder.file("text")} is a file, not a folder`,
    );
    expect(problem("foreign")).toBe(`${folder.file("foreign")} is a SQLite file, but not one of Lovage's results`);
  });

  it("refuses URLs that name no file, or one that nobody else could read", () => {
    const of = (url: string) => (): unknown => new SqliteResults(url, options);
    expect(of("sqlite://")).toThrow("result backend URL sqlite:// names no file");
    expect(of("sqlite:///:memory:")).toThrow("other processes could not reach it");
  });
});
