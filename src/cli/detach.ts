// `--detach`: starts the same worker again in a session of its own, and says how that went before it leaves it alone.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { systemClock } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import type { WorkerCommandOptions } from "./worker-options.ts";
import { logFileOf, type WorkerPlan } from "./worker-plan.ts";

interface ReadyMessage {
  readonly type: "worker-ready";
  readonly node: string;
}

type Outcome =
  | { readonly how: "ready"; readonly node: string }
  | { readonly how: "ended"; readonly code: number; readonly reason: string }
  | { readonly how: "waiting" };

/** A project may take long to load, and the broker may be away: beyond this the worker is left to go on by itself. */
const patienceMs = 30_000;
const shownLines = 20;

/** Resolves with the exit code: 0 when the worker runs, else its own. */
export async function detachWorker(options: WorkerCommandOptions, node: string): Promise<number> {
  const file = resolve(options.workdir ?? ".", logFileOf(options, node) ?? "");
  const log = openLog(file);
  const size = fstatSync(log).size;
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1), "--detached"], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const outcome = await follow(child);
  if (outcome.how === "ended") {
    process.stderr.write(`${tail(file, size)}worker: it did not start: ${outcome.reason}; its log is ${file}\n`);
    return outcome.code;
  }
  const state = outcome.how === "ready" ? `${outcome.node} runs` : "it is not ready yet, but goes on trying";
  process.stdout.write(`worker: ${state} in the background, pid ${child.pid}; its log is ${file}\n`);
  child.disconnect();
  child.unref();
  return 0;
}

/** The detached worker's side: tells the process that started it, which waits for that. */
export function reportReady({ node, options }: WorkerPlan): void {
  if (options.detached !== true || process.send === undefined || !process.connected) return;
  const message: ReadyMessage = { type: "worker-ready", node };
  process.send(message, undefined, undefined, () => {
    if (process.connected) process.disconnect();
  });
}

function follow(child: ChildProcess): Promise<Outcome> {
  const limit = new AbortController();
  const heard = new Promise<Outcome>((settle) => {
    child.once("message", ({ node }: ReadyMessage) => settle({ how: "ready", node }));
    child.once("error", (error) => settle({ how: "ended", code: 1, reason: messageOf(error) }));
    child.once("close", (code, signal) => {
      const reason = signal === null ? `exit code ${code}` : `ended by ${signal}`;
      // One that ends well without having been ready has been stopped meanwhile.
      settle({ how: "ended", code: code === null || code === 0 ? 1 : code, reason });
    });
  });
  const late = systemClock.sleep(patienceMs, limit.signal).then((): Outcome => ({ how: "waiting" }));
  return Promise.race([heard, late]).finally(() => limit.abort());
}

function openLog(file: string): number {
  try {
    return openSync(file, "a");
  } catch (error) {
    const hint = "name a file that can be written with -f";
    throw new LovageError("usage", `cannot write the log file ${file}: ${messageOf(error)}`, { hint, cause: error });
  }
}

/** What the worker has written since: the reason is among its last lines. */
function tail(file: string, from: number): string {
  const lines = readFileSync(file).subarray(from).toString("utf8").trimEnd().split("\n");
  return lines
    .slice(-shownLines)
    .map((line) => `${line}\n`)
    .join("");
}
