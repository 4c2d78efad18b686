import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EventStream, type LovageEvent, type OccurrenceSent, type WorkerEvent } from "../src/event.ts";
import { createLogger, logEvents, type LogEventsOptions, type LoggerOptions, parseLevel } from "../src/log.ts";
import { ManualClock } from "./helper/manual-clock.ts";
import { temporaryFolder } from "./helper/temporary-folder.ts";

const DUE = Date.UTC(2026, 10, 21, 10);
const STAMP = /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: /;

interface Recording {
  readonly stream: EventStream;
  readonly lines: string[];
  readonly end: () => void;
  readonly clock: ManualClock;
}

function record(options: LoggerOptions & LogEventsOptions = {}): Recording {
  const lines: string[] = [];
  const clock = new ManualClock(DUE);
  const stream = new EventStream();
  const destination = { write: (text: string) => void lines.push(text) };
  const end = logEvents(stream, createLogger({ destination, ...options }), { clock, ...options });
  return { stream, lines, end, clock };
}

/** `LEVEL text` of each line, without its time. */
function textsOf(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(STAMP, "").replace("/beat]", "").trimEnd());
}

function sent(change: Partial<OccurrenceSent> = {}): OccurrenceSent {
  return {
    type: "occurrence-sent",
    entry: "add-every-10-seconds",
    task: "proj.hello",
    taskId: "0c0ffee0-0000-5000-8000-000000000000",
    queue: "celery",
    dueAt: DUE,
    sentAt: DUE + 3,
    occurrence: "scheduled",
    ...change,
  };
}

type EventOf<Type extends LovageEvent["type"]> = Extract<LovageEvent, { type: Type }>;
type Sample<Event> = readonly [event: Event, lines: readonly string[]][];

