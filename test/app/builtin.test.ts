import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const name = "celery.backend_cleanup";

async function entryNames(settings: object): Promise<readonly string[]> {
  const app = new App("proj", settings);
  app.task("proj.add", () => 1);
  await app.finalize();
  return app.entries().map((entry) => entry.name);
}

describe("celery.backend_cleanup", () => {
  it("is a task of every app, and clears the result backend", async () => {
    await using folder = temporaryFolder();
    const app = new App("proj", {
      broker: "memory://",
      backend: `sqlite:///${folder.file("results")}`,
      resultExpires: 1e-3,
    });
    const backend = await app.backend();
    const record = { taskId: "one", state: "SUCCESS", resultText: "1", traceback: null, children: [], doneAt: 1 };
    await backend?.put([record]);
    const clean = async (): Promise<boolean> => (await app.tasks.get(name)?.()) === 1;
    expect(await waitUntil(clean, { what: "the result to expire and be cleared" })).toBe(true);
    await app.close();
    const without = new App("proj", { broker: "memory://" });
    expect(await without.tasks.get(name)?.()).toBeUndefined();
  });

  it("is scheduled every night where results do not go by themselves", async () => {
    const app = new App("proj", { broker: "memory://", backend: "sqlite:///results" });
    await app.finalize();
    const [entry] = app.entries();
    expect(entry).toMatchObject({ name, task: name, options: { expires: 43_200 } });
    expect(entry?.schedule.describe()).toContain("0 4 * * *");
    expect(new Date(entry?.schedule.next(Date.UTC(2026, 10, 21, 12)) ?? 0)).toEqual(new Date("2026-11-22T04:00:00Z"));
  });

  it("is scheduled for the embedded default as well", async () => {
    expect(await entryNames({})).toEqual([name]);
  });

  it("is not where the embedded default has no task to keep results of", async () => {
    const app = new App("proj");
    await app.finalize();
    expect(app.entries()).toEqual([]);
  });

  it("is not where there is nothing to clear, or the project sees to it", async () => {
    expect(await entryNames({ broker: "memory://" })).toEqual([]);
    expect(await entryNames({ broker: "memory://", backend: "redis://localhost/1" })).toEqual([]);
    expect(await entryNames({ resultExpires: null })).toEqual([]);
    expect(await entryNames({ resultExpires: 0 })).toEqual([]);
    const own = { [name]: { task: name, schedule: 60 } };
    const app = new App("proj", { beatSchedule: own, backend: "sqlite:///results" });
    await app.finalize();
    expect(app.entries().map(({ schedule }) => schedule.describe())).toEqual(["every 1 minute"]);
  });
});
