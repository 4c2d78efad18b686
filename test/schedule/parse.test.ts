import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Entry } from "../../src/schedule/entry.ts";
import { createEntry, mergeEntries, parseScheduleText } from "../../src/schedule/parse.ts";
import type { EntryDefinition } from "../../src/schedule/parse.ts";
import { crontab } from "../../src/schedule/crontab.ts";
import { every } from "../../src/schedule/interval.ts";
import { mistakes } from "../helper/mistakes.ts";

const defaults = { timezone: "UTC", missedWithinMs: null };
const inCode = { ...defaults, source: "app.conf.beatSchedule" };
const folder = fileURLToPath(new URL("../fixtures/schedules/folder/", import.meta.url));

function parse(text: string): readonly Entry[] {
  return parseScheduleText(text, "x.yaml", defaults).entries;
}

function parseOne(text: string): Entry {
  const [entry] = parse(`entries:\n  job:\n    task: t\n${text.replaceAll(/^/gm, "    ")}\n`);
  return entry!;
}

const create = (definition: Partial<EntryDefinition>): Entry =>
  createEntry({ name: "job", task: "t", schedule: 10, ...definition }, inCode);

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
const at = (text: string): number => Date.parse(text);

describe("a schedule file", () => {
  const file = (name: string): Map<string, Entry> => {
    const { entries } = parseScheduleText(readFileSync(folder + name, "utf8"), name, defaults);
    return new Map(entries.map((entry) => [entry.name, entry]));
  };

  it("gives frozen entries with everything filled in", () => {
    const entry = file("reports.yaml").get("add-every-10-seconds");
    expect({ ...entry, schedule: null }).toEqual({
      name: "add-every-10-seconds",
      task: "proj.hello",
      args: ["my friend"],
      kwargs: {},
      options: { queue: "reports", priority: 3 },
      schedule: null,
      timezone: "Asia/Taipei",
      enabled: true,
      jitterMs: 0,
      missed: "latest",
      missedWithinMs: 3_600_000,
      overlap: "allow",
      overlapLimitMs: null,
      ping: null,
      maxRuns: null,
      description: null,
      scheduleHash: expect.stringMatching(/^[0-9a-f]{16}$/),
      source: "reports.yaml:7:3",
    });
    expect([entry, entry?.args, entry?.kwargs, entry?.options].every(Object.isFrozen)).toBe(true);
  });

  it("lets an entry's options win over the file's, one by one", () => {
    const entry = file("reports.yaml").get("monday-morning");
    expect(entry?.options).toEqual({ queue: "queue2", priority: 3, expires: "next" });
    expect(iso(entry!.schedule.next(at("2026-11-21T00:00Z")))).toBe("2026-11-22T23:30:00.000Z");
  });

  it("reads block scalars, comments and lists, and lays limits on", () => {
    const entry = file("reports.yaml").get("year-end")!;
    expect(entry.description).toBe("Closes the books of the week.\n");
    expect(entry.source).toBe("reports.yaml:16:3");
    expect(iso(entry.schedule.next(at("2026-12-22T00:00Z")))).toBe("2027-01-04T10:00:00.000Z");
    expect(entry.schedule.next(at("2027-12-31T11:00Z"))).toBeNull();
  });

  it("understands anchors and merge keys, and points at the entry that uses them", () => {
    const entries = file("lights.yml");
    expect(entries.get("lights-off")).toMatchObject({
      task: "proj.lights",
      jitterMs: 30_000,
      missed: "skip",
      kwargs: { on: false },
      source: "lights.yml:8:3",
    });
    expect(entries.get("lights-off")?.schedule.describe()).toContain("sunrise");
    expect(entries.get("base")?.schedule.describe()).toContain("sunset");
  });

  it("reads a time without an offset in the entry's zone", () => {
    expect(iso(file("lights.yml").get("new-year")!.schedule.next(0))).toBe("2026-12-31T23:00:00.000Z");
  });

  it.each(["", "# nothing yet\n", "entries:\n", "timezone: Asia/Taipei\n", "---\nentries: {}\n"])(
    "may be as empty as %j",
    (text) => {
      expect(parse(text)).toEqual([]);
    },
  );

  it("may be written with tabs after the indentation, quotes, flow maps and Windows line ends", () => {
    const [one, two] = parse(
      'entries: {one: {task: "t", schedule: 5},\r\n  "two": {task: \'t\', schedule: "@daily"}}\r\n',
    );
    expect([one?.name, two?.schedule.describe()]).toEqual(["one", "@daily (UTC)"]);
  });

  it("allows an anchor to be used more often than a hundred times", () => {
    const uses = Array.from({ length: 300 }, (_, index) => `  e${index}: {task: t, schedule: 5, options: *o}`);
    const entries = parse(`defaults:\n  options: &o {queue: q}\nentries:\n${uses.join("\n")}\n`);
    expect(entries).toHaveLength(300);
    expect(entries[299]?.options).toEqual({ queue: "q" });
  });
});

