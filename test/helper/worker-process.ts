// The built `worker` and `lovage` commands as a user runs them: processes of their own, in a folder of their own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { linkPackage, packageRoot, writeFiles } from "./beat-process.ts";
import { type RunningProgram, startProgram } from "./service.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait.ts";

const workerBin = join(packageRoot, "dist/cli/worker.js");
const lovageBin = join(packageRoot, "dist/cli/main.js");

type Environment = Readonly<Record<string, string | undefined>>;

export interface WorkerProcess extends RunningProgram, AsyncDisposable {
  /** Resolves when the output holds the text. */
  readonly saw: (text: string | RegExp, timeoutMs?: number) => Promise<void>;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: (timeoutMs?: number) => Promise<number | string>;
}

/** Starts `worker` with the arguments; it may not be ready yet. */
export function startWorker(args: readonly string[], cwd: string, env: Environment = {}): Promise<WorkerProcess> {
  return startNode([workerBin, ...args], cwd, env);
}

/** Starts node with the arguments. */
export async function startNode(args: readonly string[], cwd: string, env: Environment = {}): Promise<WorkerProcess> {
  const program = await startProgram(process.execPath, args, { cwd, env: { NO_COLOR: "1", ...env } });
  const has = (text: string | RegExp): boolean =>
    typeof text === "string" ? program.output().includes(text) : text.test(program.output());
  const saw = async (text: string | RegExp, timeoutMs = 40_000): Promise<void> => {
    await waitUntil(
      () => {
        if (has(text)) return true;
        if (program.exitCode() !== undefined) throw new Error(`it ended with ${program.exitCode()}`);
        return false;
      },
      { what: `the program to say ${text}`, timeoutMs, detail: program.output },
    );
  };
  const ended = async (timeoutMs = 40_000): Promise<number | string> => {
    const what = "the program to end";
    await waitUntil(() => program.exitCode() !== undefined, { what, timeoutMs, detail: program.output });
    await program.stop();
    return program.exitCode() ?? "";
  };
  return { ...program, saw, ended, [Symbol.asyncDispose]: () => program.stop() };
}

export interface Ran {
  readonly exitCode: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `lovage` with the arguments to its end. */
export function runLovage(args: readonly string[], cwd: string, input = "", env: Environment = {}): Promise<Ran> {
  return runNode([lovageBin, ...args], cwd, input, env);
}

/** Runs `worker` with the arguments to its end. */
export function runWorker(args: readonly string[], cwd: string): Promise<Ran> {
  return runNode([workerBin, ...args], cwd, "", {});
}

async function runNode(args: readonly string[], cwd: string, input: string, env: Environment): Promise<Ran> {
  const child = spawn(process.execPath, args, { cwd, env: { ...process.env, NO_COLOR: "1", ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const limit = setTimeout(() => child.kill("SIGKILL"), 60_000);
  child.stdin.end(input);
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  clearTimeout(limit);
  return { exitCode: code ?? signal ?? "", stdout, stderr };
}

/** A folder with a project `proj` in it, plain JavaScript so that it loads fast. */
export async function projectFolder(files: Readonly<Record<string, string>> = {}): Promise<TemporaryFolder> {
  const folder = temporaryFolder();
  await linkPackage(folder.path);
  await writeFiles(folder.path, { "proj.mjs": project, ...files });
  return folder;
}

const project = `import { App } from "lovage";
import { appendFileSync } from "node:fs";
export const app = new App("proj");
export const hello = app.task("proj.hello", (name) => "hello " + name);
export const add = app.task("proj.add", (x, y) => x + y);
export const boom = app.task("proj.boom", () => { throw new RangeError("boom"); });
export const sleep = app.task("proj.sleep", async (ms) => { await new Promise((done) => setTimeout(done, ms)); return ms; });
export const note = app.task("proj.note", function (text) {
  appendFileSync("noted", this.request.id + " " + text + "\\n");
});
export const settings = app.task("proj.settings", function () {
  const { workerConcurrency, taskTimeLimit, include } = this.app.conf;
  return { workerConcurrency, taskTimeLimit, include };
});
`;
