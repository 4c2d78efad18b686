// The words of entries for overlapping runs, pings and what follows an outcome, in files, in defaults and in code.
import { describe, expect, it } from "vitest";
import type { Entry } from "../../src/schedule/entry.ts";
import { createEntry, type EntryDefinition, parseScheduleText } from "../../src/schedule/parse.ts";
import { signature } from "../../src/protocol/signature.ts";
import { mistakes } from "../helper/mistakes.ts";

const defaults = { timezone: "Europe/Oslo", missedWithinMs: null };

const parse = (text: string): readonly Entry[] => parseScheduleText(text, "x.yaml", defaults).entries;
const entryWith = (text: string): string => `entries:\n  job:\n    task: t\n    schedule: 10\n    ${text}\n`;
const parseOne = (text: string): Entry => parse(entryWith(text))[0]!;
const wrong = (text: string): readonly string[] => mistakes(() => parseOne(text));

const create = (definition: Partial<EntryDefinition>): Entry =>
  createEntry({ name: "job", task: "t", schedule: 10, ...definition }, { ...defaults, source: "beatSchedule" });

describe("overlap", () => {
  it("is allowed where nothing is said", () => {
    expect(parseOne("")).toMatchObject({ overlap: "allow", overlapLimitMs: null });
  });

  it("is read from files, from their defaults, and from code", () => {
    expect(parseOne("overlap: skip_queued")).toMatchObject({ overlap: "skip_queued", overlapLimitMs: null });
    const [own, inherited] = parse(
      "defaults: {overlap: skip, overlap_limit: 2h}\nentries:\n" +
        "  own: {task: t, schedule: 1, overlap: allow}\n  inherited: {task: t, schedule: 1}\n",
    );
    expect([own?.overlap, inherited?.overlap, inherited?.overlapLimitMs]).toEqual(["allow", "skip", 7_200_000]);
    expect(create({ overlap: "skip", overlapLimit: "90m" })).toMatchObject({
      overlap: "skip",
      overlapLimitMs: 5_400_000,
    });
  });

  it("does not move the occurrences, so an edit of it keeps the entry's place in time", () => {
    expect(parseOne("overlap: skip").scheduleHash).toBe(parseOne("").scheduleHash);
  });

  it.each([
    [
      "overlap: skipp",
      'x.yaml:5:14: entries.job.overlap: wants allow, skip or skip_queued, but is "skipp" (did you mean skip?)',
    ],
    ["overlap: true", "x.yaml:5:14: entries.job.overlap: wants allow, skip or skip_queued, but is true"],
    [
      "overlap_limit: 0",
      "x.yaml:5:20: entries.job.overlap_limit: wants more than 0 seconds: every run would count as gone at once" +
        " (to let runs overlap, write overlap: allow)",
    ],
    ["overlapp: skip", "x.yaml:5:5: entries.job.overlapp: is not known here (did you mean overlap?)"],
  ])("refuses %s at its place", (text, expected) => {
    expect(wrong(text)).toEqual([expected]);
  });

  it("is told of in the words of code, when it was written there", () => {
    expect(mistakes(() => create({ overlapLimit: -1 }))).toEqual([
      "beatSchedule: job.overlapLimit: a duration cannot be negative here: -1 (drop the sign)",
    ]);
  });
});

