import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Door } from "../../src/beat/reach/door.ts";
import type { BeatSteering, PauseReport, ResumeReport } from "../../src/beat/steer/steering.ts";
import { backfillCommand, type BackfillOptions } from "../../src/cli/backfill.ts";
import { historyCommand } from "../../src/cli/history.ts";
import { listCommand } from "../../src/cli/list.ts";
import { pauseCommand } from "../../src/cli/pause.ts";
import { resumeCommand } from "../../src/cli/resume.ts";
import { runEntryCommand } from "../../src/cli/run-entry.ts";
import { showCommand } from "../../src/cli/show.ts";
import { statusCommand } from "../../src/cli/status.ts";
import { LovageError } from "../../src/error.ts";
import { commandStage, type CommandStage, printed, type Printed } from "../helper/command-stage.ts";
import { stubSteering } from "../helper/steering-stub.ts";
import { waitUntil } from "../helper/wait.ts";

const schedule = `
timezone: Europe/Oslo
entries:
  morning:
    task: proj.report
    schedule: "30 7 * * *"
    args: [1]
    options: {queue: reports, priority: 3}
    missed: all
    missed_within: 1h
    description: the daily report
  midnight: {task: proj.sweep, schedule: "0 0 * * *"}
  quarter: {task: proj.meter, schedule: "*/15 * * * *"}
  off: {task: proj.t, schedule: "0 0 * * *", enabled: false}
`;

type Test = (stage: CommandStage) => Promise<void>;

/** With a beat running on the record. */
function running(test: Test): () => Promise<void> {
  return async () => {
    await using stage = await commandStage(schedule);
    await stage.startBeat();
    await test(stage);
  };
}

function idle(test: Test): () => Promise<void> {
  return async () => {
    await using stage = await commandStage(schedule);
    await test(stage);
  };
}

const pause = (stage: CommandStage, names: readonly string[], more: object = {}): Promise<Printed> =>
  printed(() => pauseCommand(names, { ...stage.options, by: "alice@here", ...more }));
const resume = (stage: CommandStage, names: readonly string[], more: object = {}): Promise<Printed> =>
  printed(() => resumeCommand(names, { ...stage.options, by: "bob@here", ...more }));
const list = (stage: CommandStage, more: object = {}): Promise<Printed> =>
  printed(() => listCommand({ ...stage.options, ...more }));

describe("beat list", () => {
  it(
    "gives the running beat's word, and says so",
    running(async (stage) => {
      const { stdout, stderr } = await list(stage);
      expect(stderr).toBe("beat: told by the running beat here:1\n");
      const [head, ...rows] = stdout.trimEnd().split("\n");
      expect(head?.split(/ {2,}/)).toEqual([
        "ENTRY",
        "TASK",
        "SCHEDULE",
        "LAST",
        "NEXT",
        "RUNS",
        "MISSED",
        "SKIPPED",
        "FAILED",
      ]);
      expect(rows).toHaveLength(4);
      expect(rows[0]).toMatch(
        /^morning +proj\.report +30 7 \* \* \* \(Europe\/Oslo\) +never +\w{3} \d{4}-.* 07:30:00 \+0/,
      );
      expect(rows[3]).toMatch(/^off .* not enabled /);
    }),
  );

  it(
    "falls back on files and record, and says so",
    idle(async (stage) => {
      const { stdout, stderr } = await list(stage, { match: "m" });
      expect(stderr).toBe(
        `beat: no beat answers; from the schedule's files and the record ${stage.options.schedule}\n`,
      );
      expect(
        stdout
          .trimEnd()
          .split("\n")
          .map((line) => line.split(" ")[0]),
      ).toEqual(["ENTRY", "morning", "midnight"]);
      const [row] = (await list(stage, { match: "morn", json: true })).json();
      expect(row).toMatchObject({ entry: "morning", paused: null, runs: 0, skipped: 0, from: "record" });
    }),
  );

  it(
    "insists on a running beat with --remote",
    idle(async (stage) => {
      await expect(list(stage, { remote: true, timeout: 0.1 })).rejects.toMatchObject({ code: "standby" });
    }),
  );

  it(
    "reads a store of the user's own",
    idle(async (stage) => {
      const scheduler = `${import.meta.dirname}/custom-store.ts:FixedStore`;
      const [row] = (await list(stage, { scheduler, json: true, match: "morning" })).json();
      expect(row).toMatchObject({ entry: "morning", runs: 7, last_task_id: "from-the-custom-store" });
    }),
  );
});

