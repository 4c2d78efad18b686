// One child process: told to run one job at a time, watched while it does, and always accounted for when it ends.
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { Clock } from "../../clock.ts";
import { LovageError } from "../../error.ts";
import type { Job, Outcome } from "../job.ts";
import { ChildJob, type NOT_BEGUN } from "./child-job.ts";
import type { Deadlines } from "./deadlines.ts";
import { forkChild } from "./fork.ts";
import { type FromChild, GROUP_SIGNALS, readMessage, splitLines, type ToChild, writeMessage } from "./messages.ts";
import type { JobHooks } from "./pool.ts";
import type { ChildModule } from "./pool-options.ts";
import { whenEnded } from "./process-end.ts";

export interface ForkedChildOptions {
  readonly child: ChildModule;
  /** How long it may take to load. */
  readonly readyWithinMs: number;
  /** How long after its exit its last messages are waited for. */
  readonly lostWaitMs: number;
  /** Whether it reports its memory after each job. */
  readonly measure: boolean;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
}

/** Why a child ended; expected: the pool wanted it so. */
export interface Ending {
  readonly reason: string;
  readonly expected: boolean;
}

/** How long a child may take to end by itself when asked to. */
const GRACE_MS = 5000;
/** One that does not answer for so long has a blocked event loop: nothing of its own could run before it dies. */
const BLOCKED_MS = 1000;

export class ForkedChild {
  /** 0 when it could not even be started. */
  readonly pid: number;
  /** Rejects when it ends before it can take a job. */
  readonly ready: Promise<void>;
  /** Resolves when it has ended and all that it had to say has been read. */
  readonly gone: Promise<Ending>;
  readonly #process: ChildProcess;
  readonly #orders: Socket | undefined;
  readonly #options: ForkedChildOptions;
  readonly #loaded = new AbortController();
  readonly #ended = new AbortController();
  #welcome: () => void = () => {};
  #refuse: (error: LovageError) => void = () => {};
  #readyTick: number | null = null;
  #jobs = 0;
  #rssKiB = 0;
  #current: ChildJob | null = null;
  #end: Ending | null = null;
  #failure: { readonly message: string; readonly hint?: string } | null = null;
  #hasAnswered = false;