/** What a worker says is in log-worker.test.ts. */
const samples: { readonly [Type in Exclude<LovageEvent, WorkerEvent>["type"]]: Sample<EventOf<Type>> } = {
  "beat-started": [
    [
      { type: "beat-started", scope: "proj", term: 7, entries: 120 },
      ["INFO beat: leading scope proj with 120 entries (term 7)"],
    ],
    [
      { type: "beat-started", scope: "proj", term: 1, entries: 1 },
      ["INFO beat: leading scope proj with 1 entry (term 1)"],
    ],
  ],
  "beat-standby": [
    [
      { type: "beat-standby", scope: "proj", leader: "web-1:77" },
      [
        "INFO beat: standing by: web-1:77 leads scope proj (if that is another project, give one of them its own --scope)",
      ],
    ],
  ],
  "beat-lost-lease": [
    [
      { type: "beat-lost-lease", scope: "proj", reason: "it was not renewed in time" },
      ["WARNING beat: leads scope proj no longer: it was not renewed in time"],
    ],
  ],
  "beat-stopping": [[{ type: "beat-stopping", reason: "SIGTERM" }, ["INFO beat: stopping: SIGTERM"]]],
  "beat-stopped": [
    [{ type: "beat-stopped", unsent: 0 }, ["INFO beat: stopped"]],
    [{ type: "beat-stopped", unsent: 2 }, ["WARNING beat: stopped; 2 due tasks not sent"]],
  ],
  "occurrence-sent": [
    [
      sent(),
      [
        "INFO Scheduler: Sending due task add-every-10-seconds (proj.hello) id=0c0ffee0-0000-5000-8000-000000000000 queue=celery, 3 ms late",
      ],
    ],
    [
      sent({ occurrence: "missed", entry: "a", taskId: "1" }),
      ["INFO Scheduler: Sending missed task a (proj.hello) id=1 queue=celery, due 2026-11-21T10:00:00Z"],
    ],
    [
      sent({ occurrence: "manual", entry: "a", taskId: "1" }),
      ["INFO Scheduler: Sending task asked for by hand a (proj.hello) id=1 queue=celery, due 2026-11-21T10:00:00Z"],
    ],
    [
      sent({ occurrence: "backfill", entry: "a", taskId: "1", dueAt: DUE + 5 }),
      ["INFO Scheduler: Sending backfilled task a (proj.hello) id=1 queue=celery, due 2026-11-21T10:00:00.005Z"],
    ],
  ],
  "occurrence-duplicate": [
    [
      { type: "occurrence-duplicate", entry: "a", occurrence: "scheduled", dueAt: DUE, taskId: "1" },
      ["INFO Scheduler: a due 2026-11-21T10:00:00Z was enqueued before; not sent twice (id=1)"],
    ],
  ],
  "occurrences-missed": [
    [
      {
        type: "occurrences-missed",
        entry: "a",
        occurrence: "scheduled",
        cause: "missed",
        count: 12,
        atLeast: true,
        fromAt: DUE,
        toAt: DUE + 60_000,
        reason: "beat was not running",
      },
      [
        "WARNING Scheduler: a missed at least 12 occurrences due 2026-11-21T10:00:00Z to 2026-11-21T10:01:00Z: beat was not running",
      ],
    ],
    [
      {
        type: "occurrences-missed",
        entry: "a",
        occurrence: "scheduled",
        cause: "paused",
        count: 1,
        atLeast: false,
        fromAt: DUE,
        toAt: DUE,
        reason: "paused by alice",
      },
      ["INFO Scheduler: a skipped 1 occurrence due 2026-11-21T10:00:00Z: paused by alice"],
    ],
  ],
  "overlap-given-up": [
    [
      { type: "overlap-given-up", entry: "sync", taskId: "9f0c", sentAt: DUE, limitMs: 7_200_000 },
      ["WARNING Scheduler: sync: its run of 2026-11-21T10:00:00Z (id=9f0c) has shown no end in 2 h; it counts as gone"],
    ],
  ],
  "entry-paused": [
    [
      { type: "entry-paused", entry: "a", by: "alice", reason: "the printer burns" },
      ["WARNING Scheduler: a is paused by alice: the printer burns"],
    ],
    [{ type: "entry-paused", entry: "a", by: "alice", reason: null }, ["WARNING Scheduler: a is paused by alice"]],
  ],
  "entry-resumed": [
    [{ type: "entry-resumed", entry: "a", by: "alice", catchUp: false }, ["INFO Scheduler: a is resumed by alice"]],
    [
      { type: "entry-resumed", entry: "a", by: "alice", catchUp: true },
      ["INFO Scheduler: a is resumed by alice, and makes up what it missed"],
    ],
  ],
  "backfill-changed": [
    [
      { type: "backfill-changed", id: "b1", entry: "a", status: "stopped", sent: 3, total: 9, note: "by alice" },
      ["INFO Scheduler: backfill b1 of a is stopped, 3 of 9 sent: by alice"],
    ],
  ],
  "ping-failed": [
    [
      { type: "ping-failed", entry: "a", url: "https://hc.example/1", reason: "status 500" },
      ["WARNING ping: a: https://hc.example/1 was not reached: status 500"],
    ],
  ],
  "marks-behind": [
    [
      { type: "marks-behind", scope: "proj", entries: 2, entry: "a" },
      [
        "WARNING beat: the broker came back with old marks, or none: scope proj, 2 entries such as a; they are set right, but messages may be gone",
      ],
    ],
  ],
  "entry-finished": [
    [
      { type: "entry-finished", entry: "a", reason: "it ran 3 times, as max_runs says" },
      ["INFO Scheduler: a is finished: it ran 3 times, as max_runs says"],
    ],
  ],
  "entry-quarantined": [
    [
      { type: "entry-quarantined", entry: "a", reason: "its schedule threw: no such star" },
      ["ERROR Scheduler: a is set aside, the others go on: its schedule threw: no such star"],
    ],
  ],
  "publish-failed": [
    [
      { type: "publish-failed", reason: "connect ECONNREFUSED 127.0.0.1:6379", waiting: 3, retryInMs: 2_500 },
      ["ERROR Scheduler: cannot send: connect ECONNREFUSED 127.0.0.1:6379; 3 due tasks waiting, next try in 2.5 s"],
    ],
  ],
  "publish-recovered": [
    [
      { type: "publish-recovered", waiting: 1, downMs: 3_600_000 },
      ["INFO Scheduler: sending again after 60 min; 1 due task waited"],
    ],
  ],
  "record-failed": [
    [
      { type: "record-failed", reason: "no space is left for the beat-record /srv/beat-record" },
      ["ERROR beat-record: not written: no space is left for the beat-record /srv/beat-record"],
    ],
  ],
  "record-recovered": [[{ type: "record-recovered" }, ["INFO beat-record: written again"]]],
  "record-moved-aside": [
    [
      { type: "record-moved-aside", path: "/srv/r", movedTo: "/srv/r.corrupt-1", reason: "file is not a database" },
      [
        "ERROR beat-record: /srv/r was damaged (file is not a database): it is kept as /srv/r.corrupt-1, and a new one begins",
      ],
    ],
  ],
  "clock-jumped": [
    [{ type: "clock-jumped", byMs: 7_200_000 }, ["WARNING clock: the system time jumped 2 h ahead"]],
    [{ type: "clock-jumped", byMs: -250 }, ["WARNING clock: the system time jumped 250 ms back"]],
  ],
  "mark-in-future": [
    [
      { type: "mark-in-future", entry: "a", markAt: DUE, count: 1, reset: true },
      ["WARNING Scheduler: a marked as sent up to 2026-11-21T10:00:00Z, which is yet to come: set back to now"],
    ],
    [
      { type: "mark-in-future", entry: "a", markAt: DUE, count: 40, reset: false },
      [
        "WARNING Scheduler: 40 entries, a furthest, marked as sent up to 2026-11-21T10:00:00Z, which is yet to come: left so, that nothing is sent twice",
      ],
    ],
  ],
  "reload-applied": [
    [
      { type: "reload-applied", added: 2, changed: 1, removed: 0, entries: 14 },
      [
        "INFO schedule: reloaded: 2 added, 1 rescheduled, 0 removed; the others keep their place in time; now 14 entries",
      ],
    ],
  ],
  "reload-failed": [
    [
      {
        type: "reload-failed",
        problems: [
          {
            message: 'unknown key "taks"',
            hint: 'did you mean "task"?',
            file: "schedules/x.yaml",
            line: 12,
            column: 5,
          },
          { message: "schedules/y.yaml cannot be read" },
        ],
      },
      [
        "ERROR schedule: not reloaded, the last good one stays in force: 2 problems",
        'ERROR schedules/x.yaml:12:5: unknown key "taks" (did you mean "task"?)',
        "ERROR schedules/y.yaml cannot be read",
      ],
    ],
  ],
  "broker-connected": [
    [{ type: "broker-connected", url: "redis://127.0.0.1/0" }, ["INFO Connected to redis://127.0.0.1/0"]],
  ],
  "broker-disconnected": [
    [
      { type: "broker-disconnected", url: "redis://127.0.0.1/0", reason: "the server closed the connection" },
      ["WARNING Connection to redis://127.0.0.1/0 lost: the server closed the connection"],
    ],
  ],
  "http-listening": [
    [
      { type: "http-listening", url: "http://127.0.0.1:8787", warning: null },
      ["INFO http: listening on http://127.0.0.1:8787"],
    ],
    [
      { type: "http-listening", url: "http://0.0.0.0:8787", warning: "0.0.0.0 is open to the network" },
      ["WARNING http: listening on http://0.0.0.0:8787: 0.0.0.0 is open to the network"],
    ],
  ],
  failure: [[{ type: "failure", where: "watching schedules", reason: "EMFILE" }, ["ERROR watching schedules: EMFILE"]]],
};