describe("beat pause and beat resume", () => {
  it(
    "tell the running beat who and why, and show it",
    running(async (stage) => {
      const { stdout, stderr, exitCode } = await pause(stage, ["morning", "quarter"], { reason: "migration" });
      expect([stdout, stderr, exitCode]).toEqual([
        "paused morning, by alice@here: migration\npaused quarter, by alice@here: migration\n",
        "",
        0,
      ]);
      expect((await list(stage, { match: "morning" })).stdout).toContain("paused by alice@here: migration");
      const [row] = (await list(stage, { json: true, match: "morning" })).json();
      expect(row).toMatchObject({ next_at: null, paused: { by: "alice@here", reason: "migration" }, from: "beat" });
      const resumed = await resume(stage, ["morning", "midnight"]);
      expect(resumed.stdout).toMatch(
        /^resumed morning: nothing fell into the pause; next: .* 07:30:00 .*\nmidnight was not paused; next: /,
      );
      expect(resumed.exitCode).toBe(0);
    }),
  );

  it(
    "take all, or those that match, and resume only what is paused",
    running(async (stage) => {
      expect((await pause(stage, [], { match: "m" })).stdout.match(/^paused /gm)).toHaveLength(2);
      expect((await resume(stage, [], { all: true })).stdout.match(/^resumed (morning|midnight): /gm)).toHaveLength(2);
      expect((await resume(stage, [], { all: true })).stdout).toBe("nothing is paused\n");
      expect((await pause(stage, [], { all: true, json: true })).json()).toHaveLength(4);
    }),
  );

  it(
    "change nothing when a name is not known, and say which was meant",
    running(async (stage) => {
      await expect(pause(stage, ["morning", "midnigt"])).rejects.toMatchObject({
        code: "usage",
        message: "there is no entry midnigt",
        hint: "did you mean midnight?",
      });
      expect((await list(stage)).stdout).not.toContain("paused");
      for (const [names, more] of [
        [[], {}],
        [["morning"], { all: true }],
        [[], { match: "zzz" }],
      ] as const) {
        await expect(pause(stage, names, more)).rejects.toMatchObject({ code: "usage" });
      }
    }),
  );

  it(
    "write to the record where no beat runs, and the next beat keeps to it",
    idle(async (stage) => {
      await stage.record({});
      const { stdout, stderr } = await pause(stage, ["morning"], { reason: "night" });
      expect(stdout).toBe("paused morning, by alice@here: night\n");
      expect(stderr).toContain(`no beat runs: written to the record ${stage.options.schedule}`);
      await expect(pause(stage, ["mornin"])).rejects.toMatchObject({ hint: "did you mean morning?" });
      const { beat, stop } = await stage.startBeat();
      expect(beat.steering.show("morning")).toMatchObject({
        nextAt: null,
        paused: { by: "alice@here", reason: "night" },
      });
      expect(beat.steering.show("quarter").paused).toBeNull();
      await stop();
      expect((await resume(stage, ["morning"])).stdout).toMatch(
        /^resumed morning: nothing fell into the pause; next: /,
      );
      const again = await stage.startBeat();
      expect(again.beat.steering.show("morning")).toMatchObject({ paused: null, skipped: 0 });
    }),
  );

  it(
    "write nothing where there is no record, be the broker there or away",
    idle(async (stage) => {
      const hint = expect.stringContaining("nothing was written") as string;
      const nowhere = `and there is no record ${stage.options.schedule} in ${process.cwd()}`;
      const [there, away] = [{}, { broker: "redis://127.0.0.1:1" }];
      await expect(pause(stage, ["morning"], there)).rejects.toMatchObject({
        message: `no beat answers, ${nowhere}`,
        hint,
      });
      for (const order of [pause, resume]) {
        const refused = await order(stage, ["morning"], away).catch((error: unknown) => error);
        expect(refused).toMatchObject({ code: "broker", hint });
        expect((refused as Error).message).toMatch(/^cannot reach redis:\/\/127\.0\.0\.1:1\b/);
        expect((refused as Error).message).toContain(nowhere);
      }
      expect(existsSync(stage.options.schedule)).toBe(false);
    }),
  );

  it(
    "write to the record while the broker cannot be asked, and say who does not hear of it",
    idle(async (stage) => {
      await stage.record({});
      const away = { broker: "redis://127.0.0.1:1" };
      const { stderr, exitCode } = await pause(stage, ["morning"], away);
      const [written, unasked, ...rest] = stderr.trimEnd().split("\n");
      expect(written).toContain(`written to the record ${stage.options.schedule}; it takes effect when beat starts`);
      expect(unasked).toMatch(/^beat: the broker could not be asked: a beat elsewhere, if one leads, goes on sending /);
      expect([rest, exitCode]).toEqual([[], 0]);
      expect((await stage.states()).get("morning")?.paused).toMatchObject({ by: "alice@here" });
      await expect(resume(stage, ["morning"], away)).rejects.toMatchObject({ code: "broker" });
    }),
  );

  it(
    "say when the running beat could not tell the broker",
    idle(async (stage) => {
      const untold = (reports: readonly PauseReport[]): PauseReport[] =>
        reports.map((one) => ({ ...one, isTold: false }));
      await stage.record({});
      const stub = stubSteering();
      const steering: BeatSteering = {
        ...stub,
        pause: async (request) => untold(await stub.pause(request)),
        resume: async (request) => untold(await stub.resume(request)) as ResumeReport[],
        show: (entry) => ({ ...stub.show(entry), paused: { at: Date.now(), by: "alice@here", reason: null } }),
        previewBackfill: () => {
          throw new LovageError("usage", "the span begins in the future");
        },
      };
      const door = new Door({ record: stage.options.schedule, steering, emit: () => undefined });
      await door.start();
      try {
        const says =
          "beat: the broker is away and could not be told yet: a beat that takes over before it is back does not know of this\n";
        expect((await pause(stage, ["tick"])).stderr).toBe(says);
        const { stderr, stdout } = await resume(stage, ["tick"], { catchUp: true });
        expect(stderr).toBe(says);
        expect(stdout).toMatch(/^resumed tick: nothing fell into the pause/);
      } finally {
        await door.stop();
      }
    }),
  );

  it(
    "count what fell into a pause that ends while no beat runs",
    idle(async (stage) => {
      await stage.record({});
      await pause(stage, ["quarter", "midnight"]);
      const states = [...(await stage.states()).values()];
      const dayMs = 86_400_000;
      await stage.record({
        states: states.map((state) => ({ ...state, settledAt: Date.now() - dayMs, anchorAt: Date.now() - dayMs })),
      });
      const { stdout } = await resume(stage, ["quarter"]);
      expect(stdout).toMatch(/^resumed quarter: (95|96|97) occurrences of the pause are skipped; next: \w{3} /);
      const caughtUp = await resume(stage, ["midnight"], { catchUp: true, json: true });
      expect(caughtUp.json()[0]).toMatchObject({ was_paused: true, given_up: 0, left_to_policy: 1, skipped: 0 });
      const kept = await stage.states();
      expect(kept.get("quarter")?.skipped).toBeGreaterThanOrEqual(95);
      const history = await printed(() => historyCommand("quarter", { ...stage.options, count: 5 }));
      expect(history.stdout).toMatch(/skipped +- +\d+ skipped; paused by alice@here/);
      // With --catch-up the beat that starts makes up the newest midnight.
      const { beat } = await stage.startBeat();
      await waitUntil(() => beat.steering.show("midnight").runs === 1, { what: "the missed midnight to be made up" });
      expect(beat.steering.show("quarter").runs).toBe(0);
    }),
  );
});

