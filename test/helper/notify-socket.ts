// The socket that systemd gives to services of Type=notify, as a real one that a test reads.
import { fileURLToPath } from "node:url";
import { startProgram } from "./service.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait.ts";

const script = fileURLToPath(new URL("notify-socket.py", import.meta.url));

export interface NotifySocket extends AsyncDisposable {
  readonly path: string;
  /** Messages in the order they came, each as its variables. */
  readonly messages: () => readonly (readonly string[])[];
  /** Resolves when this variable has come. */
  readonly heard: (variable: string) => Promise<void>;
}

export async function notifySocket(): Promise<NotifySocket> {
  const folder = temporaryFolder();
  const path = folder.file("notify");
  const program = await startProgram("/usr/bin/python3", [script, path]);
  const lines = (): readonly (readonly string[])[] =>
    program
      .output()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as string[]);
  await waitUntil(() => lines().length > 0, { what: "the socket to listen", detail: program.output });
  const messages = (): readonly (readonly string[])[] =>
    lines()
      .slice(1)
      .filter(([first]) => first !== "BARRIER=1");
  return {
    path,
    messages,
    heard: async (variable) => {
      const what = `systemd to hear ${variable}`;
      await waitUntil(() => messages().some((one) => one.includes(variable)), { what, detail: program.output });
    },
    [Symbol.asyncDispose]: async () => {
      await program.stop("SIGKILL");
      await folder[Symbol.asyncDispose]();
    },
  };
}