describe("logEvents", () => {
  for (const [type, cases] of Object.entries<Sample<LovageEvent>>(samples)) {
    it(`has words for ${type}`, () => {
      for (const [event, expected] of cases) {
        const { stream, lines, end } = record();
        stream.emit(event);
        end();
        expect(textsOf(lines)).toEqual(expected);
      }
    });
  }

  it("writes JSON with the event's own fields, its instants in ISO 8601", () => {
    const { stream, lines, end } = record({ format: "json", name: "worker" });
    stream.emit(sent());
    end();
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      name: "worker",
      pid: process.pid,
      event: "occurrence-sent",
      entry: "add-every-10-seconds",
      task: "proj.hello",
      taskId: "0c0ffee0-0000-5000-8000-000000000000",
      queue: "celery",
      dueAt: "2026-11-21T10:00:00Z",
      sentAt: "2026-11-21T10:00:00.003Z",
      occurrence: "scheduled",
      msg: expect.stringContaining("Sending due task add-every-10-seconds (proj.hello)"),
    });
  });

  it("writes JSON as one object for each event, with all that text has in further lines", () => {
    const { stream, lines, end } = record({ format: "json" });
    const problems = [{ message: "a" }, { message: "b", file: "schedules/x.yaml", line: 2, column: 3 }];
    stream.emit({ type: "reload-failed", problems });
    end();
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
      expect.objectContaining({ level: "error", event: "reload-failed", problems }),
    ]);
  });

  it("writes the first lines of a burst and the rest as one, second by second", async () => {
    const { stream, lines, end, clock } = record({ linesPerSecond: 3 });
    for (let index = 0; index < 1_000; index += 1) stream.emit(sent({ entry: `e${index}`, sentAt: DUE + index }));
    stream.emit({ type: "broker-connected", url: "redis://r" });
    expect(textsOf(lines).map((line) => line.slice(0, 42))).toEqual([
      "INFO Scheduler: Sending due task e0 (proj.",
      "INFO Scheduler: Sending due task e1 (proj.",
      "INFO Scheduler: Sending due task e2 (proj.",
      "INFO Connected to redis://r",
    ]);
    await clock.advance(1_000);
    const summary = "INFO Scheduler: and 997 more tasks sent within a second, up to 999 ms late (-l DEBUG shows each)";
    expect(textsOf(lines).slice(4)).toEqual([summary]);
    stream.emit(sent({ entry: "next" }));
    expect(lines).toHaveLength(6);
    await clock.advance(1_000);
    expect([lines.length, clock.sleepers]).toEqual([6, 0]);
    end();
  });

  it("counts each kind of event apart, and writes what it holds back before beat is gone", () => {
    const { stream, lines, end, clock } = record({ linesPerSecond: 1 });
    for (const entry of ["a", "b", "c"]) {
      stream.emit(sent({ entry }));
      stream.emit({ type: "occurrence-duplicate", entry, occurrence: "scheduled", dueAt: DUE, taskId: "1" });
    }
    stream.emit({ type: "beat-stopped", unsent: 0 });
    expect(textsOf(lines).slice(2)).toEqual([
      "INFO Scheduler: and 2 more tasks sent within a second, up to 3 ms late (-l DEBUG shows each)",
      "INFO Scheduler: and 2 more occurrences not sent twice within a second (-l DEBUG shows each)",
      "INFO beat: stopped",
    ]);
    end();
    expect([lines.length, clock.sleepers]).toEqual([5, 0]);
  });

  it("holds nothing back at level DEBUG", () => {
    const { stream, lines, end } = record({ linesPerSecond: 3, level: "debug" });
    for (let index = 0; index < 100; index += 1) stream.emit(sent());
    end();
    expect(lines).toHaveLength(100);
  });

  it("writes no more after its end", () => {
    const { stream, lines, end } = record();
    end();
    stream.emit(sent());
    expect(lines).toEqual([]);
  });

  it("leaves out what is below the level asked for", () => {
    const { stream, lines, end } = record({ level: "WARNING" });
    stream.emit(sent());
    stream.emit({ type: "failure", where: "a", reason: "b" });
    end();
    expect(textsOf(lines)).toEqual(["ERROR a: b"]);
  });

  it("keeps one event on one line, whatever is in its names", () => {
    const { stream, lines, end } = record();
    stream.emit({ type: "failure", where: "a\n[2026: INFO/beat] forged", reason: "\u001b[2J☀" });
    end();
    expect(textsOf(lines)).toEqual(["ERROR a\\n[2026: INFO/beat] forged: \\u001b[2J☀"]);
  });

  it("spells out twenty problems of a bad schedule and counts the rest", () => {
    const { stream, lines, end } = record();
    stream.emit({
      type: "reload-failed",
      problems: Array.from({ length: 25 }, (_, index) => ({ message: `p${index}` })),
    });
    end();
    expect(textsOf(lines).slice(-2)).toEqual(["ERROR p19", "ERROR and 5 more: beat check tells all"]);
  });
});

