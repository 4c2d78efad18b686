import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const source = fileURLToPath(new URL("../src", import.meta.url));

const floors: Readonly<Record<string, number>> = {
  clock: 0,
  event: 0,
  error: 0,
  backoff: 0,
  service: 0,
  log: 0,
  config: 1,
  schedule: 1,
  protocol: 1,
  redis: 1,
  sqlite: 1,
  broker: 2,
  store: 2,
  result: 2,
  canvas: 3,
  remote: 3,
  app: 4,
  beat: 5,
  worker: 5,
  monitor: 5,
  cli: 6,
};

/** Leaf files that are made of other leaf files. */
const leafImports: Readonly<Record<string, readonly string[]>> = {
  event: ["clock", "error"],
  log: ["clock", "event", "error"],
};

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({ file, text: readFileSync(join(source, file), "utf8") }));

/** The first folder below src, or a leaf file's own name without what follows a dash (log-text is part of log). */
function roomOf(file: string): string {
  const [first = ""] = file.split(sep);
  return first.replace(/\.ts$/, "").split("-")[0] ?? "";
}

function importsOf(file: string, text: string): string[] {
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1] ?? "");
  return found.map((path) => relative(source, join(source, dirname(file), path)));
}

describe("the house", () => {
  it("has only rooms that stand on a floor", () => {
    const unknown = files.map(({ file }) => file).filter((file) => file !== "index.ts" && !(roomOf(file) in floors));
    expect(unknown).toEqual([]);
  });

  it("imports only from the same room or from a lower floor", () => {
    const wrong: string[] = [];
    for (const { file, text } of files) {
      if (file === "index.ts") continue;
      const room = roomOf(file);
      for (const target of importsOf(file, text)) {
        const other = roomOf(target);
        const isLower = (floors[other] ?? Number.NaN) < (floors[room] ?? Number.NaN);
        if (other !== room && !isLower && !leafImports[room]?.includes(other)) wrong.push(`${file} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("keeps every file to 300 lines and opens each with a comment that says what it is for", () => {
    const long = files.filter(({ text }) => text.split("\n").length > 301).map(({ file }) => file);
    const mute = files.filter(({ text }) => !/^(#!.*\n)?\/\/ \S/.test(text)).map(({ file }) => file);
    expect({ long, mute }).toEqual({ long: [], mute: [] });
  });

  it("has no default exports and nothing left to do", () => {
    const wrong = files.filter(({ text }) => /^export default|\bTODO\b|\bFIXME\b/m.test(text)).map(({ file }) => file);
    expect(wrong).toEqual([]);
  });

  it("names no folder or file after a kind of syntax", () => {
    const vague = /(^|\/)(utils?|helpers?|types?|interfaces?|common|misc)(\.ts|\/)/;
    expect(files.map(({ file }) => file).filter((file) => vague.test(file))).toEqual([]);
  });
});
