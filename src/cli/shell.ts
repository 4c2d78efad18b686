// `lovage shell`: a Node REPL in which the app and its tasks are at hand.
import { EventEmitter, once } from "node:events";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type REPLServer, start } from "node:repl";
import { PassThrough } from "node:stream";
import type { App } from "../app/app.ts";
import { catchStrayErrors } from "./fail.ts";
import { messageOf } from "../error.ts";
import { openApp } from "./open.ts";
import type { CommonOptions } from "./options.ts";
import { siblingModule } from "./sibling-module.ts";
import { version } from "./version.ts";

export interface ShellOptions extends CommonOptions {
  readonly withoutTasks?: boolean;
}

const historyFile = ".lovage_history";

export async function shellCommand(options: ShellOptions): Promise<number> {
  const { app } = await openApp(options);
  const names = await namesFor(app, options.withoutTasks !== true);
  Object.assign(globalThis, names);
  catchStrayErrors((error) => process.stderr.write(`Uncaught: ${messageOf(error)}\n`));
  try {
    if (!process.stdin.isTTY) return await runPiped();
    if (options.quiet !== true) process.stdout.write(greeting(app, names));
    // One realm for all: in a context of its own, `instanceof Date` would not hold for what is typed here.
    const shell = start({ prompt: `${app.name}> `, useGlobal: true });
    keepHistory(shell);
    await once(shell, "exit");
    return 0;
  } finally {
    await app.close();
  }
}

/** One line after the other: a REPL of itself would go on while the one before still waits for something. */
async function runPiped(): Promise<number> {
  const input = new PassThrough();
  const shell = start({ prompt: "", input, output: process.stdout, useGlobal: true, terminal: false });
  const exited = once(shell, "exit").then(() => "exit");
  const done = new EventEmitter();
  // The prompt comes when a line is done with, however it ended.
  shell.displayPrompt = () => void done.emit("prompt");
  for await (const line of createInterface({ input: process.stdin })) {
    const prompted = once(done, "prompt");
    input.write(`${line}\n`);
    if ((await Promise.race([prompted, exited])) === "exit") break;
  }
  input.end();
  await exited;
  // That is the REPL's own name for the last error.
  return Reflect.get(globalThis, "_error") === undefined ? 0 : 1;
}

/** All of the package, the app, and its tasks: `proj.add` under that name and as `add`, where nothing else is called so. */
async function namesFor(app: App, withTasks: boolean): Promise<Readonly<Record<string, unknown>>> {
  const api = (await import(siblingModule("../index").href)) as Readonly<Record<string, unknown>>;
  const tasks = withTasks ? taskNames(app) : {};
  const free = Object.entries(tasks).filter(([name]) => !(name in globalThis) && !(name in api) && name !== "app");
  return { ...api, ...Object.fromEntries(free), app, tasks: Object.fromEntries(app.tasks) };
}

function taskNames(app: App): Readonly<Record<string, unknown>> {
  const short: Record<string, unknown> = {};
  const folders: Record<string, unknown> = {};
  for (const [name, task] of app.tasks) {
    const parts = name.split(".");
    if (parts[0] === "celery") continue;
    short[parts.at(-1) ?? name] = task;
    if (parts.length > 1) place(folders, parts, task);
  }
  return { ...short, ...folders };
}

/** `a.b.c` as objects in each other; what is a task already is no folder as well. */
function place(folders: Record<string, unknown>, parts: readonly string[], task: unknown): void {
  let folder = folders;
  for (const part of parts.slice(0, -1)) {
    const inner = folder[part] ?? {};
    if (typeof inner !== "object") return;
    folder[part] = inner;
    folder = inner as Record<string, unknown>;
  }
  folder[parts.at(-1) ?? ""] ??= task;
}

function greeting(app: App, names: Readonly<Record<string, unknown>>): string {
  const callable = Object.keys(names).filter((name) => app.tasks.has(`${app.name}.${name}`));
  const example = callable[0] === undefined ? "await app.sendTask(name, args)" : `await ${callable[0]}.delay(...)`;
  return `lovage v${version()}, Node ${process.version}. app is ${app.name}; tasks: ${callable.join(", ") || "none"}\nCall one with ${example}; .exit or Ctrl-D ends.\n`;
}

function keepHistory(shell: REPLServer): void {
  shell.setupHistory(join(homedir(), historyFile), (error) => {
    if (error !== null) process.stderr.write(`lovage shell: no history: ${error.message}\n`);
  });
}