  constructor(options: ForkedChildOptions) {
    this.#options = options;
    this.ready = new Promise((resolve, reject) => {
      this.#welcome = resolve;
      this.#refuse = reject;
    });
    this.ready.catch(() => {});
    const { process, orders, answers } = forkChild(options.child);
    this.#process = process;
    this.#orders = orders;
    this.pid = process.pid ?? 0;
    const hear = splitLines((line) => this.#hear(readMessage(line) as FromChild));
    answers?.on("data", hear);
    // A pipe that breaks is the end of the process, and told as such.
    for (const pipe of [orders, answers]) pipe?.on("error", () => {});
    this.gone = whenEnded(this.#process, options).then((how) => this.#conclude(how));
    void this.#watchLoading();
  }

  /** How many jobs it was given. */
  get jobs(): number {
    return this.#jobs;
  }

  /** What it used after its last job; 0 when that was not measured. */
  get rssKiB(): number {
    return this.#rssKiB;
  }

  get isReady(): boolean {
    return this.#readyTick !== null;
  }

  /** How long it has been ready for jobs. */
  get readyForMs(): number {
    return this.#readyTick === null ? 0 : this.#options.clock.monotonic() - this.#readyTick;
  }

  get job(): Job | null {
    return this.#current?.job ?? null;
  }

  /** It takes no more jobs: it is to end, or has ended. */
  get isRetired(): boolean {
    return this.#end !== null || this.#ended.signal.aborted;
  }

  /** Only for a child that is ready, not retired, and has no job. Never rejects. */
  async run(job: Job, hooks: JobHooks): Promise<Outcome | typeof NOT_BEGUN> {
    const { clock, deadlines, measure } = this.#options;
    const onLimit = (): void => this.#kill(`time limit of ${(job.timeLimitMs ?? 0) / 1000} s for ${nameOf(job)}`);
    const current = new ChildJob(job, hooks, { pid: this.pid, clock, deadlines, onLimit });
    this.#current = current;
    this.#jobs += 1;
    this.#send({ type: "run", job, measure });
    const result = await current.ended;
    this.#current = null;
    if (this.#end !== null) void this.#leave();
    return result;
  }

  /** Ends the job in hand, and with it the process. */
  terminate(signal: NodeJS.Signals): void {
    if (this.#current === null) return;
    this.#current.terminate(signal);
    this.#end = { reason: `${nameOf(this.#current.job)} was terminated (${signal})`, expected: true };
    void this.#die(signal);
  }

  /** Lets it end: at once, or when its job is done. */
  retire(reason: string): void {
    if (this.isRetired) return;
    this.#end = { reason, expected: true };
    if (!this.isReady) this.#kill(reason);
    else if (this.#current === null) void this.#leave();
  }

  /** Ends it now; the job in hand is lost. */
  kill(reason: string): void {
    this.#current?.lose("signal 9 (SIGKILL)");
    this.#kill(reason);
  }

  #hear(message: FromChild): void {
    if (message.type === "ready") this.#becomeReady();
    else if (message.type === "failed") this.#fail(message);
    else if (message.type === "dying") this.#hasAnswered = true;
    else if (message.type === "start") this.#current?.begin(message.at);
    else if (message.type === "state") this.#current?.report(message.state, message.metaText);
    else {
      this.#rssKiB = message.rssKiB ?? 0;
      this.#current?.done(message.outcome);
    }
  }

  /** It is about to exit by itself, and takes no more jobs. */
  #fail(failure: { readonly message: string; readonly hint?: string }): void {
    this.#failure = failure;
    this.#end = { reason: failure.message, expected: false };
    void this.#killAfter(GRACE_MS);
  }

  #becomeReady(): void {
    this.#readyTick = this.#options.clock.monotonic();
    this.#loaded.abort();
    this.#welcome();
  }

  async #watchLoading(): Promise<void> {
    const { clock, readyWithinMs } = this.#options;
    await clock.sleep(readyWithinMs, this.#loaded.signal);
    if (this.#loaded.signal.aborted) return;
    this.#fail({ message: `the app was not loaded within ${readyWithinMs / 1000} s`, hint: LOADING_HINT });
    this.#process.kill("SIGKILL");
  }

  /** In good order. */
  async #leave(): Promise<void> {
    this.#send({ type: "stop" });
    await this.#killAfter(GRACE_MS);
  }

  async #die(signal: NodeJS.Signals): Promise<void> {
    if (GROUP_SIGNALS.includes(signal)) {
      this.#send({ type: "die", signal });
      await this.#options.clock.sleep(BLOCKED_MS, this.#ended.signal);
      if (!this.#hasAnswered) this.#process.kill("SIGKILL");
    } else {
      this.#process.kill(signal);
    }
    await this.#killAfter(GRACE_MS);
  }

  async #killAfter(graceMs: number): Promise<void> {
    await this.#options.clock.sleep(graceMs, this.#ended.signal);
    if (!this.#ended.signal.aborted) this.#process.kill("SIGKILL");
  }

  #kill(reason: string): void {
    this.#end = { reason, expected: true };
    this.#process.kill("SIGKILL");
  }

  #send(message: ToChild): void {
    if (this.#orders?.writable === true) this.#orders.write(writeMessage(message));
  }

  #conclude(how: string): Ending {
    const where = during(this.#current);
    this.#loaded.abort();
    this.#ended.abort();
    this.#current?.processEnded(how);
    this.#refuse(this.#loadingError(how));
    if (this.#failure !== null) return { reason: `${this.#failure.message}${where}`, expected: false };
    return this.#end ?? { reason: `${how}${where}`, expected: false };
  }

  /** Only heard by those who wait for a child that never became ready. */
  #loadingError(how: string): LovageError {
    const message = this.#failure?.message ?? `a child process ended before it could take a task: ${how}`;
    return new LovageError("config", message, { hint: this.#failure?.hint });
  }
}

const LOADING_HINT = "raise worker_proc_alive_timeout if it needs longer";

function nameOf(job: Job): string {
  return `${job.task}[${job.id}]`;
}

function during(current: ChildJob | null): string {
  return current?.hasBegun === true ? ` while it ran ${nameOf(current.job)}` : "";
}