describe("the ways to write a schedule", () => {
  it.each([
    ["schedule: 10", "every 10 seconds"],
    ["schedule: 1h30m", "every 1 hour 30 minutes"],
    ["schedule: PT5M", "every 5 minutes"],
    ["schedule: {every: 10s, anchor: 2026-01-01}", "every 10 seconds"],
    ["schedule: 30 7 * * mon", "30 7 * * mon (UTC)"],
    ['schedule: "*/5 * * * * *"', "*/5 * * * * * (UTC)"],
    ['schedule: "@hourly"', "@hourly (UTC)"],
    ['schedule: {crontab: "0 4 * * *", timezone: Asia/Taipei}', "0 4 * * * (Asia/Taipei)"],
    ["schedule: {crontab: {minute: 0, hour: [4, 5]}}", "0 4,5 * * * (UTC)"],
    ["schedule: {at: 2026-12-24T18:00}", "once at 2026-12-24 18:00:00 (UTC)"],
  ])("reads %s", (text, words) => {
    expect(parseOne(text).schedule.describe()).toBe(words);
  });

  it("takes relative from the entry for an interval, as Celery does", () => {
    const { schedule } = parseOne("schedule: 1h\nrelative: true");
    expect(iso(schedule.next(at("2026-01-01T00:20Z")))).toBe("2026-01-01T01:00:00.000Z");
  });

  it("gives the policies of the entry to its crontab, and keeps what the schedule says itself", () => {
    const inherited = parseOne(
      'schedule: "30 2 * * *"\ntimezone: Europe/Oslo\ndst: {gap: skip, overlap: both}\nday_match: or',
    );
    expect(inherited.schedule.toJSON()).toMatchObject({
      timezone: "Europe/Oslo",
      dst: { gap: "skip", overlap: "both" },
    });
    const own = parseOne('schedule: {crontab: "30 2 * * *", timezone: Asia/Taipei}');
    expect([own.timezone, own.schedule.toJSON()["timezone"]]).toEqual(["Asia/Taipei", "Asia/Taipei"]);
  });

  it("spreads H by the entry's name", () => {
    const names = Array.from({ length: 20 }, (_, index) => `e${index}`);
    const entries = parse(`entries:\n${names.map((name) => `  ${name}: {task: t, schedule: H 4 * * *}`).join("\n")}`);
    expect(new Set(entries.map(({ schedule }) => schedule.toJSON()["minute"])).size).toBeGreaterThan(5);
  });

  it("shares one schedule between entries with the same words for the same zone", () => {
    const [one, two, three] = parse(
      "entries:\n  a: {task: t, schedule: 0 4 * * *}\n  b: {task: t, schedule: 0 4 * * *}\n  c: {task: t, schedule: 0 4 * * *, timezone: Asia/Taipei}",
    );
    expect(one?.schedule).toBe(two?.schedule);
    expect(one?.schedule).not.toBe(three?.schedule);
  });
});

