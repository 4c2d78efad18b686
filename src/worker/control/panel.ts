// What a remote-control command is, and what it is given to work with.
import type { Broker } from "../../broker/broker.ts";
import type { Clock } from "../../clock.ts";
import type { Settings } from "../../config/settings.ts";
import type { LamportClock } from "../../protocol/lamport.ts";
import type { EventSink } from "../event-sink.ts";
import type { Steering } from "../steering.ts";
import type { Arguments } from "./arguments.ts";

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

/** What `inspect` asks changes nothing; what `control` asks may, so such commands wait for each other. */
export interface Command {
  readonly kind: "inspect" | "control";
  /** Returns JSON data. What it throws becomes `{"error": "..."}`. */
  readonly run: (panel: Panel, args: Arguments) => unknown;
}

export type Commands = Readonly<Record<string, Command>>;

export function inspect(run: Command["run"]): Command {
  return Object.freeze({ kind: "inspect", run });
}

export function control(run: Command["run"]): Command {
  return Object.freeze({ kind: "control", run });
}

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
