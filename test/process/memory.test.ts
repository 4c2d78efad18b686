import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { startBeat, writeFiles } from "../helper/beat-process.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const entries = 50_000;
const hasProc = existsSync("/proc/self/status");

function memoryOf(pid: number, field: "VmRSS" | "VmHWM"): number {
  const match = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1]);
}

it.runIf(hasProc)("a large schedule gives back what reading it took, while beat leads and is at rest", async () => {
  await using folder = temporaryFolder();
  // Next year at the earliest: nothing is due meanwhile.
  const month = new Date().getUTCMonth() === 0 ? 12 : new Date().getUTCMonth();
  const lines = Array.from(
    { length: entries },
    (_, index) => `  entry-${index}: {task: proj.add, schedule: "${index % 60} 3 1 ${month} *", args: [${index}]}`,
  );
  await writeFiles(folder.path, { "large.yaml": `entries:\n${lines.join("\n")}\n` });
  await using beat = await startBeat(["--schedules", "large.yaml"], folder.path);
  await beat.saw(`with ${entries} entries`, 120_000);
  const isLess = (): boolean => memoryOf(beat.pid, "VmRSS") < memoryOf(beat.pid, "VmHWM") * 0.75;
  await waitUntil(isLess, { what: "memory to be given back", timeoutMs: 90_000 });
  expect(beat.exitCode()).toBeUndefined();
});
