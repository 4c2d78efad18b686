// Celery's signals: moments in the life of messages, tasks, workers and beats that a project may listen to.
import { tracebackOf } from "../protocol/exception.ts";
import { messageOf } from "../error.ts";
import type { Instant } from "../clock.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { App } from "./app.ts";
import { processWide } from "./process-wide.ts";
import type { TaskRequest } from "./task-request.ts";
import type { Task } from "./task.ts";

interface Payload {
  /** What it is about: a task by its name, a worker by its node name, a beat by its app's name. */
  readonly sender: string;
}

/** About a message that is published by this process. */
export interface PublishPayload extends Payload {
  readonly taskId: string;
  readonly exchange: string;
  readonly routingKey: string;
  /** The JSON text of `[args, kwargs, embed]`, or its bytes when it is compressed. */
  readonly body: string | Uint8Array;
  /** A handler of `beforeTaskPublish` may add to them. */
  readonly headers: Record<string, unknown>;
}

/** About a task that is run by this process. */
export interface TaskPayload extends Payload {
  readonly taskId: string;
  readonly task: Task;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly request: TaskRequest;
}

/** A message in the hands of a worker. */
export interface MessageRequest {
  readonly id: string;
  /** The task's name. */
  readonly name: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface RevokedPayload extends Payload {
  readonly request: MessageRequest;
  /** It had begun, and was ended by force. */
  readonly terminated: boolean;
  /** The number of the signal that ended it: 15. */
  readonly signum: number | null;
  readonly expired: boolean;
}

export interface UnknownPayload extends Payload {
  /** The task's name. */
  readonly name: string;
  readonly id: string;
  readonly message: Envelope;
}

export interface WorkerPayload extends Payload {
  readonly app: App;
}

/** The payload of each signal. */
export interface SignalPayloads {
  /** A message is about to be published. */
  readonly beforeTaskPublish: PublishPayload;
  readonly afterTaskPublish: PublishPayload;
  /** A worker has taken a message in. */
  readonly taskReceived: Payload & { readonly request: MessageRequest };
  /** A task's function is about to be called. */
  readonly taskPrerun: TaskPayload;
  /** The run is over, whatever came of it. `retval`: the result, or the error. */
  readonly taskPostrun: TaskPayload & { readonly state: string; readonly retval: unknown };
  readonly taskSuccess: TaskPayload & { readonly result: unknown };
  readonly taskFailure: TaskPayload & { readonly error: unknown; readonly traceback: string | null };
  readonly taskRetry: TaskPayload & { readonly error: unknown; readonly etaAt: Instant };
  readonly taskRevoked: RevokedPayload;
  /** A task asked for its message to be rejected. */
  readonly taskRejected: Payload & { readonly request: MessageRequest };
  /** A message names a task that is not registered. */
  readonly taskUnknown: UnknownPayload;
  /** A worker is about to start. */
  readonly workerInit: WorkerPayload;
  readonly workerReady: WorkerPayload;
  readonly workerShuttingDown: WorkerPayload & { readonly how: "warm" | "cold"; readonly reason: string };
  readonly workerShutdown: WorkerPayload;
  /** In each child process of the prefork pool, before its first task and after its last. */
  readonly workerProcessInit: WorkerPayload;
  readonly workerProcessShutdown: WorkerPayload;
  readonly beatInit: WorkerPayload;
  /** The same in the beat that a worker carries along with `-B`. */
  readonly beatEmbeddedInit: WorkerPayload;
}

export type SignalName = keyof SignalPayloads;

export interface ConnectOptions {
  /** Only what is about this task, or this node; else the handler hears of all. */
  readonly sender?: string | { readonly name: string };
}

/** One signal: `signals.taskFailure.connect(({ sender, error }) => ..., { sender: add })`. */
export interface TaskSignal<Sent extends Payload> {
  /** Adds a handler, once for each sender; it may be async. What it throws is reported as a warning of the process and harms nobody. */
  connect(handler: (payload: Sent) => unknown, options?: ConnectOptions): void;
  disconnect(handler: (payload: Sent) => unknown): void;
  /** Whether there is any handler. */
  readonly isConnected: boolean;
  /** Calls every handler at once, in the order they came; resolves when the async ones are done. Never rejects. */
  send(payload: Sent): Promise<void>;
}

export type Signals = { readonly [Name in SignalName]: TaskSignal<SignalPayloads[Name]> };

/** Celery's signals, for all apps of the process. */
export const signals: Signals = processWide("signals", createSignals);

function createSignals(): Signals {
  const names = {
    beforeTaskPublish: true,
    afterTaskPublish: true,
    taskReceived: true,
    taskPrerun: true,
    taskPostrun: true,
    taskSuccess: true,
    taskFailure: true,
    taskRetry: true,
    taskRevoked: true,
    taskRejected: true,
    taskUnknown: true,
    workerInit: true,
    workerReady: true,
    workerShuttingDown: true,
    workerShutdown: true,
    workerProcessInit: true,
    workerProcessShutdown: true,
    beatInit: true,
    beatEmbeddedInit: true,
  } satisfies { readonly [Name in SignalName]: true };
  const made = Object.keys(names).map((name) => [name, createTaskSignal(name)]);
  return Object.freeze(Object.fromEntries(made) as Signals);
}

const settled = Promise.resolve();

function createTaskSignal<Sent extends Payload>(name: string): TaskSignal<Sent> {
  type Handler = (payload: Sent) => unknown;
  // By handler, the senders that it hears; undefined among them: all.
  const handlers = new Map<Handler, Set<string | undefined>>();
  const call = async (handler: Handler, payload: Sent): Promise<void> => {
    try {
      await handler(payload);
    } catch (error) {
      warnOf(`a handler of the signal ${name}`, error);
    }
  };
  return Object.freeze({
    connect: (handler: Handler, { sender }: ConnectOptions = {}) => {
      const name = typeof sender === "object" || typeof sender === "function" ? sender.name : sender;
      handlers.set(handler, new Set([...(handlers.get(handler) ?? []), name]));
    },
    disconnect: (handler: Handler) => {
      handlers.delete(handler);
    },
    get isConnected() {
      return handlers.size > 0;
    },
    send: async (payload: Sent) => {
      if (handlers.size === 0) return settled;
      const heard = [...handlers].filter(([, senders]) => senders.has(undefined) || senders.has(payload.sender));
      await Promise.all(heard.map(([handler]) => call(handler, payload)));
    },
  });
}

/** Reports the failure of a handler, which must not harm what it listens to. */
export function warnOf(what: string, error: unknown): void {
  process.emitWarning(`${what} failed: ${messageOf(error)}`, { type: "LovageWarning", detail: tracebackOf(error) });
}
