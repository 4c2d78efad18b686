import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { lives } from "../fixtures/pool/stage.ts";
import { type RunningProgram, startProgram } from "../helper/service.ts";
import { waitUntil } from "../helper/wait.ts";

const parent = fileURLToPath(new URL("../fixtures/pool/parent.ts", import.meta.url));

function startParent(what: string): Promise<RunningProgram> {
  return startProgram(process.execPath, ["--import", "tsx", parent, what]);
}

describe("a program with a prefork pool", () => {
  it("leaves no child behind when it is killed, not even one in an endless loop", async () => {
    const program = await startParent("hold");
    const said = await waitUntil(() => /children ([\d ]+) end/.exec(program.output())?.[1], {
      what: "the children to be busy",
      timeoutMs: 60_000,
      detail: program.output,
    });
    const pids = said.split(" ").map(Number);
    expect(pids.filter(lives)).toHaveLength(3);
    await program.stop("SIGKILL");
    await waitUntil(() => pids.filter(lives).length === 0, { what: "the children to go", timeoutMs: 10_000 });
  });

  it("passes on all that tasks print, and ends by itself when its pool is stopped", async () => {
    const program = await startParent("print");
    await waitUntil(() => program.exitCode() !== undefined, { what: "the program to end", timeoutMs: 60_000 });
    await program.stop();
    expect(program.exitCode()).toBe(0);
    expect(program.output().split("y").length - 1).toBe(6_000_000);
    expect(program.output()).toContain("all is printed");
  });
});
