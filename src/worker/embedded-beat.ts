// `-B`: beat as a child process of the worker. It is started, watched and ended here, and leads by the same lease as any other.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { backoff, type BackoffOptions } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { ConfigError } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Service } from "../service.ts";

/** What the child tells the worker. */
export type BeatMessage =
  | { readonly type: "beat-ready" }
  /** It cannot begin, for reasons that its user has to mend: one line each. */
  | { readonly type: "beat-refused"; readonly lines: readonly string[] };

/** What the worker tells the child. When the channel is gone, so is the worker: that means the same. */
export type BeatOrder = { readonly type: "beat-stop" };

export interface EmbeddedBeatOptions {
  /** The module of the `beat` command: a file of JavaScript, or of TypeScript when run from source. */
  readonly module: URL;
  readonly args: readonly string[];
  readonly emit: Emit;
  readonly clock: Clock;
}

interface Ending {
  readonly reason: string;
  /** Empty: it did not say. */
  readonly lines: readonly string[];
}

interface Running {
  readonly child: ChildProcess;
  /** Resolves with null once beat is up, with how it ended when it ends before. */
  readonly up: Promise<Ending | null>;
  readonly ended: Promise<Ending>;
}

const restart: BackoffOptions = { firstMs: 1000, mostMs: 60_000 };
/** Having run for so long, an end is a new trouble and not the same again. */
const steadyMs = 60_000;
/** Beat itself stops within a second. */
const stopMs = 3000;

export class EmbeddedBeat implements Service {
  readonly #options: EmbeddedBeatOptions;
  readonly #stopping = new AbortController();
  #running: Running | null = null;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: EmbeddedBeatOptions) {
    this.#options = options;
  }

  /** The process id of the child; undefined while there is none. */
  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  /**
   * Resolves when beat has read its schedule and leads, or stands by.
   *
   * @throws ConfigError when it cannot begin, with all that it said
   */
  async start(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const running = this.#launch();
    const early = await running.up;
    if (early !== null && !this.#stopping.signal.aborted) throw cannotBegin(early);
    this.#watching = this.#watch(running);
  }

  /** Beat stops warmly: it gives up its lease, so that a standby takes over at once. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const running = this.#running;
    if (running !== null) await this.#end(running);
    await this.#watching;
  }

  /** Starts beat again whenever it ends, with a growing pause, until the worker stops. */
  async #watch(first: Running): Promise<void> {
    const { clock, emit } = this.#options;
    const stopping = this.#stopping.signal;
    let running = first;
    for (let attempt = 0; ; attempt += 1) {
      const startedAt = clock.monotonic();
      const { reason, lines } = await running.ended;
      if (stopping.aborted) return;
      if (clock.monotonic() - startedAt > steadyMs) attempt = 0;
      const restartInMs = Math.round(backoff(attempt, restart));
      emit({ type: "embedded-beat-ended", reason: lines.length === 0 ? reason : lines.join("; "), restartInMs });
      await clock.sleep(restartInMs, stopping);
      if (stopping.aborted) return;
      running = this.#launch();
    }
  }

  #launch(): Running {
    const { module, args } = this.#options;
    const file = fileURLToPath(module);
    // As this process was started, save for the debugger: its port is taken.
    const own = process.execArgv.filter((argument) => !argument.startsWith("--inspect"));
    const execArgv = file.endsWith(".ts") ? [...own, "--import", import.meta.resolve("tsx")] : own;
    const child = fork(file, [...args], { execArgv, stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const running = follow(child);
    this.#running = running;
    void running.ended.then(() => {
      if (this.#running === running) this.#running = null;
    });
    return running;
  }

  async #end({ child, ended }: Running): Promise<void> {
    const order: BeatOrder = { type: "beat-stop" };
    // The channel may be closing at this moment: then the child is on its way out already.
    if (child.connected) child.send(order, () => undefined);
    const limit = new AbortController();
    const isLate = await Promise.race([
      ended.then(() => false),
      this.#options.clock.sleep(stopMs, limit.signal).then(() => true),
    ]);
    limit.abort();
    if (isLate) child.kill("SIGKILL");
    await ended;
  }
}

function follow(child: ChildProcess): Running {
  let lines: readonly string[] = [];
  const ended = new Promise<Ending>((resolve) => {
    child.once("error", (error) => resolve({ reason: error.message, lines }));
    // Not "exit", which may come before the last message has been read.
    child.once("close", (code, signal) => {
      const reason = signal === null ? `exit code ${code}` : `ended by ${signal}`;
      resolve({ reason, lines });
    });
  });
  const ready = new Promise<null>((resolve) => {
    child.on("message", (message: BeatMessage) => {
      if (message.type === "beat-ready") resolve(null);
      else lines = message.lines;
    });
  });
  return { child, ended, up: Promise.race([ready, ended]) };
}

function cannotBegin({ reason, lines }: Ending): ConfigError {
  const said = lines.length === 0 ? [`it ended before it was ready: ${reason}`] : lines;
  return new ConfigError(said.map((line) => ({ message: `beat (-B): ${line}` })));
}
