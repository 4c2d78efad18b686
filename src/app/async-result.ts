// What a call gives back: the handle of a task on its way, by which its state and its result are asked for.
import { systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import { readTuple } from "../protocol/result-json.ts";
import { type ExtendedMeta, isReady, type ResultMeta, type ResultTuple } from "../protocol/result-meta.ts";
import type { ResultBackend } from "../result/result.ts";
import { awaitReady, errorOf, refuseInsideTask } from "./await-result.ts";
import { collectResults, type Dependency, type GetOptions, type ResultNode, walkResults } from "./result-node.ts";
import { ResultSet, type SetMember } from "./result-set.ts";

export interface RevokeOptions {
  /** Also stop it where it runs. */
  readonly terminate?: boolean;
  /** What to stop it with; `SIGTERM` unless said otherwise. */
  readonly signal?: string;
}

/** What results need of an app. */
export interface ResultSource {
  /** Null: results are not kept. */
  backend(): Promise<ResultBackend | null>;
  revoke?(ids: readonly string[], options: RevokeOptions): Promise<void>;
  resultFor?(id: string): AsyncResult;
}

/** An outcome that is known here already, as of a task that ran at once. */
export interface KnownOutcome<T = unknown> {
  readonly state: string;
  readonly value?: T;
  /** What the task threw. */
  readonly error?: unknown;
  readonly traceback?: string | null;
}

interface Known extends KnownOutcome {
  readonly meta: ResultMeta;
}

/**
 * Celery's `AsyncResult`. Whatever has to be asked for is a method that gives a promise: `await result.state()`. It is not
 * thenable itself, so that an async function can return one; `await result.get()` waits for the value.
 *
 * All that ask throw LovageError("result") when there is no result backend, or it is out of reach.
 */
export class AsyncResult<T = unknown> implements SetMember {
  /** The task id. */
  readonly id: string;
  readonly taskName: string | undefined;
  /** The result of the task before it in a chain. */
  readonly parent: ResultNode | null;
  readonly #source: ResultSource;
  /** Nothing more comes after a ready state. */
  #ready: ResultMeta | undefined;
  #known: Known | undefined;

  constructor(id: string, source: ResultSource, taskName?: string, parent: ResultNode | null = null) {
    this.id = id;
    this.taskName = taskName;
    this.parent = parent;
    this.#source = source;
  }

  /** A result whose outcome is known, Celery's `EagerResult`: nothing is asked of a backend. */
  static resolved<T>(id: string, outcome: KnownOutcome<T>, taskName?: string): AsyncResult<T> {
    const result = new AsyncResult<T>(id, { backend: async () => null }, taskName);
    result.#known = { ...outcome, meta: knownMeta(id, outcome) };
    return result;
  }

  /** The same as `id`, as in Celery. */
  get taskId(): string {
    return this.id;
  }

  /** `PENDING` (or unknown), `STARTED`, `RETRY`, `SUCCESS`, `FAILURE`, `REVOKED`, ... or a state of the task's own. */
  async state(): Promise<string> {
    return (await this.#meta())?.state ?? "PENDING";
  }

  /** Celery's other name for {@link state}. */
  status(): Promise<string> {
    return this.state();
  }

  /** The value; the error of a task that failed, is to be retried or was revoked; or what the task said of its progress. */
  async result(): Promise<unknown> {
    if (this.#known?.error !== undefined) return this.#known.error;
    const meta = await this.#meta();
    return meta === null ? null : (errorOf(meta) ?? meta.result);
  }

  /** Celery's other name for {@link result}. */
  info(): Promise<unknown> {
    return this.result();
  }

  /** The stack of a task that failed, as text. */
  async traceback(): Promise<string | null> {
    return (await this.#meta())?.traceback ?? null;
  }

  /** The tasks that it has started, and the next of its chain. */
  async children(): Promise<readonly SetMember[]> {
    const tuples = (await this.#meta())?.children ?? [];
    return tuples.map((tuple) => resultFromTuple(tuple, this.#source));
  }

  /** When it was done. */
  async dateDone(): Promise<Date | null> {
    const doneAt = (await this.#meta())?.doneAt ?? null;
    return doneAt === null ? null : new Date(doneAt);
  }

  /** The task's name. Like the following, it is kept where `resultExtended` is set. */
  async name(): Promise<string | null> {
    return (await this.#extended("name")) ?? this.taskName ?? null;
  }

  args(): Promise<readonly unknown[] | null> {
    return this.#extended("args");
  }

  kwargs(): Promise<Readonly<Record<string, unknown>> | null> {
    return this.#extended("kwargs");
  }

  /** The worker's node name. */
  worker(): Promise<string | null> {
    return this.#extended("worker");
  }

  retries(): Promise<number | null> {
    return this.#extended("retries");
  }

  queue(): Promise<string | null> {
    return this.#extended("queue");
  }

  /** Whether it is done, well or not. */
  async ready(): Promise<boolean> {
    return this.#known !== undefined || isReady(await this.state());
  }

  async successful(): Promise<boolean> {
    return (await this.state()) === "SUCCESS";
  }

  async failed(): Promise<boolean> {
    return (await this.state()) === "FAILURE";
  }

  /**
   * Waits until the task is ready, and gives its value.
   *
   * @throws the task's own error as a RemoteError (its `name` is that of its class, such as `ValueError`), TaskRevokedError,
   *   or the error of a task before it in its chain; TimeoutError; the reason of `signal`; LovageError("result")
   */
  async get(options: GetOptions = {}): Promise<T> {
    const known = this.#known?.meta ?? this.#ready;
    if (known !== undefined) return this.#deliver(known, options.propagate ?? true);
    refuseInsideTask(this.id, options);
    this.#ready = await awaitReady(await this.#backend(), this.id, { ...options, ancestors: this.#ancestors() });
    return this.#deliver(this.#ready, options.propagate ?? true);
  }

  /** Throws the error of a task that failed or was revoked; else gives what {@link result} gives. */
  async maybeThrow({ propagate = true }: { readonly propagate?: boolean } = {}): Promise<unknown> {
    const meta = await this.#meta();
    return meta === null ? null : this.#deliver(meta, propagate);
  }

  /** This result, then those of all tasks that it has started, and that they have; each with its value, waited for. */
  collect(
    options: GetOptions & { readonly intermediate?: boolean } = {},
  ): AsyncGenerator<readonly [result: ResultNode, value: unknown]> {
    return collectResults(this, options);
  }

  /** The same results with the one each was started by, and not waited for. */
  iterdeps({ intermediate = false }: { readonly intermediate?: boolean } = {}): AsyncGenerator<Dependency> {
    return walkResults(this, intermediate);
  }

  /** Removes its result and those of the tasks before it from the backend. */
  async forget(): Promise<void> {
    this.#ready = undefined;
    await this.parent?.forget();
    if (this.#known === undefined) await (await this.#backend()).forget([this.id]);
  }

  /** Tells the workers not to run it. */
  async revoke(options: RevokeOptions = {}): Promise<void> {
    if (this.#known !== undefined) return;
    if (this.#source.revoke !== undefined) return this.#source.revoke([this.id], options);
    throw new LovageError("result", `task ${this.id} cannot be revoked: its result belongs to no app`);
  }

  asTuple(): ResultTuple {
    return [[this.id, this.parent?.asTuple() ?? null], null];
  }

  /** The id, as in Celery. */
  toString(): string {
    return this.id;
  }

  async #meta(): Promise<ResultMeta | null> {
    const known = this.#known?.meta ?? this.#ready;
    if (known !== undefined) return known;
    const [meta = null] = await (await this.#backend()).get([this.id]);
    if (meta !== null && isReady(meta.state)) this.#ready = meta;
    return meta;
  }

  async #extended<Name extends keyof ExtendedMeta>(name: Name): Promise<ExtendedMeta[Name] | null> {
    return (await this.#meta())?.extended[name] ?? null;
  }

  async #backend(): Promise<ResultBackend> {
    const backend = await this.#source.backend();
    if (backend !== null) return backend;
    throw new LovageError("result", "no result backend is configured, so results are not kept", {
      hint: "set resultBackend, for example to redis://127.0.0.1:6379/1 or sqlite:///results.sqlite",
    });
  }

  #deliver(meta: ResultMeta, propagate: boolean): T {
    const error = this.#known?.error ?? errorOf(meta);
    if (error === null) return meta.result as T;
    if (propagate && (meta.state === "FAILURE" || meta.state === "REVOKED")) throw error;
    return error as T;
  }

  #ancestors(): readonly string[] {
    const ids: string[] = [];
    for (let node = this.parent; node !== null; node = node.parent) if (node instanceof AsyncResult) ids.push(node.id);
    return ids;
  }
}

/**
 * What a result's {@link AsyncResult.asTuple} gave, made a result again: a set where it has members.
 *
 * @throws LovageError("result") when it is no such tuple
 */
export function resultFromTuple(tuple: unknown, source: ResultSource): AsyncResult | ResultSet {
  const read = readTuple(tuple);
  if (read === null) {
    const hint = "it looks like [[id, parent], null]";
    throw new LovageError("result", `not a result: ${JSON.stringify(tuple)}`, { hint });
  }
  const [[id, above], members] = read;
  const parent = above === null ? null : resultFromTuple(above, source);
  if (members === null) {
    return parent === null && source.resultFor ? source.resultFor(id) : new AsyncResult(id, source, undefined, parent);
  }
  const results = members.map((member) => resultFromTuple(member, source));
  return new ResultSet(results, { id, parent });
}

function knownMeta(taskId: string, { state, value, traceback }: KnownOutcome): ResultMeta {
  return Object.freeze({
    taskId,
    state,
    result: value ?? null,
    traceback: traceback ?? null,
    children: [],
    doneAt: systemClock.now(),
    groupId: null,
    parentId: null,
    extended: {},
  });
}
