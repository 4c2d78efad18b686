// Starts record-child.ts, as this user or another, and reads what it says line by line.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Said {
  readonly opened?: number;
  readonly recorded?: number;
  readonly failed?: { readonly code: string; readonly message: string; readonly hint: string };
}

export interface RecordChild extends AsyncDisposable {
  readonly process: ChildProcess;
  /** Everything it said so far. */
  readonly lines: readonly Said[];
  /** Resolves with the first line that `found` accepts; rejects when the process ends without one. */
  until(found: (said: Said) => boolean): Promise<Said>;
  /** Kills it outright and resolves when it is gone. */
  kill(): Promise<void>;
}

export interface RecordChildOptions {
  readonly mode?: "hold" | "write";
  /** Without root's privileges, under which no permission is ever denied. */
  readonly unprivileged?: boolean;
  /** The largest file it may write, in blocks of 512 bytes. */
  readonly mostBlocks?: number;
}

const NOBODY = 65_534;
const script = fileURLToPath(new URL("record-child.ts", import.meta.url));

export function startRecordChild(path: string, options: RecordChildOptions = {}): RecordChild {
  const node = [process.execPath, "--import", "tsx", script, path, options.mode ?? "hold"];
  const limited = ["sh", "-c", `trap '' XFSZ; ulimit -f ${options.mostBlocks}; exec "$@"`, "sh", ...node];
  const [command = "", ...args] = options.mostBlocks === undefined ? node : limited;
  const asNobody = options.unprivileged === true && process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], ...asNobody });
  const ended = new Promise<void>((resolve) => void child.once("close", () => resolve()));
  const lines: Said[] = [];
  const waiting = new Set<() => void>();
  const changed = (): void => {
    for (const look of waiting) look();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(JSON.parse(line) as Said);
    changed();
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  const until = (found: (said: Said) => boolean): Promise<Said> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const said = lines.find(found);
        if (said === undefined) return;
        waiting.delete(look);
        resolve(said);
      };
      waiting.add(look);
      look();
      void ended.then(() => reject(new Error(`the child ended, having said ${JSON.stringify(lines.slice(-3))}`)));
    });
  return { process: child, lines, until, kill, [Symbol.asyncDispose]: kill };
}
