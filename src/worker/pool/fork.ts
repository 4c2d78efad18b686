// Starts a child process of the pool: which Node, which loader, which streams.
import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ChildModule } from "./pool-options.ts";

/** Standard input belongs to the worker alone; what tasks print goes where the worker's own output goes. */
export function forkChild({ module, args, env }: ChildModule): ChildProcess {
  const path = pathOf(module);
  return fork(path, [...args], {
    execArgv: nodeArguments(path),
    env: { ...process.env, ...env },
    serialization: "json",
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
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
