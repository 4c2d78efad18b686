import { describe, expect, it } from "vitest";
import { createEntry, parseScheduleText } from "../../src/schedule/parse.ts";
import type { EntryDefinition } from "../../src/schedule/parse.ts";
import { mistakes } from "../helper/mistakes.ts";

const defaults = { timezone: "UTC", missedWithinMs: null };
const job = "entries:\n  job:\n    task: t\n    schedule: 10\n";

const parse = (text: string): unknown => parseScheduleText(text, "x.yaml", defaults).entries;
const create = (definition: Partial<EntryDefinition>): unknown =>
  createEntry({ name: "job", task: "t", schedule: 10, ...definition }, { ...defaults, source: "code" });

const brackets = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const links = (depth: number): string => "{link: {task: a, options: ".repeat(depth) + "{}" + "}}".repeat(depth);
const bomb = Array.from({ length: 8 }, (_, index) => {
  return `      - &x${index + 1} [${Array.from({ length: 10 }, () => `*x${index}`).join(", ")}]\n`;
}).join("");

const itself = "refers to itself (a message cannot hold that; write it out)";
const reserved = "__proto__ cannot be a name (choose another)";
const isNull = 'a key has to be text, not null (write it before the colon; a name such as "null" needs quotes)';
const oneOf = "a schedule has one of every, crontab, solar, at, not two";

describe("a file that would bring a reader down", () => {
  it.each([
    ["a list in itself", `${job}    args: &a [1, *a]\n`, `5:5: entries.job.args: ${itself}`],
    [
      "an entry in its own arguments",
      "entries:\n  job: &p\n    task: t\n    schedule: 10\n    kwargs: *p\n",
      `5:13: entries.job.kwargs: ${itself}`,
    ],
    ["options in themselves", `${job}    options: &o {headers: {a: *o}}\n`, `5:5: entries.job.options: ${itself}`],
    [
      "options in a link of theirs",
      `${job}    options: &o {link: {task: a, options: *o}}\n`,
      `5:5: entries.job.options: ${itself}`,
    ],
    [
      "a list of links in itself",
      `${job}    options: {link_error: &l [a, *l]}\n`,
      `5:5: entries.job.options: ${itself}`,
    ],
    [
      "an entry linked to itself",
      "entries:\n  job: &p\n    task: t\n    schedule: 10\n    options: {link: *p}\n",
      `5:5: entries.job.options: ${itself}`,
    ],
    [
      "defaults in a link of theirs",
      `defaults:\n  options: &o {link: {task: a, options: *o}}\n${job}`,
      `2:3: defaults.options: ${itself}`,
    ],
    [
      "300 links",
      `${job}    options: ${links(300)}\n`,
      "5:5: entries.job.options: is nested too deeply (at most 500 levels)",
    ],
    ["an entry merged into itself", "entries:\n  job: &p\n    <<: *p\n    task: t\n", "3:9: refers to itself"],
    [
      "600 levels",
      `${job}    args: ${brackets(600)}\n`,
      "5:5: entries.job.args: is nested too deeply (at most 500 levels)",
    ],
    ["20,000 levels", `${job}    args: ${brackets(20_000)}\n`, "5:11: this is nested too deeply"],
    [
      "20,000 maps",
      `${job}    kwargs: ${"{a: ".repeat(20_000)}1${"}".repeat(20_000)}\n`,
      "5:13: this is nested too deeply",
    ],
    ["20,000 lists by dashes", `${job}    args:\n      ${"- ".repeat(20_000)}1\n`, "6:1: this is nested too deeply"],
    [
      "aliases of aliases of aliases",
      `${job}    args:\n      - &x0 [1, 1]\n${bomb}    kwargs: {a: *x0}\n`,
      "14:14: too many aliases: together they stand for more than a million values (write the values out, or use fewer aliases of aliases)",
    ],
  ])("%s is one mistake", (_, text, expected) => {
    expect(mistakes(() => parse(text))).toEqual([`x.yaml:${expected}`]);
  });

  it("may be as deep as a message may be", () => {
    expect(parse(`${job}    args: ${brackets(499)}\n`)).toHaveLength(1);
    expect(parse(`${job}    options: ${links(160)}\n`)).toHaveLength(1);
  });

  it("has its like in code", () => {
    const args: unknown[] = [];
    args.push(args);
    expect(mistakes(() => create({ args }))).toEqual([`code: job.args: ${itself}`]);
    const link: unknown[] = ["a"];
    link.push(link);
    expect(mistakes(() => create({ options: { link } }))).toEqual([`code: job.options: ${itself}`]);
    const options: Record<string, unknown> = {};
    options["linkError"] = { task: "a", options };
    expect(mistakes(() => create({ options }))).toEqual([`code: job.options: ${itself}`]);
  });
});

