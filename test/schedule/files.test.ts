import { execFileSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ConfigError, formatProblem } from "../../src/error.ts";
import type { Entry } from "../../src/schedule/entry.ts";
import { loadScheduleFiles } from "../../src/schedule/files.ts";
import type { LoadedSchedules, LoadOptions } from "../../src/schedule/files.ts";
import { parseScheduleText } from "../../src/schedule/parse.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";

const defaults = { timezone: "UTC", missedWithinMs: null };
const fixtures = fileURLToPath(new URL("../fixtures/schedules/folder", import.meta.url));
const inThread = { threadFromBytes: 0 };

const load = (paths: readonly string[], options?: LoadOptions): Promise<LoadedSchedules> =>
  loadScheduleFiles(paths, defaults, options);

async function mistakes(act: () => Promise<unknown>): Promise<readonly string[]> {
  try {
    await act();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

/** Schedules are compared by what they are, the rest as it stands. */
function plainOf({ schedule, ...rest }: Entry): unknown {
  return { ...rest, schedule: schedule.toJSON() };
}

const entryText = (name: string): string => `entries:\n  ${name}: {task: t, schedule: 10}\n`;

describe("loading schedule files", () => {
  it("reads the YAML files of a folder in the order of their names, without hidden and other files", async () => {
    const { entries, files } = await load([fixtures]);
    expect(files).toEqual([`${fixtures}/lights.yml`, `${fixtures}/reports.yaml`]);
    expect(entries.map(({ name }) => name)).toEqual([
      "base",
      "lights-off",
      "new-year",
      "add-every-10-seconds",
      "monday-morning",
      "year-end",
    ]);
    expect(entries[0]?.source).toBe(`${fixtures}/lights.yml:2:3`);
  });

  it("reads a file whose path is given, and each file once", async () => {
    const { files } = await load([`${fixtures}/reports.yaml`, fixtures]);
    expect(files).toEqual([`${fixtures}/reports.yaml`, `${fixtures}/lights.yml`]);
  });

  it("does not descend, and follows links as Kubernetes makes them", async () => {
    await using folder = temporaryFolder();
    await mkdir(folder.file("..v1"));
    await mkdir(folder.file("sub.yaml"));
    await writeFile(folder.file("..v1/jobs.yaml"), entryText("job"));
    await symlink("..v1", folder.file("..data"));
    await symlink("..data/jobs.yaml", folder.file("jobs.yaml"));
    const { files } = await load([folder.path]);
    expect(files).toEqual([folder.file("jobs.yaml")]);
  });

  it("reports a path that is not there", async () => {
    await using folder = temporaryFolder();
    const missing = folder.file("schedules");
    expect(await mistakes(() => load([missing]))).toEqual([
      `${missing}: there is no such file or folder (check the path, or create it)`,
    ]);
  });

  it("reports a file that cannot be read", async () => {
    await using folder = temporaryFolder();
    await symlink("a.yaml", folder.file("a.yaml"));
    const [problem] = await mistakes(() => load([folder.path]));
    expect(problem).toMatch(/a\.yaml: cannot be read: ELOOP/);
  });

  it.each([{}, inThread])(
    "reports what is no regular file without opening it, in a folder or named (%j)",
    async (options) => {
      await using folder = temporaryFolder();
      execFileSync("mkfifo", [folder.file("pipe.yaml")]);
      await symlink("pipe.yaml", folder.file("link.yaml"));
      const socket = createServer();
      await once(socket.listen(folder.file("socket.yaml")), "listening");
      const said = "is not a regular file (name a file or a folder of files)";
      const inFolder = await mistakes(() => load([folder.path], options));
      const named = await mistakes(() => load([folder.file("socket.yaml"), "/dev/zero"], options));
      socket.close();
      expect(inFolder).toEqual([`${folder.file("link.yaml")}: ${said}`, `${folder.file("socket.yaml")}: ${said}`]);
      expect(named).toEqual([`${folder.file("socket.yaml")}: ${said}`, `/dev/zero: ${said}`]);
    },
  );

  it.each([{}, inThread])("reads UTF-8 with or without a byte order mark, and nothing else (%j)", async (options) => {
    await using folder = temporaryFolder();
    const write = (name: string, bytes: Buffer): Promise<void> => writeFile(folder.file(name), bytes);
    await write("good.yaml", Buffer.from(`\uFEFF${entryText("mørk")}`));
    expect((await load([folder.path], options)).entries.map(({ name }) => name)).toEqual(["mørk"]);
    await write("latin.yaml", Buffer.from(entryText("mørk"), "latin1"));
    await write("little.yaml", Buffer.from(`\uFEFF${entryText("a")}`, "utf16le"));
    await write("big.yaml", Buffer.from(`\uFEFF${entryText("a")}`, "utf16le").swap16());
    expect(await mistakes(() => load([folder.path], options))).toEqual([
      `${folder.file("big.yaml")}: is UTF-16, not UTF-8 text (save it as UTF-8)`,
      `${folder.file("latin.yaml")}:2: is not UTF-8 text (save it as UTF-8)`,
      `${folder.file("little.yaml")}: is UTF-16, not UTF-8 text (save it as UTF-8)`,
    ]);
  });

  it("reports the mistakes of all files together", async () => {
    await using folder = temporaryFolder();
    await writeFile(folder.file("a.yaml"), "entries:\n  a: {task: t}\n");
    await writeFile(folder.file("b.yaml"), "entries:\n  b: {schedule: 1}\n");
    const found = await mistakes(() => load([folder.path, folder.file("c.yaml")]));
    expect(found.map((line) => line.replace(folder.path, "").split(" ")[0])).toEqual([
      "/c.yaml:",
      "/a.yaml:2:3:",
      "/b.yaml:2:3:",
    ]);
  });

  it("reports a name in two files with both places", async () => {
    await using folder = temporaryFolder();
    await writeFile(folder.file("a.yaml"), entryText("job"));
    await writeFile(folder.file("b.yaml"), entryText("job"));
    expect(await mistakes(() => load([folder.path]))).toEqual([
      `${folder.file("b.yaml")}:2:3: entry job is there twice: also at ${folder.file("a.yaml")}:2:3 (rename or remove one of them)`,
    ]);
  });
});

describe("a large schedule file", () => {
  it("gives in another thread what it gives in this one", async () => {
    const here = await load([fixtures]);
    const there = await load([fixtures], inThread);
    expect(JSON.stringify(there.entries)).toBe(JSON.stringify(here.entries));
    expect(there.entries.every(Object.isFrozen)).toBe(true);
  });

  it("reports its mistakes at their places, too", async () => {
    await using folder = temporaryFolder();
    const file = folder.file("a.yaml");
    await writeFile(file, "entries:\n  a: {task: t, schedule: 61 * * * *}\n");
    expect(await mistakes(() => load([file], inThread))).toEqual([
      `${file}:2:26: entries.a.schedule: minute: 61 is out of range (0-59)`,
    ]);
  });

  it("that is read again gives the same object for each entry that is written as it was", async () => {
    await using folder = temporaryFolder();
    const file = folder.file("a.yaml");
    const lines = (args: readonly unknown[]): string =>
      `entries:\n${args.map((arg, index) => `  e${index}: {task: t, schedule: 10, args: [${String(arg)}]}\n`).join("")}`;
    const numbers = Array.from({ length: 3000 }, (_, index) => index);
    await writeFile(file, lines(numbers));
    const before = await load([file], inThread);
    await writeFile(file, lines(numbers.with(1500, -1)));
    const after = await load([file], inThread);
    expect(after.entries.filter((entry, index) => entry !== before.entries[index]).map(({ name }) => name)).toEqual([
      "e1500",
    ]);
    expect(after.entries[1500]).toMatchObject({ args: [-1], source: `${file}:1502:3` });
    await writeFile(file, "entries: {a: {task: t}}\n");
    expect(await mistakes(() => load([file], inThread))).toHaveLength(1);
    await writeFile(file, lines(numbers));
    const again = await load([file], inThread);
    expect(again.entries.filter((entry, index) => entry !== after.entries[index]).map(({ name }) => name)).toEqual([
      "e1500",
    ]);
  });

  it("that is read again gives what is in it now: moved, removed, under other defaults, or with numbers that look alike", async () => {
    await using folder = temporaryFolder();
    const file = folder.file("a.yaml");
    const texts = [
      "entries:\n  a: {task: t, schedule: 10, args: [0, .nan, 1]}\n  b: {task: t, schedule: 10}\n",
      "# new\nentries:\n  b: {task: t, schedule: 10}\n  a: {task: t, schedule: 10, args: [0, .nan, 1]}\n",
      "entries:\n  a: {task: t, schedule: 10, args: [-0.0, .inf, 1]}\n",
      "timezone: Asia/Taipei\nentries:\n  a: {task: t, schedule: 10, args: [0, null, 1]}\n",
      "entries:\n",
      "entries:\n  a: {task: t, schedule: 10, args: [0, .nan, 1]}\n",
    ];
    for (const text of texts) {
      await writeFile(file, text);
      const [there, here] = [await load([file], inThread), await load([file])];
      expect(there.entries.map(plainOf)).toEqual(here.entries.map(plainOf));
      expect(there.entries.every(Object.isFrozen)).toBe(true);
    }
    const there = await loadScheduleFiles([file], { timezone: "Europe/Rome", missedWithinMs: 5 }, inThread);
    expect(there.entries.map(({ timezone, missedWithinMs }) => [timezone, missedWithinMs])).toEqual([
      ["Europe/Rome", 5],
    ]);
  });

  it("leaves room for everything else while 20,000 entries are loaded", async () => {
    await using folder = temporaryFolder();
    const file = folder.file("big.yaml");
    const textOf = (round: number): string => {
      const lines = Array.from({ length: 20_000 }, (_, index) => {
        return `  job-${index}:\n    task: proj.report\n    schedule: ${index % 60} ${index % 24} * * mon\n    args: [${index}, ${round}]\n`;
      });
      return `timezone: Europe/Oslo\nentries:\n${lines.join("")}`;
    };
    const startedAt = performance.now();
    parseScheduleText(textOf(0), file, defaults);
    const inOneGoMs = performance.now() - startedAt;
    const gaps: number[] = [];
    // Three times, for one pause of the garbage collector's proves nothing.
    for (let round = 1; round <= 3; round += 1) {
      await writeFile(file, textOf(round));
      let longestMs = 0;
      let last = performance.now();
      const ticking = setInterval(() => {
        longestMs = Math.max(longestMs, performance.now() - last);
        last = performance.now();
      }, 1);
      expect((await load([file])).entries).toHaveLength(20_000);
      clearInterval(ticking);
      gaps.push(longestMs);
    }
    expect(Math.min(...gaps)).toBeLessThan(inOneGoMs / 2);
  });
});
