import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Command } from "commander";
import { isApp, signals } from "lovage";
import { DateTime } from "luxon";
import { afterEach, describe, expect, it, vi } from "vitest";
import { beatCommand } from "../../src/cli/beat.ts";
import { lovageCommand } from "../../src/cli/main.ts";
import { addCommonOptions } from "../../src/cli/options.ts";
import { controlMethods, inspectMethods } from "../../src/cli/remote-methods.ts";
import { celeryOnly } from "../../src/config/celery-only.ts";
import { defaultOf, type SettingName, settingNames } from "../../src/config/settings.ts";
import { linesOf } from "../../src/log-line.ts";
import { crontab } from "../../src/schedule/crontab.ts";
import type { DstPolicy } from "../../src/schedule/dst.ts";
import { loadScheduleFiles } from "../../src/schedule/files.ts";
import { parseScheduleText } from "../../src/schedule/parse.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const defaults = { timezone: "UTC", missedWithinMs: null };
const pages = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)];

interface Block {
  /** Page and line, for the name of a test. */
  readonly place: string;
  readonly text: string;
}

function blocks(page: string, language: string): readonly Block[] {
  const text = readFileSync(join(root, page), "utf8");
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm");
  return [...text.matchAll(pattern)].map((match) => ({
    place: `${page}:${text.slice(0, match.index).split("\n").length}`,
    text: match[1] ?? "",
  }));
}

function allBlocks(language: string): readonly Block[] {
  return pages.flatMap((page) => blocks(page, language));
}

function examples(folder: string): readonly string[] {
  return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
}

describe("example schedule files", () => {
  it.each([...examples("schedules"), ...examples("examples/first/schedules")])("%s loads", async (file) => {
    const { entries } = await loadScheduleFiles([join(root, file)], defaults);
    expect(entries.length).toBeGreaterThan(1);
  });

  it("have names that are unique, so that the folder loads as a whole", async () => {
    const { files } = await loadScheduleFiles([join(root, "schedules")], defaults);
    expect(files.length).toBe(examples("schedules").length);
  });
});

describe("schedule files in the documentation", () => {
  const files = allBlocks("yaml").filter(({ text }) => text.includes("entries:"));

  it("are found", () => {
    expect(files.length).toBeGreaterThan(3);
  });

  it.each(files.map(({ place, text }) => [place, text]))("%s is read without mistakes", (place, text) => {
    expect(parseScheduleText(text, place, defaults).entries).not.toEqual([]);
  });
});

describe("TypeScript in the documentation", () => {
  afterEach(() => vi.restoreAllMocks());

  it.each(allBlocks("ts").map(({ place, text }) => [place, text]))(
    "%s runs and prints what it says",
    async (_, text) => {
      const printed: string[] = [];
      vi.spyOn(console, "log").mockImplementation((...parts: unknown[]) => void printed.push(parts.join(" ")));
      await using folder = temporaryFolder();
      const file = folder.file("proj.ts");
      writeFileSync(file, text);
      const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
      await finalize(module["app"]);
      expect(printed).toEqual([...text.matchAll(/^console\.log.*\/\/ (.*)$/gm)].map((match) => match[1]));
    },
  );

  async function finalize(app: unknown): Promise<void> {
    if (!isApp(app)) return;
    await app.finalize();
    expect(() => app.entries()).not.toThrow();
  }
});

describe("links in the documentation", () => {
  const links = pages.flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].map(
      ([, path = "", anchor]) => ({ page, path, anchor }),
    ),
  );

  it("are found", () => {
    expect(links.length).toBeGreaterThan(10);
  });

  it.each(links)("$page leads to $path $anchor", ({ page, path, anchor }) => {
    const target = path === "" ? join(root, page) : join(root, dirname(page), path);
    expect(existsSync(target)).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(target)).toContain(anchor);
  });
});