describe("options", () => {
  it("are turned into what is sent: camel case, seconds, instants in UTC, whole signatures", () => {
    const entry = parseOne(`schedule: 10
timezone: Asia/Taipei
options:
  routing_key: k
  expires: 10m
  countdown: 1m
  eta: 2026-12-24T18:00
  time_limit: 1h
  soft_time_limit: 50m
  ignore_result: true
  delivery_mode: 1
  headers: {x: 1}
  link: proj.done
  link_error: [{task: proj.failed, args: [1], immutable: true}]`);
    expect(entry.options).toEqual({
      routingKey: "k",
      expires: 600,
      countdown: 60,
      eta: "2026-12-24T10:00:00.000Z",
      timeLimit: 3600,
      softTimeLimit: 3000,
      ignoreResult: true,
      deliveryMode: 1,
      headers: { x: 1 },
      link: [{ task: "proj.done", args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false }],
      linkError: [{ task: "proj.failed", args: [1], kwargs: {}, options: {}, subtask_type: null, immutable: true }],
    });
  });

  it.each([
    ["next", "next"],
    ["90", 90],
    ["2026-12-24T18:00Z", "2026-12-24T18:00:00.000Z"],
  ])("take expires: %s", (written, sent) => {
    expect(parseOne(`schedule: 10\noptions: {expires: ${written}}`).options.expires).toBe(sent);
  });
});

