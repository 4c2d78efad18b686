// From a call to its result's handle: what the call inherits, its message, and the broker; or at once, where nothing is sent.
import type { Configuration } from "../config/configuration.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { TaskCall } from "../protocol/task.ts";
import type { App } from "./app.ts";
import { AsyncResult, type ResultSource } from "./async-result.ts";
import type { Client } from "./client.ts";
import { inheritOptions, noteChild } from "./current.ts";
import { runEagerly } from "./eager.ts";
import type { Task } from "./task.ts";

export interface CallsParts {
  readonly app: App;
  readonly configuration: Configuration;
  readonly client: Client;
  /** Completes the settings, before each call. */
  readonly prepare: () => Promise<void>;
}

export interface Calls {
  /** Sends a call, be its task of this project or not. */
  readonly send: (call: TaskCall) => Promise<AsyncResult>;
  /** A call of a task of this project: under `taskAlwaysEager` it runs here, once its message has proved to be sound. */
  readonly call: (call: TaskCall, task: Task) => Promise<AsyncResult>;
  /** The handle of a call that was made somewhere. */
  readonly resultOf: <Result>(id: string) => AsyncResult<Result>;
}

export function createCalls({ app, configuration, client, prepare }: CallsParts): Calls {
  const results = resultSource(app);
  const envelopeOf = (call: TaskCall): Envelope => {
    const options = inheritOptions(call.options, configuration.get("taskInheritParentPriority"));
    return app.createEnvelope({ ...call, options });
  };
  const send = async (call: TaskCall): Promise<AsyncResult> => {
    await prepare();
    const envelope = envelopeOf(call);
    await client.publish(envelope, call.options);
    noteChild(envelope.id);
    return new AsyncResult(envelope.id, results, envelope.task);
  };
  const callOrSend = async (call: TaskCall): Promise<AsyncResult> => {
    const task = app.tasks.get(call.task);
    return task === undefined ? send(call) : callTask(call, task);
  };
  const callTask = async (call: TaskCall, task: Task): Promise<AsyncResult> => {
    await prepare();
    if (!configuration.get("taskAlwaysEager")) return send(call);
    return runEagerly({ app, task, envelope: envelopeOf(call), call: callOrSend });
  };
  return { send, call: callTask, resultOf: (id) => new AsyncResult(id, results) };
}

function resultSource(app: App): ResultSource {
  return {
    backend: () => app.backend(),
    revoke: async (ids, { terminate, signal }) => {
      await app.control.revoke(ids, { terminate, signal: signal as NodeJS.Signals | undefined });
    },
    resultFor: (id) => app.asyncResult(id),
  };
}
