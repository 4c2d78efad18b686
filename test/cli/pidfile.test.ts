import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createPidfile } from "../../src/cli/pidfile.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";

function deadPid(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

describe("a pidfile", () => {
  it("holds the process id until it is removed", async () => {
    await using folder = temporaryFolder();
    const remove = createPidfile(folder.file("w.pid"));
    expect(readFileSync(folder.file("w.pid"), "utf8")).toBe(`${process.pid}\n`);
    remove();
    expect(existsSync(folder.file("w.pid"))).toBe(false);
  });

  it("of a living process is respected", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("w.pid"), `${process.ppid}\n`);
    expect(() => createPidfile(folder.file("w.pid"))).toThrow(`(pid: ${process.ppid})`);
    expect(readFileSync(folder.file("w.pid"), "utf8")).toBe(`${process.ppid}\n`);
  });

  it.each([
    ["a dead process", () => `${deadPid()}\n`],
    ["this very process, as in a container that always starts with the same id", () => `${process.pid}`],
    ["a process that died before it wrote its id", () => ""],
  ])("of %s is replaced", async (_, content) => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("w.pid"), content());
    createPidfile(folder.file("w.pid"));
    expect(readFileSync(folder.file("w.pid"), "utf8")).toBe(`${process.pid}\n`);
  });

  it("that is no pidfile is left alone", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("w.pid"), "dear diary");
    expect(() => createPidfile(folder.file("w.pid"))).toThrow(/holds no process id/);
    expect(readFileSync(folder.file("w.pid"), "utf8")).toBe("dear diary");
  });

  it("that another process has taken over meanwhile is not removed", async () => {
    await using folder = temporaryFolder();
    const remove = createPidfile(folder.file("w.pid"));
    writeFileSync(folder.file("w.pid"), "1\n");
    remove();
    expect(existsSync(folder.file("w.pid"))).toBe(true);
  });

  it("in a folder that does not exist is a clear error", () => {
    expect(() => createPidfile("/nowhere/w.pid")).toThrow("cannot write --pidfile /nowhere/w.pid");
  });
});
