// Starts a child process of the pool: which Node, which loader, which streams.
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { fileURLToPath, pathToFileURL } from "node:url";
import { answersDescriptor, ordersDescriptor } from "./messages.ts";
import type { ChildModule } from "./pool-options.ts";

export interface Forked {
  readonly process: ChildProcess;
  /** Undefined when the process could not be started. */
  readonly orders: Socket | undefined;
  readonly answers: Socket | undefined;
}

/**
 * Standard input belongs to the worker alone; what tasks print goes where the worker's own output goes. Messages take two
 * pipes of their own: Node's channel for them costs three times as much for each task.
 */
export function forkChild({ module, args, env }: ChildModule): Forked {
  const path = pathOf(module);
  const child = spawn(process.execPath, [...nodeArguments(path), path, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit", "pipe", "pipe"],
  });
  const pipes = child.stdio as unknown as readonly (Socket | undefined)[];
  return { process: child, orders: pipes[ordersDescriptor], answers: pipes[answersDescriptor] };
}

function pathOf(module: URL | string): string {
  return module instanceof URL || module.startsWith("file:") ? fileURLToPath(module) : module;
}

/** As this process was started, save for the debugger: its port is taken. */
function nodeArguments(path: string): string[] {
  const own = process.execArgv.filter((argument) => !argument.startsWith("--inspect"));
  return /\.[mc]?ts$/.test(path) ? [...own, "--import", typeScriptLoader()] : own;
}

/** Resolved from here: the user's project need not have it within reach. */
function typeScriptLoader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
}
