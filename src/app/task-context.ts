// What a task's function has as its `this`: what it was asked, and the ways to answer otherwise than by a result.
import type { Clock, Instant } from "../clock.ts";
import { exceptionJson } from "../protocol/exception.ts";
import { instantOf, isoFormat, parseIso } from "../protocol/iso-time.ts";
import { writeJson } from "../protocol/json-writer.ts";
import { pythonRepr } from "../protocol/repr.ts";
import { checkTaskOptions, type TaskOptions } from "../protocol/task-options.ts";
import type { App } from "./app.ts";
import { camelOptions } from "./options.ts";
import type { TaskDefinition } from "./task-definition.ts";
import { MaxRetriesExceededError, Retry } from "./task-errors.ts";
import type { TaskRequest } from "./task-request.ts";

type Kwargs = Readonly<Record<string, unknown>>;

/** What `this.retry` may be told; besides, any option of `applyAsync` for the call to come. Spans are seconds. */
export interface RetryOptions extends Omit<TaskOptions, "taskId" | "retries" | "retry" | "retryPolicy"> {
  /** The error behind it: what the state RETRY shows, and what the task fails with when there have been enough retries. */
  readonly exc?: unknown;
  /** Retries before giving up, in place of the task's `maxRetries`. */
  readonly maxRetries?: number | null;
  /** Other positional arguments than this time. */
  readonly args?: readonly unknown[];
  readonly kwargs?: Kwargs;
  /** False: the retry is sent, but this run goes on and its own result counts. */
  readonly throw?: boolean;
}

/** The `this` of a task's function. */
export interface TaskContext {
  readonly app: App;
  /** The task's name. */
  readonly name: string;
  readonly request: TaskRequest;
  /**
   * Aborted when the soft time limit has passed, with {@link SoftTimeLimitExceeded} as its reason, or when somebody wants
   * the task ended. A function that reads it is trusted to come to an end by itself then (the hard limit still stands); one
   * that never does has failed as soon as the soft limit has passed.
   */
  readonly signal: AbortSignal;
  /**
   * Asks for another run, `defaultRetryDelay` seconds from now or as told, and ends this one.
   *
   * @throws Retry always, but where there have been `maxRetries` already: then `exc`, or {@link MaxRetriesExceededError}
   *   where none is given; `exc` also where the function was called directly
   */
  retry(options: RetryOptions & { readonly throw: false }): Retry;
  retry(options?: RetryOptions): never;
  /** Reports how far the task has come: `this.updateState({ state: "PROGRESS", meta: { done: 5, of: 10 } })`. */
  updateState(update: { readonly state: string; readonly meta?: unknown }): void;
  updateState(state: string, meta?: unknown): void;
}

export interface ContextParts {
  readonly app: App;
  readonly task: { readonly name: string; readonly options: TaskDefinition };
  readonly request: TaskRequest;
  readonly clock: Clock;
  readonly timezone: string;
  readonly onState: (state: string, metaText: string) => void;
}

const retriesByDefault = 3;
const retryDelayByDefault = 180;

export class LiveContext implements TaskContext {
  readonly app: App;
  readonly name: string;
  readonly request: TaskRequest;
  readonly #parts: ContextParts;
  #stopping: AbortController | undefined;
  #stopReason: Error | undefined;
  #mostRetries: number | null = null;
  #promised: Retry | null = null;

  constructor(parts: ContextParts) {
    this.app = parts.app;
    this.name = parts.task.name;
    this.request = parts.request;
    this.#parts = parts;
  }

  get signal(): AbortSignal {
    if (this.#stopping === undefined) {
      this.#stopping = new AbortController();
      if (this.#stopReason !== undefined) this.#stopping.abort(this.#stopReason);
    }
    return this.#stopping.signal;
  }

  /** Whether the function looks after itself when it is asked to stop. */
  get isSignalUsed(): boolean {
    return this.#stopping !== undefined;
  }

  /** Why it was asked to stop; undefined while it was not. */
  get stopReason(): Error | undefined {
    return this.#stopReason;
  }

  /** The retry of a run that went on. */
  get promisedRetry(): Retry | null {
    return this.#promised;
  }

  stop(reason: Error): void {
    this.#stopReason ??= reason;
    this.#stopping?.abort(this.#stopReason);
  }

  retry(options: RetryOptions & { readonly throw: false }): Retry;
  retry(options?: RetryOptions): never;
  retry(options: RetryOptions = {}): Retry {
    const { exc, maxRetries, args, kwargs, throw: isThrown = true, ...calling } = options;
    if (this.request.calledDirectly) throw exc ?? new Retry();
    // It stays said: an automatic retry that follows in the same run keeps to it, as in Celery.
    this.#mostRetries = maxRetries ?? this.#mostRetries;
    const plan = { exc, etaAt: this.#etaOf(calling), args, kwargs, options: this.#optionsOf(calling) };
    if (this.#isExhausted()) throw exc ?? this.#exhausted(plan);
    const retry = new Retry("Task can be retried", withoutUndefined(plan));
    if (isThrown) throw retry;
    this.#promised = retry;
    return retry;
  }

  updateState(update: string | { readonly state: string; readonly meta?: unknown }, meta?: unknown): void {
    const { state, meta: about = null } = typeof update === "string" ? { state: update, meta } : update;
    const shown = about instanceof Error ? exceptionJson(about) : about;
    this.#parts.onState(state, writeJson(shown ?? null, "meta"));
  }

  #isExhausted(): boolean {
    const { maxRetries = retriesByDefault } = this.#parts.task.options;
    const most = this.#mostRetries ?? maxRetries;
    return most !== null && this.request.retries >= most;
  }

  #etaOf({ countdown, eta }: RetryOptions): Instant {
    const delay = countdown ?? this.#parts.task.options.defaultRetryDelay ?? retryDelayByDefault;
    if (eta === undefined || eta === null) return this.#parts.clock.now() + delay * 1000;
    const time = typeof eta === "string" ? parseIso(eta) : null;
    return time === null ? Number(eta) : instantOf(time, this.#parts.timezone);
  }

  /** What travels to the worker, as plain data. */
  #optionsOf(calling: object): TaskOptions {
    const options = camelOptions(calling);
    checkTaskOptions(options);
    const { countdown: _countdown, eta: _eta, expires, ...rest } = options;
    if (expires === undefined) return rest;
    return { ...rest, expires: expires instanceof Date ? isoFormat(expires.getTime()) : expires };
  }

  #exhausted({ args = this.request.args, kwargs = this.request.kwargs }: Exhausted): MaxRetriesExceededError {
    const call = `${this.name}[${this.request.id}] args:${pythonRepr(args)} kwargs:${pythonRepr(kwargs)}`;
    return new MaxRetriesExceededError(`Can't retry ${call}`, args, kwargs);
  }
}

interface Exhausted {
  readonly args: readonly unknown[] | undefined;
  readonly kwargs: Kwargs | undefined;
}

type Defined<Parts> = { [Key in keyof Parts]: Exclude<Parts[Key], undefined> };

function withoutUndefined<Parts extends object>(parts: Parts): Partial<Defined<Parts>> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as Partial<
    Defined<Parts>
  >;
}
