import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../helper/beat-process.ts";
import { startProgram } from "../helper/service.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

/** What a command prints that is started where there is no folder any more. */
async function withoutFolder(...args: readonly string[]): Promise<string> {
  await using folder = temporaryFolder();
  const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"';
  const command = [process.execPath, join(packageRoot, "dist/cli/beat.js"), ...args];
  const program = await startProgram("/bin/sh", ["-c", script, "sh", ...command], { cwd: folder.path });
  try {
    await waitUntil(() => program.exitCode() !== undefined, { what: "the end", timeoutMs: 60_000 });
    expect(program.exitCode()).toBe(1);
    return program.output();
  } finally {
    await program.stop();
  }
}

describe("a command in a folder that has been removed", () => {
  it.each([[["list"]], [["pause", "tick"]], [["status"]], [["show", "tick"]], [[]]])(
    "says so in one line: %j",
    async (args) => {
      expect(await withoutFolder(...args)).toMatch(/^beat: the working directory is gone \(.*\)\n$/);
    },
  );
});
