// The other end of prefork: a child process that runs the jobs its pool sends, one at a time, until it is told to stop.
import { fstatSync, writeSync } from "node:fs";
import { type ConnectOpts, Socket, type SocketConstructorOpts } from "node:net";
import { LovageError, messageOf } from "../../error.ts";
import type { Job, Outcome } from "../job.ts";
import { thrownFailure } from "./ended.ts";
import {
  answersDescriptor,
  type FromChild,
  GROUP_SIGNALS,
  ordersDescriptor,
  readMessage,
  splitLines,
  type ToChild,
  writeMessage,
} from "./messages.ts";
import type { RunInProcess } from "./pool-options.ts";

export interface ChildHooks {
  /** Before the first job. What it throws keeps the child from starting. */
  readonly onInit?: () => unknown;
  /** Before a regular end; not when the process is killed. */
  readonly onShutdown?: () => unknown;
}

const LONGEST_FLUSH_MS = 2000;
const BYTES_AT_ONCE = 65_536;

/**
 * Runs jobs for the pool that started this process. Resolves when the pool knows that it is ready; the process then lives
 * as long as the pool wants it to, and ends at once when the pool's process has died. Signals meant for the whole process
 * group (SIGINT, SIGTERM, SIGHUP) are left to the worker. An error that no job answers for ends the process, and the pool says so.
 *
 * @param run what runs a job, or a promise of it: when that rejects, the pool hears why the app could not be loaded
 * @throws {LovageError} in a process that no pool started
 */
export async function serveJobs(run: RunInProcess | Promise<RunInProcess>, hooks: ChildHooks = {}): Promise<void> {
  if (!isPipe(ordersDescriptor) || !isPipe(answersDescriptor)) {
    throw new LovageError("usage", "this program only runs as a child process of a worker", {
      hint: "start a worker with -P prefork",
    });
  }
  for (const signal of GROUP_SIGNALS) process.on(signal, ignore);
  process.on("uncaughtException", fail);
  let onOrder: (order: ToChild) => void = ignore;
  // The pool says nothing before `ready`, but its end is to be noticed while the app loads, too.
  hear((order) => onOrder(order));
  try {
    const runJob = await run;
    await hooks.onInit?.();
    onOrder = (order) => obey(order, runJob, hooks);
    send({ type: "ready" });
  } catch (error) {
    fail(error);
  }
}

function ignore(): void {}

function isPipe(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    return false;
  }
}

function hear(onOrder: (order: ToChild) => void): void {
  const take = splitLines((line) => onOrder(readMessage(line) as ToChild));
  const callback = (count: number, buffer: Uint8Array): boolean => {
    take(buffer.subarray(0, count));
    return true;
  };
  const options: SocketConstructorOpts & ConnectOpts = {
    fd: ordersDescriptor,
    writable: false,
    onread: { buffer: new Uint8Array(BYTES_AT_ONCE), callback },
  };
  const pipe = new Socket(options);
  pipe.on("error", ignore);
  pipe.once("close", () => process.exit(0));
}

function obey(message: ToChild, run: RunInProcess, hooks: ChildHooks): void {
  if (message.type === "run") void serve(message.job, message.measure, run);
  else if (message.type === "die") dieOf(message.signal);
  else void leave(hooks);
}

async function serve(job: Job, measure: boolean, run: RunInProcess): Promise<void> {
  const outcome = await outcomeOf(job, run);
  const rss = measure ? { rssKiB: Math.round(process.memoryUsage.rss() / 1024) } : {};
  try {
    send({ type: "done", outcome, ...rss });
  } catch (error) {
    send({ type: "done", outcome: thrownFailure(job, outcome, error), ...rss });
  }
}

async function outcomeOf(job: Job, run: RunInProcess): Promise<Outcome> {
  const startedAt = Date.now();
  const startedTick = performance.now();
  let isOver = false;
  try {
    return await run(job, {
      onStart: (_pid, at) => send({ type: "start", at }),
      // A function that goes on after its soft time limit has nobody to report to.
      onState: (state, metaText) => {
        if (!isOver) send({ type: "state", state, metaText });
      },
    });
  } catch (error) {
    return thrownFailure(job, { pid: process.pid, startedAt, runtimeMs: performance.now() - startedTick }, error);
  } finally {
    isOver = true;
  }
}

/** A handler of the project's own may still tidy up; without one the signal ends the process here. */
function dieOf(signal: NodeJS.Signals): void {
  send({ type: "dying" });
  process.off(signal, ignore);
  process.kill(process.pid, signal);
}

async function leave({ onShutdown }: ChildHooks): Promise<void> {
  try {
    await onShutdown?.();
  } catch (error) {
    process.emitWarning(`a handler of the end of a child process failed: ${messageOf(error)}`);
  }
  exit(0);
}

/** The pool logs it; where it no longer listens, nobody needs to know. */
function fail(error: unknown): void {
  const hint = error instanceof LovageError && error.hint !== undefined ? { hint: error.hint } : {};
  send({ type: "failed", message: describe(error), ...hint });
  exit(1);
}

/** What tasks printed may still be on its way into a pipe; a reader that does not read must not hold the process. */
function exit(code: number): void {
  const streams = [process.stdout, process.stderr].filter(({ writableLength }) => writableLength > 0);
  if (streams.length === 0) process.exit(code);
  setTimeout(() => process.exit(code), LONGEST_FLUSH_MS);
  const flushed = streams.map((stream) => new Promise((resolve) => stream.write("", resolve)));
  void Promise.all(flushed).then(() => process.exit(code));
}

function describe(error: unknown): string {
  if (error instanceof LovageError) return error.message;
  const frame = error instanceof Error ? /^\s+(at .*)$/m.exec(error.stack ?? "")?.[1] : undefined;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : `${String(error)} was thrown`;
  return frame === undefined ? text : `${text} (${frame})`;
}

/** Written when it returns, so that what was said is said, however the task's function ends the process or blocks it. */
function send(message: FromChild): void {
  const bytes = Buffer.from(writeMessage(message));
  try {
    for (let sent = 0; sent < bytes.length; ) sent += writeSync(answersDescriptor, bytes, sent);
  } catch {
    // Nobody listens any more: the pool's process is gone, and this one is about to be.
  }
}
