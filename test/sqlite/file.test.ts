import { renameSync, rmSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { LovageError } from "../../src/error.ts";
import { fileFailure, isBusy } from "../../src/sqlite/failure.ts";
import { SqliteFile } from "../../src/sqlite/file.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { format } from "./format.ts";

const options = { format, busyTimeoutMs: 10, durable: true };
const insert = "INSERT INTO note (text) VALUES (?)";
const select = "SELECT text FROM note";

function texts(file: SqliteFile): unknown {
  return file.read(() => file.statement(select).pluck().all());
}

describe("SqliteFile", () => {
  it("makes the file and its folder, and is the same file to the next who opens it", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("deep/notes.db");
    const [one, two] = [new SqliteFile(path, options), new SqliteFile(path, { ...options, durable: false })];
    const before = two.version;
    one.transaction(() => one.statement(insert).run("a"));
    two.looseTransaction(() => two.statement(insert).run("b"));
    expect(texts(one)).toEqual(["a", "b"]);
    expect(two.version).not.toBe(before);
    one.close();
    two.close();
  });

  it("takes nothing of a transaction that fails", async () => {
    await using folder = temporaryFolder();
    const file = new SqliteFile(folder.file("notes.db"), options);
    const attempt = (): void =>
      file.transaction(() => {
        file.statement(insert).run("a");
        throw new Error("no more");
      });
    expect(attempt).toThrow(`note file ${file.path}: no more`);
    expect(texts(file)).toEqual([]);
    file.close();
  });

  it("follows a file that was replaced or removed, and counts it", async () => {
    await using folder = temporaryFolder();
    const [path, other] = [folder.file("notes.db"), folder.file("other.db")];
    const file = new SqliteFile(path, options);
    file.transaction(() => file.statement(insert).run("old"));
    const fresh = new SqliteFile(other, options);
    fresh.transaction(() => fresh.statement(insert).run("new"));
    fresh.close();
    for (const end of ["-wal", "-shm"]) rmSync(path + end, { force: true });
    renameSync(other, path);
    expect(texts(file)).toEqual(["new"]);
    expect(file.generation).toBe(1);
    for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
    expect(texts(file)).toEqual([]);
    expect(file.generation).toBe(2);
    file.close();
  });

  it("brings a file of an older version up to date", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("notes.db");
    const old = new Database(path);
    old.exec("CREATE TABLE note (text TEXT NOT NULL) STRICT; INSERT INTO note VALUES ('kept')");
    old.pragma(`application_id = ${format.applicationId}`);
    old.pragma("user_version = 1");
    old.close();
    const file = new SqliteFile(path, options);
    expect(file.read(() => file.statement("SELECT * FROM note").all())).toEqual([{ text: "kept", at: 0 }]);
    expect(file.read(() => file.statement("PRAGMA user_version").pluck().get())).toBe(2);
    file.close();
    new SqliteFile(path, options).close();
  });

  it("says that it is closed", async () => {
    await using folder = temporaryFolder();
    const file = new SqliteFile(folder.file("notes.db"), options);
    file.close();
    expect(() => texts(file)).toThrow(`the note file ${file.path} is closed`);
  });

  describe("refuses, and leaves as it is,", () => {
    const refusals: readonly [name: string, make: (path: string) => void, message: string, hint: string][] = [
      [
        "another program's database",
        (path) => void new Database(path).exec("CREATE TABLE theirs (id INTEGER)").close(),
        "PATH is a SQLite file, but not a file of notes",
        "name a file of its own for notes; it is created when it is missing",
      ],
      [
        "a file of a newer version",
        (path) => {
          new SqliteFile(path, options).close();
          new Database(path).exec("PRAGMA user_version = 9").close();
        },
        "PATH was written by a newer Lovage (format 9, known is 2)",
        "upgrade Lovage here, or name another file",
      ],
      [
        "what is no database",
        (path) => writeFileSync(path, "just some text, and not a little of it".repeat(99)),
        "note file PATH: it is damaged, or not a SQLite file",
        "move it and its -wal and -shm files away; a new one is created",
      ],
    ];

    it.each(refusals)("%s", async (_, make, message, hint) => {
      await using folder = temporaryFolder();
      const path = folder.file("notes.db");
      make(path);
      const problem = { code: "store", message: message.replace("PATH", path), hint };
      expect(() => new SqliteFile(path, options)).toThrow(expect.objectContaining(problem));
    });
  });

  it("does not wait for other writers when there is nothing to prepare, and says who is to blame when it must", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("notes.db");
    new SqliteFile(path, options).close();
    const writer = new Database(path);
    writer.exec("BEGIN IMMEDIATE");
    const file = new SqliteFile(path, options);
    const problem = {
      message: `note file ${path}: another process holds it locked`,
      hint: "close whatever has it open, such as a sqlite3 shell",
    };
    const write = (): unknown => file.transaction(() => file.statement(insert).run("a"));
    expect(write).toThrow(expect.objectContaining(problem));
    writer.close();
    file.close();
  });
});

describe("fileFailure", () => {
  it("is told from a moment's contention, also in words", () => {
    const [busy, full] = ["SQLITE_BUSY_SNAPSHOT", "SQLITE_FULL"].map((code) =>
      Object.assign(new Error("text"), { code }),
    );
    expect([busy, full].map(isBusy)).toEqual([true, false]);
    expect([busy, full].map((error) => isBusy(fileFailure(format.words, "/n.db", error)))).toEqual([true, false]);
  });

  it.each([
    ["SQLITE_FULL", "the disk is full", "make room; no note was lost"],
    ["ENOTDIR", "part of /var/notes is a file, not a folder", undefined],
    ["EISDIR", "it is a folder", "name a file in it"],
  ])("explains %s", (code, reason, hint) => {
    const error = fileFailure(format.words, "/var/notes/n.db", Object.assign(new Error("text"), { code }));
    expect(error).toMatchObject({ code: "store", message: `note file /var/notes/n.db: ${reason}`, hint });
  });

  it("passes on what is in words already, and shows what it does not know", () => {
    const known = new LovageError("store", "in words");
    expect(fileFailure(format.words, "/n.db", known)).toBe(known);
    expect(fileFailure(format.words, "/n.db", new Error("odd")).message).toBe("note file /n.db: odd");
  });
});