describe("a mistake in a file", () => {
  const job = "entries:\n  job:\n    task: t\n";
  it.each([
    ["a misspelt key", `${job}    schedul: 10`, "4:5: entries.job.schedul: is not known here (did you mean schedule?)"],
    [
      "camel case",
      `${job}    schedule: 10\n    startAt: 2026-01-01`,
      "5:5: entries.job.startAt: is not known here (did you mean start_at?)",
    ],
    [
      "another scheduler's word",
      `${job}    cron: 5 4 * * *`,
      "4:5: entries.job.cron: is not known here (did you mean schedule?)",
    ],
    [
      "expires beside options",
      `${job}    schedule: 10\n    expires: 5`,
      "5:5: entries.job.expires: is not known here (write it inside options: {expires: …})",
    ],
    [
      "jitter inside options",
      `${job}    schedule: 10\n    options: {jitter: 5}`,
      "5:15: entries.job.options.jitter: is not known here (write jitter beside options, not inside)",
    ],
    [
      "crontab fields beside the schedule",
      `${job}    schedule: 10\n    minute: 5`,
      "5:5: entries.job.minute: is not known here (write it inside schedule: {crontab: {minute: …}})",
    ],
    [
      "crontab fields straight in the schedule",
      `${job}    schedule: {minute: 5}`,
      "4:16: entries.job.schedule.minute: is not known here (write it inside {crontab: {minute: …}})",
    ],
    [
      "a misspelt crontab field",
      `${job}    schedule: {crontab: {day_of_weak: mon}}`,
      "4:26: entries.job.schedule.crontab.day_of_weak: is not known here (did you mean day_of_week?)",
    ],
    [
      "yes for true",
      `${job}    schedule: 10\n    enabled: yes`,
      '5:14: entries.job.enabled: wants true or false, but is "yes" (write true: in YAML 1.2 yes is text)',
    ],
    [
      "off for false",
      `${job}    schedule: 10\n    enabled: off`,
      '5:14: entries.job.enabled: wants true or false, but is "off" (write false: in YAML 1.2 off is text)',
    ],
    [
      "a crontab without quotes",
      `${job}    schedule: * * * * *`,
      '4:15: a value that begins with * needs quotes (write "* * * * *")',
    ],
    [
      "a stepped crontab without quotes",
      `${job}    schedule: */5 * * * *`,
      '4:15: a value that begins with * needs quotes (write "*/5 * * * *")',
    ],
    [
      "a nickname without quotes",
      `${job}    schedule: @daily`,
      '4:15: a value that begins with @ needs quotes (write "@daily")',
    ],
    ["a tab", "entries:\n  job:\n\ttask: t", "3:1: Tabs are not allowed as indentation (indent with spaces)"],
    [
      "two entries of one name",
      "entries:\n  a: {task: t, schedule: 1}\n  b: {task: t, schedule: 1}\n  a: {task: t, schedule: 1}",
      "4:3: a is there twice: first at line 2, column 3 (rename or remove one of them)",
    ],
    [
      "a key written twice",
      `${job}    schedule: 10\n    task: u`,
      "5:5: task is there twice: first at line 3, column 5 (rename or remove one of them)",
    ],
    ["an anchor that is not there", "entries:\n  job: *nope", "2:8: there is no anchor &nope before *nope"],
    [
      "a template that was not filled in",
      `${job}    schedule: {{ every }}`,
      "4:16: a key has to be text, not a map or a list (put {{ … }} in quotes, or fill the template in first)",
    ],
    [
      "two documents",
      "entries:\n---\nentries:",
      "2:1: a second document begins here (put each document in a file of its own)",
    ],
    ["entries at the top", "job:\n  task: t\n  schedule: 1", "1:1: job: is not known here (write it under entries:)"],
    ["a list of entries", "entries:\n  - task: t", "1:1: entries: wants a map of names to entries, but is a list"],
    ["a list for a file", "- task: t", "1:1: wants a map with timezone and entries, but is a list"],
    ["an empty entry", "entries:\n  job:\n", "2:3: entries.job: wants a map with task and schedule, but is empty"],
    [
      "half of a character in a name",
      'entries:\n  "\\ud800x": {task: t, schedule: 1}',
      '2:3: entries["\\ud800x"]: its name holds half of a character (a lone surrogate): write it out',
    ],
    ["an empty name", 'entries:\n  "": {task: t, schedule: 1}', '2:3: entries[""]: an entry needs a name'],
    [
      "no task",
      "entries:\n  job:\n    schedule: 1",
      "2:3: entries.job.task: is missing: it wants the name of a task, such as proj.add",
    ],
    [
      "args that are no list",
      `${job}    schedule: 10\n    args: 5`,
      "5:11: entries.job.args: wants a list, such as [16, 16], but is 5",
    ],
    [
      "a field out of range",
      `${job}    schedule: 61 7 * * mon`,
      "4:15: entries.job.schedule: minute: 61 is out of range (0-59)",
    ],
    [
      "the last field of five",
      `${job}    schedule: "30 7 * * funday"`,
      '4:25: entries.job.schedule: day_of_week: "funday" is neither a number nor a name (0-6)',
    ],
    [
      "a field of an object",
      `${job}    schedule: {crontab: {minute: 1, hour: 25}}`,
      "4:43: entries.job.schedule.crontab.hour: 25 is out of range (0-23)",
    ],
    [
      "the 31st of February",
      `${job}    schedule: 0 0 31 2 *`,
      "4:15: entries.job.schedule: this crontab can never fire: day_of_month 31, month_of_year 2, day_of_week * (every field must match; no year has such a day)",
    ],
    [
      "four fields",
      `${job}    schedule: 30 7 * *`,
      '4:15: entries.job.schedule: "30 7 * *" is neither a span such as 1h30m nor a crontab such as "30 7 * * mon" (a crontab has five fields, this has 4)',
    ],
    [
      "prose",
      `${job}    schedule: every 10 minutes`,
      '4:15: entries.job.schedule: "every 10 minutes" is neither a span such as 1h30m nor a crontab such as "30 7 * * mon" (write 10 minutes)',
    ],
    [
      "a solar event alone",
      `${job}    schedule: sunset`,
      '4:15: entries.job.schedule: "sunset" is neither a span such as 1h30m nor a crontab such as "30 7 * * mon" (write {solar: sunset, latitude: …, longitude: …})',
    ],
    [
      "an instant alone",
      `${job}    schedule: 2026-12-24T18:00`,
      '4:15: entries.job.schedule: "2026-12-24T18:00" is neither a span such as 1h30m nor a crontab such as "30 7 * * mon" (write {at: 2026-12-24T18:00})',
    ],
    [
      "an unknown zone",
      `${job}    schedule: 10\n    timezone: Asia/Tapei`,
      '5:15: entries.job.timezone: unknown time zone "Asia/Tapei" (did you mean Asia/Taipei?)',
    ],
    [
      "an unknown zone of the file",
      "timezone: Asia/Tapei\nentries:\n  job: {task: t, schedule: 1}",
      '1:11: timezone: unknown time zone "Asia/Tapei" (did you mean Asia/Taipei?)',
    ],
    [
      "a misspelt policy",
      `${job}    schedule: 10\n    missed: lates`,
      '5:13: entries.job.missed: wants latest, earliest, all or skip, but is "lates" (did you mean latest?)',
    ],
    [
      "a longitude off the globe",
      `${job}    schedule: {solar: sunset, latitude: 1, longitude: 200}`,
      "4:55: entries.job.schedule.longitude: wants degrees from -180 to 180, but is 200",
    ],
    [
      "an end before the start",
      `${job}    schedule: 10\n    start_at: 2026-02-01\n    end_at: 2026-01-01`,
      "6:13: entries.job.end_at: is before start_at, so nothing would ever run",
    ],
    [
      "an exclusion of everything",
      `${job}    schedule: 10\n    exclude: "* * * * *"`,
      "5:14: entries.job.exclude: leaves nothing of the schedule, so it would never run",
    ],
    [
      "a day that does not exist",
      `${job}    schedule: 10\n    exclude: [2026-12-25, 2026-02-30]`,
      '5:27: entries.job.exclude[1]: "2026-02-30" is not a date and time (write ISO 8601, as in 2026-12-24T18:00 or 2026-12-24T18:00+08:00)',
    ],
    [
      "dates the wrong way round",
      `${job}    schedule: 10\n    exclude: 2026-12-31..2026-12-24`,
      "5:14: entries.job.exclude: 2026-12-31 comes after 2026-12-24 (write 2026-12-24..2026-12-31)",
    ],
    [
      "a mistake behind an alias",
      "entries:\n  a: &a {task: t, schedule: 10, jitter: soon}\n  b: {<<: *a, jitter: 1s}",
      '2:41: entries.a.jitter: "soon" is not a duration (write seconds (10), or units: 10s, 1h30m, 250ms, 2d, PT5M)',
    ],
  ])("%s", (_, text, expected) => {
    expect(mistakes(() => parse(text))).toEqual([`x.yaml:${expected}`]);
  });

  it("does not hide the others, whatever kind they are of; they come in the order of the lines", () => {
    const text = `timezone: Mars
defaults: {jitter: 10x}
entries:
  one:
    task: 5
    schedule: 61 25 * * *
    enabled: yes
  two: {task: t, schedule: 10, start_at: tomorrow, options: {priority: 300, expires: 0}}
  three: {task: t, schedule: 99 * * * *, missed_within: -5}
  four: {task: t, schedule: 10}
`;
    const found = mistakes(() => parse(text)).map((line) => line.split(": ").slice(0, 2).join(": "));
    expect(found).toEqual([
      "x.yaml:1:11: timezone",
      "x.yaml:2:20: defaults.jitter",
      "x.yaml:5:11: entries.one.task",
      "x.yaml:6:15: entries.one.schedule",
      "x.yaml:6:18: entries.one.schedule",
      "x.yaml:7:14: entries.one.enabled",
      "x.yaml:8:42: entries.two.start_at",
      "x.yaml:8:72: entries.two.options.priority",
      "x.yaml:9:30: entries.three.schedule",
      "x.yaml:9:57: entries.three.missed_within",
    ]);
  });

  it("is placed in a large file without reading all of it again", () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `  e${index}:\n    task: t\n    schedule: 10`);
    const before = performance.now();
    parse(`entries:\n${lines.join("\n")}\n`);
    const soundMs = performance.now() - before;
    lines[15_000] = "  e15000:\n    task: t\n    schedule: 10 parsecs";
    const startedAt = performance.now();
    expect(mistakes(() => parse(`entries:\n${lines.join("\n")}\n`))[0]).toMatch(
      /^x\.yaml:45004:15: entries\.e15000\.schedule: /,
    );
    // With positions for all of it, it would take ten times as long.
    expect(performance.now() - startedAt).toBeLessThan(5 * soundMs + 100);
  });
});