describe("docs/commands.md", () => {
  const page = readPage("docs/commands.md");
  const common = longNames(addCommonOptions(new Command()));
  const commands = lovageCommand().commands.map((command) => [command.name(), command] as const);
  const beats = beatCommand().commands.map((command) => [`beat ${command.name()}`, command] as const);

  it("has the options of every command, and no others", () => {
    expect(documentedOptions("Options of every command")).toEqual([...common, "--help"].sort());
  });

  const asking = documentedOptions("How a running beat is found");

  it.each([...commands, ...beats])("has all options of %s, and no others", (name, command) => {
    const own = longNames(command).filter((option) => !common.includes(option));
    // What asks a running beat has the same options for that, told once.
    const told = asking.every((option) => own.includes(option)) ? asking : [];
    expect([...new Set([...documentedOptions(name), ...told])].sort()).toEqual(own.sort());
  });

  /** Of a section on several commands, a row may say which of them it is about: `--reason` (`pause`). */
  function documentedOptions(name: string): readonly string[] {
    const title = new RegExp(`^## (?:.*, )?(?:lovage )?${name}(?:,.*)?$`, "m");
    const rows = sectionOf(page, title).match(/^\| `-.*?\|/gm) ?? [];
    const own = rows.filter((row) => {
      const [, only] = /\(`(\w+)`\)/.exec(row) ?? [];
      return only === undefined || name.endsWith(only);
    });
    return own.flatMap((row) => row.match(/--[\w-]+/g) ?? []).sort();
  }
});

describe("docs/monitoring.md", () => {
  it.each([
    ["inspect", inspectMethods],
    ["control", controlMethods],
  ])("has all that lovage %s can do, and nothing else", (name, methods) => {
    const rows = rowsOf(sectionOf(readPage("docs/monitoring.md"), new RegExp(`^## ${name}$`, "m")));
    const named = rows.flatMap(([first = ""]) => codesIn(first).map((code) => code.replace(/ .*/, "")));
    expect(named.sort()).toEqual(Object.keys(methods).sort());
  });
});

