import { describe, expect, it } from "vitest";
import { App } from "../../../src/app/app.ts";
import type { AppSettingsInput } from "../../../src/app/conf.ts";
import type { PeriodicOptions } from "../../../src/app/periodic.ts";
import { createBeatEnvelope } from "../../../src/beat/envelope.ts";
import { overlapProblems } from "../../../src/beat/overlap/needs.ts";
import { rehearse } from "../../../src/beat/rehearse.ts";
import { atOnce } from "../../../src/beat/steps.ts";
import { startAt } from "../../helper/beat-stage.ts";

const redis = "redis://127.0.0.1:1/0";

async function appWith(settings: AppSettingsInput, options: PeriodicOptions): Promise<App> {
  const app = new App("needs", { broker: redis, ...settings });
  app.addPeriodicTask(10, "proj.sync", { name: "sync", ...options });
  await app.finalize();
  return app;
}

async function problemsOf(settings: AppSettingsInput, options: PeriodicOptions): Promise<readonly string[]> {
  const app = await appWith(settings, options);
  return overlapProblems(app.entries(), app).map(({ message, hint }) => {
    const [, said = message] = /: entry sync: (.*)/.exec(message) ?? [];
    return `${said} (${hint})`;
  });
}

const byEvents = "run the workers with -E and set worker_send_task_events: true";

describe("an overlap policy needs somebody who tells what became of runs", () => {
  it.each([
    ["a result backend", { resultBackend: redis }],
    ["the workers' events", { workerSendTaskEvents: true }],
  ])("and is content with %s", async (_, settings) => {
    expect(await problemsOf(settings, { overlap: "skip" })).toEqual([]);
  });

  it("and is content with the results of the embedded default", async () => {
    const app = new App("needs");
    app.addPeriodicTask(10, "proj.sync", { name: "sync", overlap: "skip" });
    await app.finalize();
    expect(overlapProblems(app.entries(), app)).toEqual([]);
  });

  it("needs nothing where runs may overlap", async () => {
    expect(await problemsOf({}, {})).toEqual([]);
    expect(await problemsOf({}, { overlap: "allow" })).toEqual([]);
  });

  it("says what is missing when there is nobody, at the place of the entry", async () => {
    expect(await problemsOf({}, { overlap: "skip" })).toEqual([
      `overlap: skip needs to know when a run ends, and nobody tells (set result_backend, or ${byEvents})`,
    ]);
    const app = await appWith({}, { overlap: "skip" });
    expect(overlapProblems(app.entries(), app)[0]?.message).toMatch(
      /needs\.test\.ts:\d+:\d+ \(addPeriodicTask\): entry sync: overlap: skip needs/,
    );
  });

  it("notices that the result is ignored, by the entry or by the settings", async () => {
    const said = `needs to know when a run ends, but its result is ignored (leave ignore_result out, or ${byEvents})`;
    const kept = { resultBackend: redis };
    expect(await problemsOf(kept, { overlap: "skip", ignoreResult: true })).toEqual([`overlap: skip ${said}`]);
    expect(await problemsOf({ ...kept, taskIgnoreResult: true }, { overlap: "skip" })).toEqual([
      `overlap: skip ${said}`,
    ]);
    const both = { ...kept, workerSendTaskEvents: true };
    expect(await problemsOf(both, { overlap: "skip", ignoreResult: true })).toEqual([]);
  });

  it("wants beginnings to be known for skip_queued", async () => {
    const kept = { resultBackend: redis };
    expect(await problemsOf(kept, { overlap: "skip_queued" })).toEqual([
      "overlap: skip_queued needs to know when a run begins, which the result backend is not told" +
        ` (set task_track_started: true, here and for the workers, or ${byEvents})`,
    ]);
    expect(await problemsOf({ ...kept, taskTrackStarted: true }, { overlap: "skip_queued" })).toEqual([]);

    const app = await appWith(kept, { overlap: "skip_queued" });
    app.task("proj.sync", () => null, { trackStarted: true });
    expect(overlapProblems(app.entries(), app)).toEqual([]);
  });
});

describe("the rehearsal of an entry", () => {
  it("finds what is wrong with the options of its link and link_error", async () => {
    const link = { task: "proj.done", options: { serializer: "pickle" } };
    const app = await appWith({}, { linkError: ["proj.fine", link] });
    const [problem] = atOnce(rehearse(app.entries(), createBeatEnvelope(app, "test"), startAt));
    expect(`${problem?.message} (${problem?.hint})`).toMatch(
      /entry sync: options\.link_error\[1\]: serializer pickle is not spoken here \(write json\)$/,
    );
  });
});
