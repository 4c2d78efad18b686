import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isApp } from "lovage";
import { DateTime } from "luxon";
import { afterEach, describe, expect, it, vi } from "vitest";
import { beatCommand } from "../../src/cli/beat.ts";
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
  const text = readFileSync(join(root, "docs/commands.md"), "utf8");

  it.each(["beat", "next"])("has all options of %s, and no others", (name) => {
    const beat = beatCommand();
    const command = beat.commands.find((child) => child.name() === name) ?? beat;
    const section = text.slice(text.indexOf(`\n## ${beat === command ? "beat" : `beat ${name}`}\n`) + 1);
    const rows = section.slice(0, section.indexOf("\n## ")).match(/^\| `-.*?\|/gm) ?? [];
    const documented = rows.flatMap((row) => row.match(/--[\w-]+/g) ?? []);
    const options = command.options.flatMap(({ long }) => long ?? []);
    expect(documented.sort()).toEqual([...options, ...(beat === command ? ["--help"] : [])].sort());
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
