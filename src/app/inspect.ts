// Questions to workers, and their answers by node name. Nothing here changes a worker.
import type { AddressOptions, Control, Outcome, Replies } from "./control.ts";

export interface InspectOptions extends AddressOptions {}

/** Answers by node name; empty when no worker answered in time. */
export type ByNode<Content> = Readonly<Record<string, Content>>;

export type Ping = { readonly ok: "pong" };

/** A task in a worker's hands. Times are epoch seconds. */
export interface TaskInfo {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly args: unknown;
  readonly kwargs: unknown;
  readonly hostname: string;
  /** When it was started; null: it has not been. */
  readonly time_start: number | null;
  readonly acknowledged: boolean;
  readonly delivery_info: Readonly<Record<string, unknown>>;
  readonly worker_pid: number | null;
}

export interface ScheduledTask {
  /** ISO 8601. */
  readonly eta: string | null;
  readonly priority: number;
  readonly request: TaskInfo;
}

/** `app.control.inspect()`: each method asks the workers, and waits a timeout for answers after the last one. */
export class Inspect {
  readonly #control: Pick<Control, "broadcast">;
  readonly #options: InspectOptions;

  constructor(control: Pick<Control, "broadcast">, options: InspectOptions) {
    this.#control = control;
    this.#options = options;
  }

  /** Asks any question by its name. */
  async request(method: string, args: Readonly<Record<string, unknown>> = {}): Promise<ByNode<unknown>> {
    return byNode(await this.#control.broadcast(method, args, { ...this.#options, reply: true }));
  }

  /** @param destination in place of the one these questions have */
  async ping(destination?: readonly string[]): Promise<ByNode<Ping>> {
    const options = { ...this.#options, ...(destination === undefined ? {} : { destination }), reply: true };
    return byNode(await this.#control.broadcast("ping", {}, options)) as ByNode<Ping>;
  }

  /** Tasks that run now. With `safe`, their arguments as text. */
  async active(safe = false): Promise<ByNode<readonly TaskInfo[]>> {
    return this.#ask("active", { safe });
  }

  /** Tasks received and not yet started, without those that wait for their eta. */
  async reserved(): Promise<ByNode<readonly TaskInfo[]>> {
    return this.#ask("reserved");
  }

  /** Tasks that wait for their eta. */
  async scheduled(): Promise<ByNode<readonly ScheduledTask[]>> {
    return this.#ask("scheduled");
  }

  /** Ids of revoked tasks. */
  async revoked(): Promise<ByNode<readonly string[]>> {
    return this.#ask("revoked");
  }

  /** Names of tasks; behind each the attributes asked for, `rate_limit` and the like, where it has them. */
  async registered(...attributes: readonly string[]): Promise<ByNode<readonly string[]>> {
    return this.#ask("registered", { taskinfoitems: attributes });
  }

  /** `[state, info]` of those of the tasks that a worker has in hand, by id; the state is active, reserved or ready. */
  async queryTask(
    ...ids: readonly string[]
  ): Promise<ByNode<Readonly<Record<string, readonly [state: string, info: TaskInfo]>>>> {
    return this.#ask("query_task", { ids });
  }

  async stats(): Promise<ByNode<Readonly<Record<string, unknown>>>> {
    return this.#ask("stats");
  }

  async activeQueues(): Promise<ByNode<readonly Readonly<Record<string, unknown>>[]>> {
    return this.#ask("active_queues");
  }

  /** Settings, what is secret covered. With `withDefaults` also those that nobody has set. */
  async conf(withDefaults = false): Promise<ByNode<Readonly<Record<string, unknown>>>> {
    return this.#ask("conf", { with_defaults: withDefaults });
  }

  /** Versions, machine and settings as text. */
  async report(): Promise<ByNode<Outcome>> {
    return this.#ask("report");
  }

  /** The logical clocks. */
  async clock(): Promise<ByNode<{ readonly clock: number }>> {
    return this.#ask("clock");
  }

  /** Memory in use, as text. */
  async memsample(): Promise<ByNode<string>> {
    return this.#ask("memsample");
  }

  async #ask<Content>(method: string, args: Readonly<Record<string, unknown>> = {}): Promise<ByNode<Content>> {
    return (await this.request(method, args)) as ByNode<Content>;
  }
}

function byNode(replies: Replies): ByNode<unknown> {
  const names = replies.flatMap((reply) => Object.keys(reply));
  const twice = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
  if (twice.length > 0) {
    process.emitWarning(`several workers answer as ${twice.join(", ")}: give each its own name with worker -n`);
  }
  return Object.assign({}, ...replies) as ByNode<unknown>;
}
