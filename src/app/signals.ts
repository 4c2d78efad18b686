// What an app tells its project: handlers connect at any time, and one that comes after the fact is called at once.
import { messageOf } from "../error.ts";

/** Called with the app, as in Celery; may be async. */
export type SignalHandler<Sender> = (sender: Sender) => unknown;

/**
 * A moment in the life of an app. Both ways of Celery's are there: `app.onAfterConfigure(handler)` and
 * `app.onAfterConfigure.connect(handler)`.
 */
export interface Signal<Sender> {
  (handler: SignalHandler<Sender>): void;
  /**
   * Adds a handler, once. When the moment has passed, it is called at once, so that nothing depends on the order of
   * imports.
   */
  connect(handler: SignalHandler<Sender>): void;
  disconnect(handler: SignalHandler<Sender>): void;
}

/** The side of a signal that the app keeps to itself. */
export interface SignalSource<Sender> {
  readonly signal: Signal<Sender>;
  /** Calls every handler, each once in the signal's life, in the order they came; what is async is not waited for. */
  start(sender: Sender): void;
  /** The same, and waits for all of them, late ones too; rejects with what the first of them threw. */
  send(sender: Sender): Promise<void>;
}

export function createSignal<Sender>(): SignalSource<Sender> {
  const handlers = new Set<SignalHandler<Sender>>();
  const waiting: SignalHandler<Sender>[] = [];
  const running: unknown[] = [];
  let sentTo: { readonly sender: Sender } | undefined;
  let sending: Promise<void> | undefined;
  const connect = (handler: SignalHandler<Sender>): void => {
    if (handlers.has(handler)) return;
    handlers.add(handler);
    if (sentTo === undefined) waiting.push(handler);
    else running.push(handler(sentTo.sender));
  };
  const disconnect = (handler: SignalHandler<Sender>): void => {
    handlers.delete(handler);
    if (waiting.includes(handler)) waiting.splice(waiting.indexOf(handler), 1);
  };
  const start = (sender: Sender): void => {
    if (sending !== undefined) return;
    sentTo = { sender };
    for (const handler of waiting.splice(0)) {
      const handled = Promise.resolve(handler(sender));
      // Whoever waits for the signal gets the error; where nobody does, it must not end the process.
      handled.catch((error: unknown) => process.emitWarning(`a signal handler failed: ${messageOf(error)}`));
      running.push(handled);
    }
  };
  // One after the other: a handler may rely on what an earlier one set up.
  const sendAll = async (sender: Sender): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next(sender);
    sentTo = { sender };
    while (running.length > 0) await running.shift();
  };
  const send = async (sender: Sender): Promise<void> => {
    sending ??= sendAll(sender).finally(() => {
      sending = undefined;
    });
    await sending;
  };
  const signal = Object.assign((handler: SignalHandler<Sender>) => connect(handler), { connect, disconnect });
  return { signal: Object.freeze(signal), start, send };
}
