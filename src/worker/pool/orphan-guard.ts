// Ends the children of a worker that was killed: most see it themselves, but not one in an endless loop.
import { type ChildProcess, spawn } from "node:child_process";

/**
 * A shell waits for the end of a pipe that only this process holds open: 1 MiB for the whole pool, where a watching thread
 * would cost 9 MiB a child. The last line it read names the processes that are to go; they get a second to go by themselves.
 */
const SCRIPT = "trap '' INT TERM HUP QUIT; while read -r line; do pids=$line; done; sleep 1; kill -9 $pids 2>/dev/null";

export class OrphanGuard {
  #shell: ChildProcess | null = null;

  start(): void {
    this.#shell = spawn("/bin/sh", ["-c", SCRIPT], { stdio: ["pipe", "ignore", "ignore"] });
    // Without a shell (a bare container) there is no guard; there the end of the worker ends all of the container.
    this.#shell.on("error", () => {});
    this.#shell.stdin?.on("error", () => {});
    this.#shell.unref();
  }

  /** The children there are now. */
  watch(pids: readonly number[]): void {
    this.#shell?.stdin?.write(`${pids.join(" ")}\n`);
  }

  stop(): void {
    this.#shell?.kill("SIGKILL");
    this.#shell = null;
  }
}
