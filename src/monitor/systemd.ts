// Tells systemd how it goes: ready, reloading, stopping, one line of status, and that it lives (sd_notify's protocol). Node has no
// datagram sockets in the file system, so a shell that starts with beat hands each message on to `systemd-notify`: to start
// a program from a process of many hundred megabytes would hold up its loop each time.
import { type ChildProcess, spawn } from "node:child_process";
import { backoff } from "../backoff.ts";
import { type Clock, untilRoundMs } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import { oneLine } from "../log-text.ts";

export interface SystemdOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Whether the loop works; while it does not, systemd is not told that it lives. */
  readonly isLive: () => boolean;
  /** One line for `systemctl status`; looked at now and then, and sent when it has changed. */
  readonly status: () => string;
}

/** What systemd has put into the environment. */
export interface SystemdPlace {
  readonly socket: string;
  /** It wants to hear of us at least so often; null: it does not ask. */
  readonly watchdogMs: number | null;
}

const statusMs = 5000;
/** A start that takes long, because a server is away or a schedule is large, is none that hangs. */
const startMs = 30_000;
/** Between one helper and the next; the longest is not much against the time in which systemd wants to hear of us. */
const restart = { firstMs: 100, mostMs: 10_000 };
/**
 * One message a line, its variables separated by tabs. A signal to stop goes to all processes of a service: this one has to
 * tell of the stop.
 */
const helper = `trap '' TERM INT HUP; set -f; IFS='	'; while read -r line; do systemd-notify $line; done`;

/**
 * Reads and takes away what systemd has set, so that no child speaks in our name. Null: not started by systemd, or not with
 * `Type=notify`.
 */
export function takeSystemdPlace(environment: NodeJS.ProcessEnv, pid: number): SystemdPlace | null {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: micros = "", WATCHDOG_PID: watched } = environment;
  for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete environment[name];
  if (socket === undefined || socket === "") return null;
  const isForUs = watched === undefined || watched === String(pid);
  const watchdogMs = isForUs && /^[1-9]\d*$/.test(micros) ? Number(micros) / 1000 : null;
  return { socket, watchdogMs };
}

export class Systemd {
  readonly #place: SystemdPlace;
  readonly #options: SystemdOptions;
  readonly #stopping = new AbortController();
  /** Null while there is none: what is told meanwhile is lost, but for how things stand. */
  #helper: ChildProcess | null = null;
  #ends = 0;
  #standing: readonly string[] = [];
  #status = "";
  #isReady = false;
  #reported = "";

  constructor(place: SystemdPlace, options: SystemdOptions) {
    this.#place = place;
    this.#options = options;
    this.#startHelper();
    void this.#keepStatus();
    if (place.watchdogMs !== null) void this.#keepAlive(place.watchdogMs / 2);
  }

  /** The loop runs: `systemctl start` returns. */
  ready(): void {
    this.#isReady = true;
    this.#status = this.#options.status();
    this.#standing = ["READY=1"];
    this.#tell(...this.#standing, `STATUS=${this.#status}`);
  }

  /** `systemctl reload` returns when `work` is done. */
  async reload(work: () => Promise<void>): Promise<void> {
    if (this.#isReady) {
      this.#standing = ["RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`];
      this.#tell(...this.#standing);
    }
    await work();
    if (this.#isReady) this.ready();
  }

  /** Says so, and no more: the process is about to end. */
  stopping(): void {
    this.#stopping.abort();
    if (this.#helper === null) this.#startHelper();
    this.#tell("STOPPING=1", "STATUS=stopping");
    this.#helper?.stdin?.end();
  }

  /** Something may have changed that is worth knowing at once. */
  refresh(): void {
    const text = this.#options.status();
    if (text !== this.#status && !this.#stopping.signal.aborted) this.#tell(`STATUS=${text}`);
    this.#status = text;
  }

  async #keepStatus(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (!this.#isReady) this.#tell(`EXTEND_TIMEOUT_USEC=${startMs * 1000}`);
      this.refresh();
      await clock.sleep(untilRoundMs(clock, statusMs), signal);
    }
  }

  async #keepAlive(everyMs: number): Promise<void> {
    const { clock, isLive } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (isLive()) this.#tell("WATCHDOG=1");
      await clock.sleep(everyMs, signal);
    }
  }

  #tell(...variables: readonly string[]): void {
    this.#helper?.stdin?.write(`${variables.map(oneLine).join("\t")}\n`);
  }

  #startHelper(): void {
    try {
      const env = { PATH: process.env["PATH"], NOTIFY_SOCKET: this.#place.socket };
      this.#watch(spawn("/bin/sh", ["-c", helper], { env, stdio: ["pipe", "ignore", "pipe"] }));
    } catch (error) {
      void this.#replace(null, messageOf(error));
    }
  }

  #watch(child: ChildProcess): void {
    this.#helper = child;
    const end = (reason: string): void => void this.#replace(child, reason);
    child.unref();
    child.on("error", (error) => end(messageOf(error))).on("exit", () => end("the shell that speaks to it has ended"));
    child.stdin?.on("error", (error) => end(messageOf(error)));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#report(text.trim()));
  }

  /** Somebody has killed it: without another, systemd would take silence for a beat that hangs. */
  async #replace(child: ChildProcess | null, reason: string): Promise<void> {
    const { signal } = this.#stopping;
    if (child !== this.#helper || signal.aborted) return;
    this.#helper = null;
    this.#report(`${reason}; another is started`);
    this.#ends += 1;
    await this.#options.clock.sleep(backoff(this.#ends - 1, restart), signal);
    if (signal.aborted) return;
    this.#startHelper();
    const isLive = this.#place.watchdogMs !== null && this.#options.isLive();
    this.#tell(...this.#standing, `STATUS=${this.#status}`, ...(isLive ? ["WATCHDOG=1"] : []));
  }

  /** The same not again: the next message is sent all the same. */
  #report(reason: string): void {
    if (reason === this.#reported || this.#stopping.signal.aborted) return;
    this.#reported = reason;
    this.#options.emit({ type: "failure", where: `systemd is not told at ${this.#place.socket}`, reason });
  }
}
