import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { linkPackage, packageRoot } from "../helper/beat-process.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { startNode } from "../helper/worker-process.ts";

const example = join(packageRoot, "examples/first");
const loader = join(packageRoot, "node_modules/tsx/dist/loader.mjs");

/** Without what a run in the checkout has left there. */
const isSource = (path: string): boolean => !/^(\.lovage|beat-record.*)$/.test(basename(path));

describe("npm start", () => {
  it("shows the whole circle without any server: tasks from YAML and from code run, and Ctrl-C ends it", async () => {
    await using folder = temporaryFolder();
    await cp(example, folder.path, { recursive: true, filter: isSource });
    await linkPackage(folder.path);
    const startedAt = performance.now();
    await using start = await startNode(["--import", loader, join(folder.path, "start.ts")], folder.path);
    await start.saw("ready.");
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    await start.saw(/Sending due task greet-every-3-seconds \(proj\.hello\)/);
    await start.saw(/Task proj\.hello\[.*succeeded in .*s: 'hello my friend'/);
    await start.saw(/Task proj\.hello\[.*succeeded in .*s: 'hello from code'/);
    await start.saw(
      /proj\.fetch_weather\[.*retry: Retry in[\s\S]*succeeded in .*'sunny in Melbourne, after 3 attempts'/,
    );
    expect(start.output()).toContain("Try next");
    start.signal("SIGINT");
    expect(await start.ended(10_000)).toBe(0);
    expect(start.output()).not.toMatch(/ERROR|WARNING|Cold/);
  });
});
