import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { openStore, openStoreReadOnly } from "../../src/store/open.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { startRecordChild } from "./child-process.ts";
import { stateOf } from "./sample.ts";

describe("the lock on a beat-record", () => {
  it("keeps a second process out, and tells it who is in", async () => {
    await using folder = temporaryFolder();
    await using child = startRecordChild(folder.file("beat-record"));
    const { opened } = await child.until((said) => said.opened !== undefined);
    const start = `the beat-record ${folder.file("beat-record")} is in use by pid ${opened} on ${hostname()} since 20`;
    await expect(openStore(folder.file("beat-record"))).rejects.toMatchObject({
      code: "locked",
      message: expect.stringContaining(start),
      hint: "stop that one, or give this one a record of its own with -s",
    });
    const reader = await openStoreReadOnly(folder.file("beat-record"));
    expect((await reader.load()).entries.size).toBe(0);
    await reader.close();
    await child.kill();
    await (await openStore(folder.file("beat-record"))).close();
  });

  it("keeps a second opening in the same process out, and another process too, until the first is closed", async () => {
    await using folder = temporaryFolder();
    const store = await openStore(folder.file("beat-record"));
    await expect(openStore(folder.file("beat-record"))).rejects.toMatchObject({
      code: "locked",
      message: expect.stringContaining(`is in use by pid ${process.pid} on`),
    });
    await using child = startRecordChild(folder.file("beat-record"));
    const { failed } = await child.until((said) => said.failed !== undefined);
    expect([failed?.code, failed?.message]).toEqual(["locked", expect.stringContaining(`pid ${process.pid} on`)]);
    await store.record({ states: [stateOf("a")] });
    await store.close();
    await (await openStore(folder.file("beat-record"))).close();
  });

  it("is not got round by deleting its file: the first writer finds out and writes nothing more", async () => {
    await using folder = temporaryFolder();
    const first = await openStore(folder.file("beat-record"));
    rmSync(folder.file("beat-record-lock"));
    const second = await openStore(folder.file("beat-record"));
    await second.record({ states: [stateOf("a", { runs: 2 })] });
    await expect(first.record({ states: [stateOf("a", { runs: 1 })] })).rejects.toMatchObject({
      code: "locked",
      message: expect.stringContaining("was taken over by another process"),
    });
    expect((await second.load()).entries.get("a")?.runs).toBe(2);
    await first.close();
    await second.close();
  });

  it("is made anew when its file is rubbish", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("beat-record-lock"), "4711\n".repeat(100));
    const store = await openStore(folder.file("beat-record"));
    await expect(openStore(folder.file("beat-record"))).rejects.toMatchObject({ code: "locked" });
    await store.close();
    expect(readFileSync(folder.file("beat-record-lock")).subarray(0, 6).toString()).toBe("SQLite");
  });
});