describe("an entry from code", () => {
  it("takes Dates, camel case, sets and ready-made schedules", () => {
    const entry = create({
      schedule: { crontab: { minute: new Set([0, 30]), dayOfWeek: "mon" }, dayMatch: "or" },
      startAt: new Date("2026-01-01T00:00Z"),
      endAt: at("2026-02-01T00:00Z"),
      options: { routingKey: "k", softTimeLimit: "1m" },
      missedWithin: "1h",
      maxRuns: 3,
    });
    expect(entry).toMatchObject({
      options: { routingKey: "k", softTimeLimit: 60 },
      missedWithinMs: 3_600_000,
      maxRuns: 3,
    });
    expect(entry.schedule.describe()).toBe(
      "0,30 * * * mon (UTC), from 2026-01-01 00:00:00, until 2026-02-01 00:00:00 (UTC)",
    );
    expect(create({ schedule: every(10) }).schedule.describe()).toBe("every 10 seconds");
  });

  it("binds a ready-made crontab to its zone and name", () => {
    const entry = create({ schedule: crontab("0 9 * * *"), timezone: "Asia/Taipei" });
    expect(iso(entry.schedule.next(at("2026-01-01T00:00Z")))).toBe("2026-01-01T01:00:00.000Z");
    expect(create({ schedule: crontab("0 9 * * *", { timezone: "Asia/Taipei" }) }).timezone).toBe("Asia/Taipei");
  });

  it("accepts a schedule of the user's own without toJSON or bind", () => {
    const own = { next: (after: number) => after + 1000, describe: () => "my own" };
    const entry = create({ schedule: own });
    expect(entry.schedule.next(5)).toBe(1005);
    expect(entry.schedule.toJSON()).toEqual({ kind: "custom", text: "my own" });
  });

  it("does not freeze or follow what the caller gave it", () => {
    const args = [{ deep: [1] }];
    const entry = create({ args });
    args[0]?.deep.push(2);
    expect(entry.args).toEqual([{ deep: [1] }]);
    expect(Object.isFrozen((entry.args[0] as { deep: unknown }).deep)).toBe(true);
  });

  it("reports all its mistakes in the words of code", () => {
    const wrong = { schedule: { crontab: { minuet: 1 } }, missedWithin: [], options: { routingKy: "k" } } as never;
    expect(mistakes(() => create(wrong))).toEqual([
      "app.conf.beatSchedule: job.schedule.crontab.minuet: is not known here (did you mean minute?)",
      "app.conf.beatSchedule: job.options.routingKy: is not known here (did you mean routingKey?)",
      "app.conf.beatSchedule: job.missedWithin: wants seconds or a span such as 10s, 1h30m or PT5M, but is a list",
    ]);
    expect(mistakes(() => create({ startAt: "soon", endAt: "later" }))).toHaveLength(2);
    expect(mistakes(() => create({ name: "" }))).toEqual(["app.conf.beatSchedule: an entry needs a name"]);
    expect(mistakes(() => create({ name: "\ud800" }))).toEqual([
      "app.conf.beatSchedule: its name holds half of a character (a lone surrogate): write it out",
    ]);
  });
});

