// A real program under test: started with its output kept, stopped by its own process id, never left behind.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface RunningProgram {
  readonly pid: number;
  /** Standard output and error so far, in the order they came. */
  readonly output: () => string;
  /** Undefined while it runs. */
  readonly exitCode: () => number | string | undefined;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Asks with the signal, and kills after the grace. Resolves when the process is gone; safe twice. */
  readonly stop: (signal?: NodeJS.Signals, graceMs?: number) => Promise<void>;
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const running = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export async function startProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<RunningProgram> {
  const child = spawn(command, [...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk: string): void => {
    output += chunk;
  };
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  const gone = new Promise<void>((resolve) => {
    child.once("close", () => {
      running.delete(child);
      resolve();
    });
  });
  await once(child, "spawn");
  running.add(child);
  const exitCode = (): number | string | undefined => child.exitCode ?? child.signalCode ?? undefined;
  return {
    pid: child.pid!,
    output: () => output,
    exitCode,
    signal: (signal) => {
      child.kill(signal);
    },
    stop: async (signal = "SIGTERM", graceMs = 10_000) => {
      if (exitCode() === undefined) child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await gone;
      clearTimeout(timer);
    },
  };
}
