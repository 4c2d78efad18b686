// A call that has not been made yet, as a value: passed on, completed by more arguments, linked to others, sent.
import { LovageError } from "../error.ts";
import { writeJson } from "./json-writer.ts";
import { optionsFromWire, optionsToWire } from "./option-names.ts";
import { reprCall } from "./repr.ts";
import { signatureJson, signatureList } from "./signature-json.ts";
import type { SignatureJson, SignatureLike } from "./signature-json.ts";
import type { TaskCall } from "./task.ts";
import { checkTaskOptions } from "./task-options.ts";
import type { TaskOptions } from "./task-options.ts";

type Kwargs = Readonly<Record<string, unknown>>;

/** Sends a call on its way, and gives what the app gives for it (an AsyncResult). */
export type Send<T> = (call: TaskCall) => Promise<T>;

export interface SignatureParts {
  readonly task: string;
  readonly args?: readonly unknown[];
  readonly kwargs?: Kwargs;
  readonly options?: TaskOptions;
  /** `chain`, `group`, `chord` and the like; null for a plain task. */
  readonly subtaskType?: string | null;
  readonly immutable?: boolean;
}

/** Options of `signature()`: whether it takes no further arguments (Celery's `si`). */
export interface SignatureSettings {
  readonly immutable?: boolean;
}

/**
 * A call as frozen data. Every method that changes something gives a new signature and leaves this one as it is; in
 * Celery, `set` and `link` change the signature itself and `link` gives back its argument.
 */
export class Signature<T = unknown> implements SignatureLike, TaskCall {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Kwargs;
  readonly options: TaskOptions;
  readonly subtaskType: string | null;
  readonly immutable: boolean;
  readonly #send: Send<T> | undefined;

  /** @throws {LovageError} when an option is unknown or wrong */
  constructor(parts: SignatureParts, send?: Send<T>) {
    const { task, args = [], kwargs = {}, options = {}, subtaskType = null, immutable = false } = parts;
    signatureJson({ task, args, kwargs }, "signature");
    checkTaskOptions(options);
    this.task = task;
    this.args = Object.freeze([...args]);
    this.kwargs = Object.freeze({ ...kwargs });
    this.options = Object.freeze({ ...options });
    this.subtaskType = subtaskType;
    this.immutable = immutable;
    this.#send = send;
    Object.freeze(this);
  }

  /**
   * A copy, completed as Celery does it: `args` come BEFORE the stored ones (the result of the task before it goes first),
   * `kwargs` and `options` win over the stored ones. An immutable signature keeps its arguments and only takes options.
   * A group id and stamps that are already set stay.
   */
  clone(args: readonly unknown[] = [], kwargs: Kwargs = {}, options: TaskOptions = {}): Signature<T> {
    return this.#with({
      ...(this.immutable ? {} : { args: [...args, ...this.args], kwargs: { ...this.kwargs, ...kwargs } }),
      options: mergeOptions(this.options, options),
    });
  }

  /** Celery's other name for {@link clone}. */
  partial(args?: readonly unknown[], kwargs?: Kwargs, options?: TaskOptions): Signature<T> {
    return this.clone(args, kwargs, options);
  }

  /** A copy with other arguments or options in place of the stored ones, whether or not it is immutable. */
  replace(parts: Pick<SignatureParts, "args" | "kwargs" | "options">): Signature<T> {
    return this.#with(parts);
  }

  /** A copy with these options over the stored ones: `add.s(2, 2).set({countdown: 10})`. */
  set({ immutable = this.immutable, ...options }: TaskOptions & SignatureSettings): Signature<T> {
    return this.#with({ options: { ...this.options, ...options }, immutable });
  }

  /** A copy that calls `callback` with the result after success; one that is linked already is not linked twice. */
  link(callback: SignatureLike | SignatureJson): Signature<T> {
    return this.set({ link: appended(this.options.link, callback) });
  }

  /** A copy that calls `errback` after failure. */
  linkError(errback: SignatureLike | SignatureJson): Signature<T> {
    return this.set({ linkError: appended(this.options.linkError, errback) });
  }

  /** Celery's other name for {@link linkError}. */
  onError(errback: SignatureLike | SignatureJson): Signature<T> {
    return this.linkError(errback);
  }

  /** A copy that can be sent. */
  bindSender<U>(send: Send<U>): Signature<U> {
    return new Signature<U>(this, send);
  }

  /** Sends it; further arguments come before the stored ones. */
  delay(...args: readonly unknown[]): Promise<T> {
    return this.applyAsync(args);
  }

  /**
   * Sends it, completed as in {@link clone}.
   *
   * @throws {LovageError} when no app has lent it a way to send
   */
  async applyAsync(
    args: readonly unknown[] = [],
    { kwargs = {}, ...options }: TaskOptions & { readonly kwargs?: Kwargs } = {},
  ): Promise<T> {
    if (this.#send === undefined) {
      throw new LovageError("config", `${this.repr()} belongs to no app, so nobody can send it`, {
        hint: "take it from a task, as in add.s(2, 2), or from app.signature(...)",
      });
    }
    return this.#send(this.clone(args, kwargs, options));
  }

  /** `proj.add(5, 10, z=1)`, as Celery shows it. */
  repr(): string {
    return reprCall(this.task, this.args, this.kwargs);
  }

  toString(): string {
    return this.repr();
  }

  toJSON(): SignatureJson {
    return {
      task: this.task,
      args: this.args,
      kwargs: this.kwargs,
      options: optionsToWire(this.options),
      subtask_type: this.subtaskType,
      immutable: this.immutable,
    };
  }

  /**
   * Reads the wire shape, whole or in part.
   *
   * @throws {LovageError} when it is not a signature
   */
  static fromJSON(json: unknown): Signature {
    const { subtask_type: subtaskType, options, ...parts } = signatureJson(json, "signature");
    return new Signature({ ...parts, options: optionsFromWire(options), subtaskType });
  }

  #with(parts: Partial<SignatureParts>): Signature<T> {
    const { task, args, kwargs, options, subtaskType, immutable } = this;
    return new Signature<T>({ task, args, kwargs, options, subtaskType, immutable, ...parts }, this.#send);
  }
}

/**
 * A signature by the task's name: `signature("proj.add", [2, 2], {}, {countdown: 10})`. JavaScript has no keyword
 * arguments: they are the third parameter.
 */
export function signature(
  task: string,
  args: readonly unknown[] = [],
  kwargs: Kwargs = {},
  options: TaskOptions & SignatureSettings = {},
): Signature {
  const { immutable = false, ...taskOptions } = options;
  return new Signature({ task, args, kwargs, options: taskOptions, immutable });
}

/** Changing a group id or a stamp would leave whoever waits for it waiting. */
function mergeOptions(stored: TaskOptions, given: TaskOptions): TaskOptions {
  const merged = { ...stored, ...given };
  return {
    ...merged,
    ...(stored.groupId === undefined ? {} : { groupId: stored.groupId }),
    ...(stored.stamps === undefined ? {} : { stamps: { ...given.stamps, ...stored.stamps } }),
  };
}

function appended(stored: TaskOptions["link"], added: SignatureLike | SignatureJson): readonly unknown[] {
  const items = stored === undefined ? [] : Array.isArray(stored) ? (stored as readonly unknown[]) : [stored];
  const text = writeJson(signatureJson(added, "link"));
  const known = (signatureList(items, "link") ?? []).some((item) => writeJson(item) === text);
  return known ? items : [...items, added];
}