describe("a name that cannot be kept", () => {
  it.each([
    ["__proto__ on one line", `${job}    kwargs: {__proto__: {a: 1}}\n`, `5:14: ${reserved}`],
    ["__proto__ on its own line", `${job}    kwargs:\n      "__proto__": 1\n`, `6:7: ${reserved}`],
    ["an entry __proto__", "entries:\n  __proto__: {task: t, schedule: 1}\n", `2:3: ${reserved}`],
    ["an entry null", "entries:\n  null: {task: t, schedule: 1}\n", `2:3: ${isNull}`],
    ["an entry without a name", "entries:\n  : {task: t, schedule: 1}\n", `2:3: ${isNull}`],
    ["an argument ~", `${job}    kwargs: {~: 1}\n`, `5:14: ${isNull}`],
  ])("%s is a mistake", (_, text, expected) => {
    expect(mistakes(() => parse(text))).toEqual([`x.yaml:${expected}`]);
  });

  it("is one in code, too", () => {
    const own = JSON.parse('{"__proto__": 1}') as Record<string, unknown>;
    expect(mistakes(() => create({ name: "__proto__" }))).toEqual([`code: __proto__: ${reserved}`]);
    expect(mistakes(() => create({ kwargs: own }))).toEqual([`code: job.kwargs: ${reserved}`]);
    expect(mistakes(() => create({ args: [own] }))).toEqual([`code: job.args: ${reserved}`]);
  });
});

describe("a schedule with keys that do not belong together", () => {
  const north = "entries.job.schedule.latitude: is missing: it wants degrees from -90 to 90";
  const east = "entries.job.schedule.longitude: is missing: it wants degrees from -180 to 180";
  it.each([
    ["{solar: sunset}", [`4:5: ${north}`, `4:5: ${east}`]],
    ["{solar: sunset, latitude: 60}", [`4:5: ${east}`]],
    [
      "{solar: sunset, lat: 1, lng: 2}",
      [
        "4:31: entries.job.schedule.lat: is not known here (did you mean latitude?)",
        "4:39: entries.job.schedule.lng: is not known here (did you mean longitude?)",
      ],
    ],
    ["{every: 5, crontab: '* * * * *'}", [`4:26: entries.job.schedule.crontab: does not go with every (${oneOf})`]],
    ["{every: 5, latitude: 5}", ["4:26: entries.job.schedule.latitude: does not go with every"]],
  ])("%s is told what it lacks or has too much", (schedule, expected) => {
    const text = `entries:\n  job:\n    task: t\n    schedule: ${schedule}\n`;
    expect(mistakes(() => parse(text))).toEqual(expected.map((line) => `x.yaml:${line}`));
  });
});

describe("an entry whose time is over", () => {
  it.each(["schedule: {at: 2020-01-01}", "schedule: 10\n    end_at: 2020-01-01"])("is no mistake: %j", (words) => {
    expect(parse(`entries:\n  job:\n    task: t\n    ${words}\n`)).toHaveLength(1);
  });
});