describe("beat show and beat history", () => {
  it(
    "show all of an entry",
    running(async (stage) => {
      const { stdout } = await printed(() => showCommand("morning", stage.options));
      for (const line of [
        /^entry +morning$/m,
        /^description +the daily report$/m,
        /^zone +Europe\/Oslo$/m,
        /^next +\w{3} .* 07:30:00 \+0\d:00 {2}\d{4}-\d\d-\d\dT0[56]:30:00Z {2}in /m,
        /^last run +never$/m,
        /^args +\[1\]$/m,
        /^options +\{"queue": "reports", "priority": 3\}$/m,
        /^missed policy +all, within /m,
        /^overlap +allow$/m,
        /^source +.*a\.yaml:4:3$/m,
        /^told by +the running beat here:1$/m,
      ]) {
        expect(stdout).toMatch(line);
      }
      expect(stdout.match(/07:30:00/g)).toHaveLength(5);
      const [json] = (await printed(() => showCommand("morning", { ...stage.options, json: true }))).json();
      expect(json).toMatchObject({ entry: "morning", args: [1], missed: 0, missed_policy: "all", from: "beat" });
      expect(json?.["next"]).toHaveLength(5);
    }),
  );

  it(
    "tell of runs by hand with who and why",
    running(async (stage) => {
      const by = { by: "alice@here", reason: "a try" };
      const run = await printed(() => runEntryCommand("morning", { ...stage.options, ...by }));
      const [, id] = /^sent morning \(proj\.report\) id=([\da-f-]{36}) queue=reports\n/.exec(run.stdout) ?? [];
      expect(run.stdout).toMatch(/\nthe schedule stays as it is; next: .* 07:30:00 /);
      const history = await printed(() => historyCommand("morning", { ...stage.options, count: 5 }));
      expect(history.stdout).toContain(`${id}  manual, by alice@here: a try`);
      const [line] = (
        await printed(() => historyCommand("morning", { ...stage.options, count: 5, json: true }))
      ).json();
      expect(line).toMatchObject({ entry: "morning", outcome: "sent", task_id: id });
      const { stdout } = await printed(() => showCommand("morning", stage.options));
      expect(stdout).toMatch(
        new RegExp(
          `last run +never by its schedule\\nlast task +${id} +sent .* ago manual, by alice@here: a try\\nruns +0\\n`,
        ),
      );
    }),
  );

  it(
    "work without a beat, and without a run",
    idle(async (stage) => {
      const shown = await printed(() => showCommand("quarter", stage.options));
      expect(shown.stdout).toMatch(/told by +files and record: no beat answers/);
      const history = await printed(() => historyCommand("quarter", { ...stage.options, count: 5 }));
      expect(history.stdout).toBe("quarter has not run yet\n");
      await expect(printed(() => historyCommand("quater", { ...stage.options, count: 5 }))).rejects.toMatchObject({
        hint: "did you mean quarter?",
      });
      await expect(printed(() => runEntryCommand("quarter", stage.options))).rejects.toMatchObject({
        hint: "a beat must run; lovage call TASK sends a task without one",
      });
    }),
  );
});

