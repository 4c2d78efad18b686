// What the worker's remote-control commands are given to work with.
import type { Broker } from "../../broker/broker.ts";
import type { Clock } from "../../clock.ts";
import type { Settings } from "../../config/settings.ts";
import type { LamportClock } from "../../protocol/lamport.ts";
import * as remote from "../../remote/command.ts";
import type { EventSink } from "../../remote/event-sink.ts";
import type { Steering } from "../steering.ts";

export type ControlSettings = Pick<Settings, "controlExchange" | "workerPoolRestarts">;

/** What commands work with. */
export interface Panel {
  readonly steering: Steering;
  readonly broker: Broker;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly lamport: LamportClock;
  readonly settings: ControlSettings;
  /** For what fails after the answer has gone out. */
  readonly onFailure: (error: unknown) => void;
}

export type Commands = remote.Commands<Panel>;
export const inspect = remote.inspect<Panel>;
export const control = remote.control<Panel>;

const refusalWithinMs = 250;

/**
 * Begins something that may take long: a pool that shrinks waits for its tasks. A refusal comes at once, and is thrown;
 * what goes wrong later is reported.
 */
export async function begin(panel: Panel, work: Promise<void>): Promise<void> {
  let isAnswered = false;
  const waiting = new AbortController();
  const watched = work.catch((error: unknown) => {
    if (!isAnswered) throw error;
    panel.onFailure(error);
  });
  try {
    await Promise.race([watched, panel.clock.sleep(refusalWithinMs, waiting.signal)]);
  } finally {
    isAnswered = true;
    waiting.abort();
  }
}