describe("the schedule hash", () => {
  const hash = (definition: Partial<EntryDefinition>): string => create(definition).scheduleHash;

  it("changes with whatever moves the occurrences", () => {
    const changes: Partial<EntryDefinition>[] = [
      {},
      { schedule: 20 },
      { schedule: "0 9 * * *" },
      { schedule: "0 9 * * *", timezone: "Asia/Taipei" },
      { schedule: "0 9 * * *", dst: "wall" },
      { startAt: "2026-01-01" },
      { endAt: "2026-01-01" },
      { exclude: "2026-01-01" },
      { enabled: false },
      { jitter: 5 },
      { maxRuns: 5 },
    ];
    expect(new Set(changes.map(hash)).size).toBe(changes.length);
  });

  it("stays with everything else, and with another way to write the same", () => {
    const same: Partial<EntryDefinition>[] = [
      {},
      { schedule: "10s" },
      { schedule: { every: 10 } },
      { args: [1], kwargs: { x: 1 }, options: { queue: "q" } },
      { task: "other", description: "words", missed: "all", missedWithin: 5 },
      { timezone: "Asia/Taipei" },
    ];
    expect(new Set(same.map(hash)).size).toBe(1);
    expect(hash({ schedule: "0 9 * * mon" })).toBe(
      hash({ schedule: { crontab: { minute: 0, hour: 9, dayOfWeek: 1 } } }),
    );
  });
});

describe("merging entries", () => {
  it("keeps them all, in order", () => {
    expect(mergeEntries([create({ name: "a" })], [create({ name: "b" })]).map(({ name }) => name)).toEqual(["a", "b"]);
  });

  it("reports a name used twice, naming both places", () => {
    const inFile = parse("entries:\n  job: {task: t, schedule: 1}");
    expect(mistakes(() => mergeEntries(inFile, [create({})]))).toEqual([
      "app.conf.beatSchedule: entry job is there twice: also at x.yaml:2:3 (rename or remove one of them)",
    ]);
  });
});