describe("beat backfill", () => {
  const backfill = (stage: CommandStage, entry: string | undefined, more: Partial<BackfillOptions>): Promise<Printed> =>
    printed(() => backfillCommand(entry, { ...stage.options, rate: 100, wait: true, by: "alice@here", ...more }));
  const day = { from: "2026-10-25", to: "2026-10-25" };

  it(
    "shows what it would send, in the entry's zone, and sends nothing without --yes where nobody can be asked",
    running(async (stage) => {
      const { stdout, stderr, exitCode } = await backfill(stage, "quarter", day);
      // The clock went back that day, and a crontab that begins with * runs in both copies of the hour.
      expect(
        stdout,
      ).toBe(`quarter: 100 occurrences from Sun 2026-10-25 00:00:00 +02:00 to Sun 2026-10-25 23:59:59.999 +01:00
  Sun 2026-10-25 00:00:00 +02:00
  Sun 2026-10-25 00:15:00 +02:00
  Sun 2026-10-25 00:30:00 +02:00
  ...
  Sun 2026-10-25 23:15:00 +01:00
  Sun 2026-10-25 23:30:00 +01:00
  Sun 2026-10-25 23:45:00 +01:00
at 100 a second this takes 1 s
`);
      expect(stderr).toContain("--yes sends them");
      expect(exitCode).toBe(0);
      expect((await backfill(stage, undefined, { list: true })).stdout).toBe("no backfills\n");
    }),
  );

  it(
    "is of the past: up to now, and not from the future",
    running(async (stage) => {
      const from = new Date(Date.now() - 3_600_000).toISOString();
      const { stdout } = await backfill(stage, "quarter", { from, to: "2126-01-01", yes: true });
      expect(stdout).toMatch(/^quarter: [45] occurrences from .* up to now, \w{3} \d{4}-/);
      expect(stdout).toMatch(/: done, ([45]) of \1 sent, /);
      await expect(backfill(stage, "quarter", { from: "2125-12-31", to: "2126-01-01" })).rejects.toMatchObject({
        code: "usage",
        message: "--from 2125-12-31 is in the future",
      });
    }),
  );

  it(
    "sends them, and waits until it is done",
    running(async (stage) => {
      const span = { from: "2026-11-01T10:00", to: "2026-11-01T11:00" };
      const { stdout, exitCode } = await backfill(stage, "quarter", { ...span, yes: true });
      expect(stdout).toMatch(/\nbackfill \w+ of quarter: done, 5 of 5 sent, up to 2026-11-01T10:00:00Z\n$/);
      expect(exitCode).toBe(0);
      expect((await backfill(stage, undefined, { list: true })).stdout).toMatch(
        /done +5 of 5 sent +100\/s +alice@here/,
      );
    }),
  );

  it(
    "is left to beat with --no-wait, stops when told, and goes on where it stopped",
    running(async (stage) => {
      const slow = { ...day, yes: true, wait: false, rate: 1, json: true };
      const [, begun] = (await backfill(stage, "quarter", slow)).json();
      const id = String(begun?.["id"]);
      const [stopped] = (await backfill(stage, undefined, { stop: id, json: true })).json();
      expect(stopped).toMatchObject({ id, status: "stopped", total: 100, note: "stopped by alice@here" });
      const [going] = (await backfill(stage, undefined, { resume: id, wait: false, json: true })).json();
      expect(going).toMatchObject({ id, status: "running", total: 100 });
      await expect(backfill(stage, undefined, { stop: "nope" })).rejects.toMatchObject({ code: "usage" });
    }),
  );

  it(
    "says in one line what is wrong",
    running(async (stage) => {
      const wrong: readonly (readonly [string | undefined, Partial<BackfillOptions>, RegExp])[] = [
        [undefined, {}, /which entry/],
        ["quarter", { list: true }, /do not go together/],
        ["quarter", { from: "2026-11-01" }, /takes --from and --to/],
        ["quarter", { from: "2026-11-02", to: "2026-11-01" }, /--to 2026-11-01 is before --from 2026-11-02/],
        ["quarter", { from: "yesterday", to: "2026-11-01" }, /--from: "yesterday" is not a date/],
        ["quatrer", day, /there is no entry quatrer/],
      ];
      for (const [entry, options, says] of wrong) await expect(backfill(stage, entry, options)).rejects.toThrow(says);
      const none = await backfill(stage, "midnight", { from: "2026-11-01T10:00", to: "2026-11-01T11:00", yes: true });
      expect(none.stdout).toMatch(/^midnight has no occurrence from /);
    }),
  );

  it(
    "needs a beat",
    idle(async (stage) => {
      await expect(backfill(stage, "quarter", day)).rejects.toMatchObject({ code: "standby" });
    }),
  );
});

describe("beat status", () => {
  it(
    "tells how the running beat is",
    running(async (stage) => {
      await pause(stage, ["morning"]);
      const { stdout, exitCode } = await printed(() => statusCommand(stage.options));
      expect(stdout).toMatch(
        /^up: pid 1 on here leads, 4 entries \(1 paused\), 0 unsent, on time, last look at the clock /,
      );
      expect(exitCode).toBe(0);
      const [json] = (await printed(() => statusCommand({ ...stage.options, json: true }))).json();
      expect(json).toMatchObject({
        up: true,
        via: "record",
        leads: true,
        leader: "here:1",
        scope: "lovage",
        paused: 1,
      });
    }),
  );

  it(
    "is an error where nobody is",
    idle(async (stage) => {
      await expect(printed(() => statusCommand(stage.options))).rejects.toMatchObject({ code: "store" });
      const far = { ...stage.options, timeout: 0.1 };
      await expect(printed(() => statusCommand({ ...far, remote: true }))).rejects.toMatchObject({ code: "standby" });
      await expect(printed(() => statusCommand({ ...far, all: true }))).rejects.toMatchObject({ code: "standby" });
    }),
  );
});