describe("ping", () => {
  it("of one URL tells a failure under /fail, as healthchecks.io has it", () => {
    expect(parseOne("ping: https://hc-ping.com/1234").ping).toEqual({
      success: "https://hc-ping.com/1234",
      failure: "https://hc-ping.com/1234/fail",
    });
    expect(parseOne("ping: http://10.0.0.1:8000/ping/?host=a").ping).toEqual({
      success: "http://10.0.0.1:8000/ping/?host=a",
      failure: "http://10.0.0.1:8000/ping/fail?host=a",
    });
  });

  it("has a URL for each outcome, or for one of them", () => {
    expect(parseOne("ping: {success: https://a.test/ok, failure: https://b.test/bad}").ping).toEqual({
      success: "https://a.test/ok",
      failure: "https://b.test/bad",
    });
    expect(create({ ping: { failure: "https://b.test/bad", success: null } }).ping).toEqual({
      success: null,
      failure: "https://b.test/bad",
    });
  });

  it.each([
    ["ping: hc-ping.com/1", '5:11: entries.job.ping: "hc-ping.com/1" is no URL'],
    [
      "ping: ftp://a.test/",
      '5:11: entries.job.ping: "ftp://a.test/" begins with ftp:, and only http: and https: can be fetched',
    ],
    ["ping: {success: nowhere}", '5:21: entries.job.ping.success: "nowhere" is no URL'],
  ])("refuses %s at its place", (text, expected) => {
    expect(wrong(text)).toEqual([`x.yaml:${expected} (write it whole, such as https://hc-ping.com/<uuid>)`]);
  });

  it("refuses other shapes, and names the keys it knows", () => {
    expect(wrong("ping: 5")).toEqual([
      "x.yaml:5:11: entries.job.ping: wants a URL, or {success: …, failure: …}, but is 5",
    ]);
    expect(wrong("ping: {}")).toEqual([
      "x.yaml:5:5: entries.job.ping: names no URL (write {success: https://…, failure: https://…})",
    ]);
    expect(wrong("ping: {fail: https://a.test}")).toEqual([
      "x.yaml:5:12: entries.job.ping.fail: is not known here (known here: success, failure)",
    ]);
  });
});

describe("link and link_error", () => {
  it("are task names, signatures or lists of them, and are made whole as Celery writes them", () => {
    const { options } = parseOne(`options:
      link: proj.a
      link_error:
        - proj.b
        - {task: proj.c, args: [1], options: {countdown: 1m, queue: q, link: proj.d}, immutable: true}`);
    const whole = { args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false };
    expect(options.link).toEqual([{ task: "proj.a", ...whole }]);
    expect(options.linkError).toEqual([
      { task: "proj.b", ...whole },
      {
        ...whole,
        task: "proj.c",
        args: [1],
        immutable: true,
        options: { countdown: 60, queue: "q", link: [{ task: "proj.d", ...whole }] },
      },
    ]);
  });

  it("take the signatures of code, also with an id or stamps of their own", () => {
    const done = signature("proj.done", [1], {}, { taskId: "fixed", stamps: { tenant: "acme" } });
    expect(create({ options: { link: done } }).options.link).toEqual([
      {
        task: "proj.done",
        args: [1],
        kwargs: {},
        subtask_type: null,
        immutable: false,
        options: { task_id: "fixed", stamped_headers: ["tenant"], tenant: "acme" },
      },
    ]);
  });

  it.each([
    ["link: {tsk: a}", "5:22: entries.job.options.link.tsk: is not known here (did you mean task?)"],
    [
      "link: {task: a, queue: q}",
      "5:31: entries.job.options.link.queue: is not known here (write it inside options: {queue: …})",
    ],
    [
      "link: [a, 5]",
      "5:25: entries.job.options.link[1]: wants the name of a task, or a signature such as {task: proj.done, args: [1]}, but is 5",
    ],
    ["link_error: {task: a, args: 3}", "5:43: entries.job.options.link_error.args: wants a list, but is 3"],
    [
      "link: {task: a, options: {quue: q}}",
      "5:41: entries.job.options.link.options.quue: is not known here (did you mean queue?)",
    ],
    [
      "link: [{task: a, options: {countdown: soon}}]",
      '5:53: entries.job.options.link[0].options.countdown: "soon" is not a duration' +
        " (write seconds (10), or units: 10s, 1h30m, 250ms, 2d, PT5M)",
    ],
    [
      "link: {task: a, options: {expires: next}}",
      "5:50: entries.job.options.link.options.expires: next is for the entry's own message:" +
        " nobody knows when a signature is called (write seconds or a span such as 10m)",
    ],
    [
      "link: {task: a, options: {countdown: 1, eta: 2027-01-01T00:00}}",
      "5:60: entries.job.options.link.options.eta: says the same thing as countdown (keep one)",
    ],
  ])("refuse %s at its place", (text, expected) => {
    expect(wrong(`options: {${text}}`)).toEqual([`x.yaml:${expected}`]);
  });
});
