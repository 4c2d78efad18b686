// `npm run chaos`: breaks a fleet of beats at random for some minutes, and tells whether anything was doubled or lost.
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type ChaosReport, runChaos } from "./run.ts";

const usage = `npm run chaos -- [--minutes 3] [--seed N] [--beats 3] [--entries 200] [--burst 1500] [--gap 3] [--skew 30] [--keep]

  --minutes   how long things break; healing and counting come on top
  --seed      of chance; printed, so that a run can be tried again
  --burst     entries beside them that are all due on the same second; 0 for none
  --gap       seconds between two misfortunes, on average
  --skew      seconds that a clock may be off; with 0 no clock is set
  --keep      keep logs, records and the queue even when nothing is wrong`;

const flag = { type: "string" } as const;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { ...flag, default: "3" },
      seed: flag,
      beats: { ...flag, default: "3" },
      entries: { ...flag, default: "200" },
      burst: { ...flag, default: "1500" },
      gap: { ...flag, default: "3" },
      skew: { ...flag, default: "30" },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const numbers = {
    seed: Number(values.seed ?? Date.now() % 1_000_000),
    beats: Number(values.beats),
    entries: Number(values.entries),
    lengthMs: Number(values.minutes) * 60_000,
    gapMs: Number(values.gap) * 1000,
  };
  const skewMs = Number(values.skew) * 1000;
  const burst = Number(values.burst);
  if (values.help || Object.values(numbers).some((value) => !(value > 0)) || !(skewMs >= 0) || !(burst >= 0)) {
    process.stdout.write(`${usage}\n`);
    return values.help ? 0 : 2;
  }
  const folder = mkdtempSync(join(tmpdir(), "lovage-chaos-"));
  process.stdout.write(
    `chaos: seed ${numbers.seed}, ${numbers.beats} beats, ${numbers.entries} + ${burst} entries; in ${folder}\n`,
  );
  const report = await runChaos({
    ...numbers,
    burst,
    skewMs,
    folder,
    say: (line) => process.stdout.write(`  ${line}\n`),
  });
  process.stdout.write(table(report));
  if (report.faults.length > 0) {
    process.stdout.write(`\nVIOLATED with seed ${numbers.seed}; logs, records and queue are in ${folder}\n`);
    return 1;
  }
  if (!values.keep) await rm(folder, { recursive: true, force: true });
  return 0;
}

export function table(report: ChaosReport): string {
  const rows: readonly (readonly [string, string | number])[] = [
    ["misfortunes", report.actions.length],
    ["messages", report.messages],
    ["doubled", report.doubled.length],
    ["lost (missed: all)", report.lost.length],
    ["gaps that no log explains", report.unexplained.length],
    ["out of order", report.disordered.length],
    ["off the grid", report.offGrid.length],
    ["entries that got stuck", report.stuck.length],
    ["other faults", report.faults.length - faultsCounted(report)],
    ["dropped by policy", report.dropped],
    ["sent again, and refused by the marks", report.duplicatesRefused],
    ["terms / handovers", `${report.terms} / ${report.handovers}`],
    ["longest silence", `${(report.longestSilenceMs / 1000).toFixed(1)} s`],
  ];
  const lines = rows.map(([name, value]) => `  ${name.padEnd(38)}${String(value).padStart(10)}`);
  const shown = report.faults.slice(0, 20).map((fault) => `  ! ${fault.slice(0, 300)}`);
  return `\n${[...lines, ...shown].join("\n")}\n`;
}

function faultsCounted({ doubled, lost, unexplained, disordered, offGrid, stuck }: ChaosReport): number {
  return [doubled, lost, unexplained, disordered, offGrid, stuck].reduce((sum, { length }) => sum + length, 0);
}

process.exitCode = await main();
