// The built worker with the prefork pool, when its children come and go: nothing that waits is forgotten.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { linkPackage, writeFiles } from "../helper/beat-process.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { startWorker } from "../helper/worker-process.ts";

const project = `
import { App } from "lovage";
export const app = new App("proj");
app.task("proj.add", (x, y) => x + y);
app.task("proj.spin", () => { for (;;); }, { timeLimit: 1 });
app.task("proj.exit", () => process.exit(3));
`;

async function results(args: readonly string[], first: readonly string[]): Promise<readonly number[]> {
  await using folder = temporaryFolder();
  await linkPackage(folder.path);
  await writeFiles(folder.path, { "proj.mjs": project });
  const broker = `sqlite:///${join(folder.path, "broker.sqlite")}`;
  const backend = `sqlite:///${join(folder.path, "results.sqlite")}`;
  await using app = new App("proj", { broker, backend });
  const all = ["-A", "proj", "-q", "-l", "WARNING", "-b", broker, "--result-backend", backend, ...args];
  await using worker = await startWorker(all, folder.path);
  for (const name of first) await app.sendTask(name);
  const sent = await Promise.all(Array.from({ length: 8 }, (_, index) => app.sendTask("proj.add", [index, 1])));
  const values = await Promise.all(sent.map((result) => result.get({ timeout: 60 })));
  await worker.stop("SIGTERM");
  expect(worker.exitCode(), worker.output()).toBe(0);
  return values as number[];
}

describe("a worker whose children are replaced", () => {
  it("goes on when its only child has had its one task", async () => {
    expect(await results(["-c", "1", "--max-tasks-per-child", "1"], [])).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("goes on when children were killed for their time, or ended by themselves", async () => {
    const first = ["proj.spin", "proj.exit", "proj.spin", "proj.exit"];
    expect(await results(["-c", "2"], first)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
