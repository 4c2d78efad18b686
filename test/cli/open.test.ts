import { describe, expect, it } from "vitest";
import { openProject } from "../../src/cli/open.ts";
import { writeFiles } from "../helper/beat-process.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";

const project = (backend: string): string => `
import { App } from "lovage";
export const app = new App("proj", { backend: ${JSON.stringify(backend)} });
app.task("proj.t", () => 1);
`;

async function namesOf(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  await using folder = temporaryFolder();
  await writeFiles(folder.path, files);
  const schedules = Object.keys(files).filter((name) => name.endsWith(".yaml"));
  const { app, entries } = await openProject({
    app: folder.file("proj.mjs"),
    schedules: schedules.map((name) => folder.file(name)),
    color: false,
  });
  await app.close();
  return entries.map(({ name, schedule }) => `${name}: ${schedule.describe()}`);
}

describe("opening a project", () => {
  it("adds the cleaning of results where they do not go by themselves", async () => {
    const names = await namesOf({ "proj.mjs": project("sqlite:///results.sqlite"), "a.yaml": "entries: {}\n" });
    expect(names).toHaveLength(1);
    expect(names[0]).toContain("celery.backend_cleanup");
    expect(await namesOf({ "proj.mjs": project("redis://127.0.0.1:1/0"), "a.yaml": "entries: {}\n" })).toEqual([]);
  });

  it("lets a schedule file say otherwise about it", async () => {
    const file = "entries:\n  celery.backend_cleanup: {task: celery.backend_cleanup, schedule: 10m}\n";
    const names = await namesOf({ "proj.mjs": project("sqlite:///results.sqlite"), "a.yaml": file });
    expect(names).toEqual(["celery.backend_cleanup: every 10 minutes"]);
  });
});