describe("createLogger", () => {
  it("writes text as Celery does: local time, level, program", () => {
    const { stream, lines, end } = record({ name: "worker" });
    stream.emit({ type: "failure", where: "a", reason: "b" });
    end();
    expect(lines[0]).toMatch(/^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: ERROR\/worker\] a: b\n$/);
    expect(lines[0]?.slice(1, 5)).toBe(String(new Date().getFullYear()));
  });

  it("says what an error was that is logged along", () => {
    const lines: string[] = [];
    const logger = createLogger({ destination: { write: (text) => void lines.push(text) } });
    logger.error({ err: new Error("disk on fire") }, "cannot go on");
    logger.fatal(new Error("alone"));
    expect(textsOf(lines)).toEqual(["ERROR cannot go on: disk on fire", "CRITICAL alone"]);
  });

  it.each([
    ["debug", "debug"],
    ["Info", "info"],
    ["WARNING", "warn"],
    ["ERROR", "error"],
    ["CRITICAL", "fatal"],
    ["fatal", "fatal"],
  ])("knows Celery's level %s", (name, level) => {
    expect(parseLevel(name)).toBe(level);
    expect(createLogger({ level: name, destination: { write: () => undefined } }).level).toBe(level);
  });

  it("refuses an unknown level with the choices, and the one that was meant", () => {
    expect(() => createLogger({ level: "WARNNG" })).toThrow(
      expect.objectContaining({
        code: "usage",
        message: 'there is no log level "WARNNG"',
        hint: "did you mean WARNING? choose from DEBUG, INFO, WARNING, ERROR, CRITICAL, FATAL",
      }),
    );
  });

  it("appends to a file, line by line, without waiting", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("beat.log"), "before\n");
    const logger = createLogger({ file: folder.file("beat.log") });
    logger.info("one");
    expect(textsOf(readFileSync(folder.file("beat.log"), "utf8").split("\n"))).toEqual(["before", "INFO one", ""]);
  });

  it("says which file it cannot write", async () => {
    await using folder = temporaryFolder();
    chmodSync(folder.path, 0o755);
    for (const file of [folder.file("no/such/beat.log"), folder.path]) {
      expect(() => createLogger({ file })).toThrow(
        expect.objectContaining({
          code: "config",
          message: expect.stringContaining(`cannot write the log file ${file}: `),
        }),
      );
    }
  });
});
