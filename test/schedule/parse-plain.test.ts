import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, parseDocument, stringify } from "yaml";
import { readPlainFile } from "../../src/schedule/parse-plain.ts";

function asObject(text: string): unknown {
  const plain = readPlainFile(text);
  if (plain === null) return null;
  return { ...plain.head, entries: Object.fromEntries(plain.entries.map(({ name, value }) => [name, value])) };
}

/** What the full parser says, in the same form; undefined for text it does not accept. */
function byFullParser(text: string): unknown {
  const document = parseDocument(text, { merge: true, uniqueKeys: true, logLevel: "error" });
  if (document.errors.length > 0 || document.warnings.length > 0) return undefined;
  const value = document.toJS() as Record<string, unknown> | null;
  return { ...value, entries: value?.["entries"] ?? {} };
}

/** Words on which YAML readers are known to disagree or to stumble. */
const trickyWords = [
  "yes",
  "null",
  "~",
  "True",
  "1e3",
  "0x1F",
  "0o17",
  "010",
  "1_000",
  "+5",
  "-0",
  ".5",
  "5.",
  ".inf",
  "-.INF",
  ".nan",
  "2026-12-24",
  "2026-12-24T18:00",
  "2026-12-24T18:00:30+08:00",
  "12:30",
  "10s",
  "1h30m",
  "30 7 * * mon",
  "*/5 * * * *",
  "* * * * *",
  "@daily",
  "a: b",
  "a:b",
  "a :b",
  "a #b",
  "a# b",
  "#a",
  "- a",
  "-a",
  "--",
  "---",
  "...",
  "? a",
  "?a",
  "!t",
  "&a",
  "*a",
  "[a",
  "a]",
  "{a",
  "a}",
  "a,b",
  "a, b",
  "'a'",
  "'it''s'",
  '"a"',
  '"a\\n"',
  "'",
  '"',
  "%a",
  "a%",
  "`a",
  "|",
  ">",
  "=",
  "<<",
  "__proto__",
  "constructor",
  "é",
  "日本",
  " ",
  "a  b",
  "proj.add(1, 2)",
  "http://x.y/z?q=1",
  "C:\\x",
  "a\tb",
  "1",
  "-1",
  "1.50",
  "9007199254740993",
  "1.23456789012",
  "NULL",
  "FALSE",
  "off",
  "",
  "entries",
];

const word = fc.oneof(fc.constantFrom(...trickyWords), fc.string({ maxLength: 6 }), fc.integer().map(String));

describe("the quick reader of schedule files", () => {
  it("never disagrees with the full parser on lines made of tricky words", () => {
    const value = fc.oneof(
      word,
      fc.array(word, { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
      fc
        .array(fc.tuple(word, word), { maxLength: 2 })
        .map((pairs) => `{${pairs.map((pair) => pair.join(": ")).join(", ")}}`),
      fc.array(word, { maxLength: 3 }).map((items) => items.map((item) => `\n      - ${item}`).join("")),
      word.map((text) => `${text} # a comment`),
      word.map((text) => `|\n      ${text}\n      more`),
      word.map((text) => `${text}\n      continued`),
    );
    const entry = fc.array(fc.tuple(word, value), { minLength: 1, maxLength: 3 });
    const line = ([key, text]: readonly [string, string]): string => `    ${key}: ${text}\n`;
    const file = fc.array(fc.tuple(word, entry), { maxLength: 3 });
    let answered = 0;
    fc.assert(
      fc.property(file, fc.constantFrom("", "timezone: UTC\n", "# c\n\n", "---\n"), (entries, head) => {
        const text = `${head}entries:\n${entries.map(([name, keys]) => `  ${name}:\n${keys.map(line).join("")}`).join("")}`;
        const plain = asObject(text);
        if (plain === null) return;
        answered += 1;
        expect({ text, value: plain }).toEqual({ text, value: byFullParser(text) });
      }),
      { numRuns: 10_000 },
    );
    expect(answered).toBeGreaterThan(1000);
  });

  it("reads what the library writes, and reads it the same", () => {
    const leaf = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom(...trickyWords),
    );
    const key = fc.string({ minLength: 1, maxLength: 6 }).filter((text) => text !== "__proto__");
    const data = fc.dictionary(key, fc.dictionary(key, fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }))), {
      maxKeys: 4,
    });
    fc.assert(
      fc.property(data, fc.constantFrom(0, 80), fc.boolean(), (entries, lineWidth, collectionStyle) => {
        const text = stringify({ entries }, { lineWidth, collectionStyle: collectionStyle ? "block" : "any" });
        const plain = asObject(text);
        if (plain === null) return;
        expect({ text, value: plain }).toEqual({ text, value: { entries: parse(text, { merge: true }).entries } });
      }),
      { numRuns: 3000 },
    );
  });

  it("answers for the usual file, with the place of each name", () => {
    const text = `# a schedule
timezone: Asia/Taipei

entries:
    one: # the first
        task: proj.one
        schedule: 30 7 * * mon # every Monday
        args: [5, my friend, {a: 1.5}]
        options: {queue: "q 1", expires: next}
        exclude:
            - 2026-12-25
            - '* * * 8 *'

    two: {task: proj.two, schedule: 10}
defaults:
    jitter: 5s
`;
    expect(readPlainFile(text)).toEqual({
      head: { timezone: "Asia/Taipei", defaults: { jitter: "5s" } },
      entries: [
        {
          name: "one",
          line: 5,
          column: 5,
          value: {
            task: "proj.one",
            schedule: "30 7 * * mon",
            args: [5, "my friend", { a: 1.5 }],
            options: { queue: "q 1", expires: "next" },
            exclude: ["2026-12-25", "* * * 8 *"],
          },
        },
        { name: "two", line: 14, column: 5, value: { task: "proj.two", schedule: 10 } },
      ],
    });
  });

  it("asks the full parser about a single entry that is written otherwise", () => {
    const text = "entries:\n  a:\n    description: |\n      two\n      lines\n    task: t\n  b: {task: u}\n";
    expect(asObject(text)).toEqual({ entries: { a: { description: "two\nlines\n", task: "t" }, b: { task: "u" } } });
  });

  it.each([
    ["a duplicate name", "entries:\n  a: {x: 1}\n  a: {x: 2}\n"],
    ["a duplicate key", "entries:\n  a:\n    x: 1\n    x: 2\n"],
    ["an alias to elsewhere", "entries:\n  a: &a {x: 1}\n  b: *a\n"],
    ["a tab", "entries:\n  a:\n\tx: 1\n"],
    ["a dedent to nowhere", "entries:\n    a:\n        x: 1\n  b: {x: 1}\n"],
    ["a second document", "entries:\n  a: {x: 1}\n---\nb: 1\n"],
    ["a directive", "%YAML 1.2\n---\nentries:\n"],
  ])("leaves %s to the full parser", (_, text) => {
    expect(readPlainFile(text)).toBeNull();
  });
});
