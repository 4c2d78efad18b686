import { chmodSync, readdirSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { openStore, openStoreReadOnly } from "../../src/store/open.ts";
import { storeError } from "../../src/store/sqlite/access.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { type Said, startRecordChild } from "./child-process.ts";

/** What a user without privileges is told who opens this path. */
async function refusal(path: string): Promise<Said["failed"]> {
  await using child = startRecordChild(path, { unprivileged: true });
  return (await child.until((said) => said.failed !== undefined || said.opened !== undefined)).failed;
}

const DENIED = /permission denied for uid \d+ \(\S+\); it belongs to uid \d+$/;

describe("a place where no beat-record can be", () => {
  it("is named when its folder does not exist", async () => {
    await using folder = temporaryFolder();
    for (const open of [openStore, openStoreReadOnly]) {
      await expect(open(folder.file("no/such/beat-record"))).rejects.toMatchObject({
        code: "store",
        message: `the folder ${folder.file("no/such")} of the beat-record does not exist`,
        hint: expect.stringContaining(`mkdir -p ${folder.file("no/such")}`),
      });
    }
  });

  it("is named when it is a folder itself", async () => {
    await using folder = temporaryFolder();
    await expect(openStore(folder.path)).rejects.toMatchObject({
      code: "store",
      message: `the beat-record ${folder.path} is a folder`,
    });
  });

  it.each([
    ["http://user:secret@host/", '"http://user:***@host/" is no place for a beat-record'],
    ["sqlite:///var/beat", '"sqlite:///var/beat" is no place for a beat-record'],
    ["", '"" is no place for a beat-record'],
  ])("is refused when it is no file: %j", async (location, message) => {
    await expect(openStore(location)).rejects.toMatchObject({ code: "store", message });
  });

  it.each([
    [{}, "redis://:secret@host/0", "the beat-record redis://:***@host/0 needs a scope: whose it is"],
    [{ scope: "" }, "sentinel://host/0", "the beat-record sentinel://host/0 needs a scope: whose it is"],
    [{ scope: "app" }, "redis://host/x", 'beat-record URL redis://host/x: database "x" is not a number'],
    [
      { scope: "app", transportOptions: { socket_timeout: 0 } },
      "redis://host/0",
      "broker_transport_options.socket_timeout must be a number of seconds above 0",
    ],
  ])("is refused before anything connects: %j at %s", async (options, location, message) => {
    for (const open of [openStore, openStoreReadOnly]) {
      await expect(open(location, options)).rejects.toMatchObject({ code: "config", message });
    }
  });
});

describe("a beat-record that may not be written", () => {
  it("is never taken for damage: a folder without the right to write is named, with the user", async () => {
    await using folder = temporaryFolder();
    chmodSync(folder.path, 0o555);
    const failed = await refusal(folder.file("beat-record"));
    expect(failed?.code).toBe("store");
    expect(failed?.message).toMatch(DENIED);
    expect(failed?.message).toContain(`cannot write ${folder.path} for the beat-record`);
    expect(failed?.hint).toContain("name another place with -s");
    chmodSync(folder.path, 0o755);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it("is never taken for missing: a folder that may not be entered is named, with the user", async () => {
    await using folder = temporaryFolder();
    chmodSync(folder.path, 0o000);
    const failed = await refusal(folder.file("beat-record"));
    chmodSync(folder.path, 0o755);
    expect([failed?.code, failed?.message]).toEqual(["store", expect.stringMatching(DENIED)]);
  });

  it.each([
    ["", 0o444, "write"],
    ["", 0o000, "write"],
    ["-lock", 0o444, "write"],
  ])("is never taken for damage: the file (%j, mode %o) is named, with the user", async (suffix, mode, verb) => {
    await using folder = temporaryFolder();
    chmodSync(folder.path, 0o777);
    await (await openStore(folder.file("beat-record"))).close();
    for (const each of readdirSync(folder.path)) chmodSync(folder.file(each), 0o666);
    chmodSync(folder.file(`beat-record${suffix}`), mode);
    const failed = await refusal(folder.file("beat-record"));
    expect(failed?.message).toMatch(DENIED);
    expect(failed?.message).toContain(`cannot ${verb} ${folder.file(`beat-record${suffix}`)} for the beat-record`);
    expect(readdirSync(folder.path).sort()).toEqual(["beat-record", "beat-record-lock"]);
  });
});

describe("storeError", () => {
  it("says that the disk is full, from SQLite's own error", () => {
    const database = new Database(":memory:");
    database.exec("CREATE TABLE filler (bytes BLOB); PRAGMA max_page_count = 2");
    const fill = (): void => void database.prepare("INSERT INTO filler VALUES (zeroblob(100000))").run();
    let thrown: unknown;
    try {
      fill();
    } catch (error) {
      thrown = error;
    }
    database.close();
    const error = storeError("/srv/beat-record", thrown);
    expect([error.code, error.message]).toEqual([
      "store",
      "no space is left for the beat-record /srv/beat-record: nothing of this change was kept",
    ]);
  });

  it("says that another program is busy with the record", async () => {
    await using folder = temporaryFolder();
    const store = await openStore(folder.file("beat-record"));
    const shell = new Database(folder.file("beat-record"));
    shell.exec("BEGIN IMMEDIATE");
    await expect(store.record({ forget: ["a"] })).rejects.toThrow(/another program is busy with the beat-record/);
    shell.exec("COMMIT");
    shell.close();
    await store.record({ forget: ["a"] });
    await store.close();
  });
});
