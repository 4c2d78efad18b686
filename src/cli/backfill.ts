// `beat backfill`: sends what a schedule had in a past span, after showing it; lists, stops and resumes what is under way.
import { createInterface } from "node:readline/promises";
import type { BackfillPreview, BackfillReport, RemoteSteering } from "../beat/steer/steering.ts";
import { systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import { count as counted, span } from "../log-words.ts";
import { author } from "./author.ts";
import { follow } from "./backfill-progress.ts";
import { readSpan, type WrittenSpan } from "./backfill-span.ts";
import { backfillJson, backfillTable, stateLine } from "./backfill-text.ts";
import { inWorkdir, type SteerOptions, withBeat } from "./contact.ts";
import { isoTime, localTime } from "./print.ts";

export interface BackfillOptions extends SteerOptions, WrittenSpan {
  /** Messages a second. */
  readonly rate: number;
  readonly yes?: boolean;
  /** False with `--no-wait`. */
  readonly wait: boolean;
  readonly reason?: string;
  readonly by?: string;
  readonly list?: boolean;
  readonly stop?: string;
  readonly resume?: string;
}

const noBeat = "a beat must run: it is what sends a backfill";

export async function backfillCommand(entry: string | undefined, options: BackfillOptions): Promise<number> {
  const { list = false, stop, resume, by = author() } = options;
  assertOneOrder(entry, options);
  return withBeat(options, noBeat, async ({ steering }) => {
    if (list) return listBackfills(steering, options);
    if (stop !== undefined) return tellState(await steering.stopBackfill(stop, by), options);
    if (resume !== undefined) return watch(await steering.resumeBackfill(resume, by), options, steering);
    return backfill(entry ?? "", options, steering);
  });
}

function assertOneOrder(entry: string | undefined, { list = false, stop, resume }: BackfillOptions): void {
  const orders = [entry !== undefined, list, stop !== undefined, resume !== undefined].filter(Boolean).length;
  if (orders === 1) return;
  const message = orders === 0 ? "which entry?" : "an entry, --list, --stop and --resume do not go together";
  throw new LovageError("usage", message, { hint: "beat backfill ENTRY --from 2026-11-01 --to 2026-11-03" });
}

async function backfill(entry: string, options: BackfillOptions, steering: RemoteSteering): Promise<number> {
  const { rate: perSecond, reason = null, by = author() } = options;
  const { timezone } = await steering.show(entry);
  const asked = { entry, ...readSpan(options, timezone, systemClock.now()) };
  const preview = await steering.previewBackfill(asked);
  const { fromAt, toAt } = preview;
  const ends = `${localTime(fromAt, timezone)} ${toAt < asked.toAt ? "up to now," : "to"} ${localTime(toAt, timezone)}`;
  showPreview(preview, { ends, timezone }, options);
  if (preview.count === 0) return 0;
  if (options.yes !== true && !(await isMeant(preview))) return 0;
  // What has come due since it was shown is the schedule's own to send.
  const report = await steering.startBackfill({ entry, fromAt, toAt, perSecond, by, reason });
  return watch(report, options, steering);
}

interface Words {
  /** From when to when. */
  readonly ends: string;
  readonly timezone: string;
}

function showPreview(preview: BackfillPreview, { ends, timezone }: Words, { rate, json }: BackfillOptions): void {
  const { entry, count, atLeast, first, last, fromAt, toAt } = preview;
  if (json === true) {
    const times = { first: first.map(isoTime), last: last.map(isoTime) };
    const range = { from: isoTime(fromAt), to: isoTime(toAt) };
    process.stdout.write(`${JSON.stringify({ preview: { entry, ...range, count, at_least: atLeast, ...times } })}\n`);
    return;
  }
  const number = `${atLeast ? "at least " : ""}${counted(count, "occurrence")}`;
  if (count === 0) process.stdout.write(`${entry} has no occurrence from ${ends}\n`);
  else {
    const shown = [...first, ...last.filter((at) => at > (first.at(-1) ?? 0))];
    const lines = shown.map((at) => `  ${localTime(at, timezone)}\n`);
    if (count > shown.length) lines.splice(first.length, 0, "  ...\n");
    const took = `${span((count / rate) * 1000)}${atLeast ? " or more" : ""}`;
    process.stdout.write(`${entry}: ${number} from ${ends}\n${lines.join("")}at ${rate} a second this takes ${took}\n`);
  }
}

async function isMeant({ count }: BackfillPreview): Promise<boolean> {
  if (!process.stdin.isTTY) {
    process.stderr.write("beat: nothing was sent: there is nobody at a terminal to ask; --yes sends them\n");
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const isYes = /^y(es)?$/i.test((await terminal.question(`Send these ${count}? [y/N] `)).trim());
    if (!isYes) process.stderr.write("nothing was sent\n");
    return isYes;
  } finally {
    terminal.close();
  }
}

/** With `--no-wait` it is left to beat at once. */
async function watch(report: BackfillReport, options: BackfillOptions, steering: RemoteSteering): Promise<number> {
  if (!options.wait) return tellState(report, options);
  const last = await follow(report, { steering, options: inWorkdir(options), clock: systemClock });
  if (last === null) return 1;
  tellState(last, options);
  return last.status === "done" ? 0 : 1;
}

function tellState(report: BackfillReport, { json }: BackfillOptions): number {
  process.stdout.write(json === true ? `${JSON.stringify(backfillJson(report))}\n` : `${stateLine(report)}\n`);
  return 0;
}

async function listBackfills(steering: RemoteSteering, { json }: BackfillOptions): Promise<number> {
  const reports = await steering.backfills();
  if (json === true) {
    process.stdout.write(reports.map((report) => `${JSON.stringify(backfillJson(report))}\n`).join(""));
    return 0;
  }
  process.stdout.write(reports.length === 0 ? "no backfills\n" : backfillTable(reports));
  return 0;
}