describe("docs/tasks.md", () => {
  it("has all signals, and no others", () => {
    const rows = rowsOf(sectionOf(readPage("docs/tasks.md"), /^## Signals$/m));
    expect(rows.flatMap(([first = ""]) => codesIn(first)).sort()).toEqual(Object.keys(signals).sort());
  });
});

describe("docs/settings.md", () => {
  const [ours = "", celerys = ""] = readPage("docs/settings.md").split("## Celery's alone");
  const rows = rowsOf(ours).filter(([first = ""]) => first.startsWith("`"));

  it("has all settings, once", () => {
    expect(rows.flatMap(([first = ""]) => codesIn(first)).sort()).toEqual([...settingNames].sort());
  });

  it("has their defaults", () => {
    for (const [first = "", second = ""] of rows) {
      const written = second.match(/^none|`[^`]*`/g) ?? [];
      for (const [index, name] of codesIn(first).entries()) {
        const text = written[index] ?? written[0];
        const shown = text === undefined || text === "none" ? null : (JSON.parse(text.slice(1, -1)) as unknown);
        if (text !== undefined) expect([name, defaultOf(name as SettingName)]).toEqual([name, shown]);
      }
    }
  });

  it("has all of Celery's that mean nothing here, and no others", () => {
    const globs = rowsOf(celerys).flatMap(([first = ""]) => codesIn(first));
    const fits = (name: string, glob: string): boolean => new RegExp(`^${glob.replace("*", ".*")}$`).test(name);
    expect([...celeryOnly.keys()].filter((name) => !globs.some((glob) => fits(name, glob)))).toEqual([]);
    expect(globs.filter((glob) => ![...celeryOnly.keys()].some((name) => fits(name, glob)))).toEqual([]);
  });
});

describe("log lines in the documentation", () => {
  it("show a reload as it is logged", () => {
    const [line] = linesOf({ type: "reload-applied", added: 0, changed: 1, removed: 0, entries: 2 });
    expect(readFileSync(join(root, "docs/schedules.md"), "utf8")).toContain(`\n${line}\n`);
  });

  it("show a standby as it is logged", () => {
    const [line] = linesOf({ type: "beat-standby", scope: "lovage", leader: "vm:2406" });
    expect(readFileSync(join(root, "docs/exactly-once.md"), "utf8")).toContain(`\n${line}\n`);
  });
});

describe("docs/dst.md", () => {
  const text = readFileSync(join(root, "docs/dst.md"), "utf8");
  const rows = [...text.matchAll(/^\| (\w+\/\w+), ([\d-]+) \| `([^`]+)` \| (.+) \|$/gm)];
  const policies: readonly DstPolicy[] = ["vixie", "wall", "celery", { gap: "shift", overlap: "second" }];

  it.each(rows.map(([, zone = "", day = "", fields = "", cells = ""]) => [zone, day, fields, cells] as const))(
    "%s on %s: %s runs as its table says",
    (timezone, day, fields, cells) => {
      const found = policies.map((dst) =>
        runsOn(day, timezone, (after) => crontab(fields, { timezone, dst }).next(after)),
      );
      expect(found.join(" | ")).toBe(cells);
    },
  );

  it("has a table with gaps and overlaps", () => {
    expect(rows.length).toBeGreaterThan(10);
  });

  it("shows what beat next prints for its schedule file", () => {
    const { entries } = parseScheduleText(blocks("docs/dst.md", "yaml")[0]?.text ?? "", "dst.md", defaults);
    const listings = [...text.matchAll(/^\$ beat next (.*) -n (\d+) --from (\S+)\n.*\n((?:\w{3} .*\n)+)/gm)];
    expect(listings.length).toBe(2);
    for (const [, names = "", count = "", from = "", lines = ""] of listings) {
      const chosen = entries.filter(({ name }) => names.split(" ").includes(name));
      const runs = chosen.flatMap(({ name, schedule }) =>
        firstRuns(Number(count), Date.parse(from) - 1, (after) => schedule.next(after)).map((at) => ({ name, at })),
      );
      runs.sort((left, right) => left.at - right.at);
      const wanted = runs.slice(0, Number(count)).map(({ name, at }) => [utc(at), name]);
      expect([...lines.matchAll(/(\S+Z) +(\S+)/g)].map(([, at, name]) => [at, name])).toEqual(wanted);
    }
  });
});

function readPage(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

/** From its title to the next of the same level. */
function sectionOf(page: string, title: RegExp): string {
  const [, rest = ""] = page.split(title, 2);
  return rest.split("\n## ", 1)[0] ?? "";
}

/** The rows of tables, but for their heads, as cells. */
function rowsOf(section: string): readonly (readonly string[])[] {
  const lines = section.split("\n").filter((line) => line.startsWith("| `"));
  return lines.map((line) => line.split("|").map((cell) => cell.trim())).map((cells) => cells.slice(1, -1));
}

function codesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

function longNames(command: Command): readonly string[] {
  return command.options.flatMap(({ long, hidden }) => (hidden ? [] : (long ?? [])));
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): readonly string[] {
  const headings = readFileSync(page, "utf8").matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

type Next = (after: number) => number | null;

function runsOn(day: string, zone: string, next: Next): string {
  const start = DateTime.fromISO(day, { zone }).startOf("day");
  const end = start.plus({ days: 1 }).startOf("day").toMillis();
  const runs: string[] = [];
  for (let at = next(start.toMillis() - 1); at !== null && at < end; at = next(at)) {
    runs.push(DateTime.fromMillis(at, { zone }).toFormat("HH:mm ZZ"));
  }
  return runs.join(", ") || "-";
}

function firstRuns(count: number, after: number, next: Next): readonly number[] {
  const runs: number[] = [];
  for (let at = next(after); at !== null && runs.length < count; at = next(at)) runs.push(at);
  return runs;
}

function utc(at: number): string {
  return new Date(at).toISOString().replace(".000Z", "Z");
}
