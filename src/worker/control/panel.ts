// What a remote-control command is given, and what it may answer: Celery's `{"ok": ...}` and `{"error": "..."}`.
import type { Broker } from "../../broker/broker.ts";
import type { Clock } from "../../clock.ts";
import type { Settings } from "../../config/settings.ts";
import { LovageError } from "../../error.ts";
import type { LamportClock } from "../../protocol/lamport.ts";
import { pythonRepr } from "../../protocol/repr.ts";
import type { EventSink } from "../event-sink.ts";
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

export type Arguments = Readonly<Record<string, unknown>>;

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

export function ok(value: string): { readonly ok: string } {
  return { ok: value };
}

export function refused(reason: string): { readonly error: string } {
  return { error: reason };
}

/** As Python writes an error: `ValueError('Autoscale not enabled')`. Scripts around `celery control` look for such texts. */
export function pythonError(kind: string, message: string): string {
  return `${kind}(${pythonRepr(message)})`;
}

/** @throws LovageError when it is not there, or no text */
export function textArgument(args: Arguments, name: string): string {
  const value = args[name];
  if (typeof value === "string" && value !== "") return value;
  throw new LovageError("usage", `the argument ${name} should be text`);
}

/** @throws LovageError when it is there and no text */
export function optionalText(args: Arguments, name: string): string | null {
  const value = args[name] ?? null;
  return value === null || value === "" ? null : textArgument(args, name);
}

/** @throws LovageError when it is there and no number from 0 on */
export function optionalNumber(args: Arguments, name: string): number | null {
  const value = args[name] ?? null;
  if (value === null || (typeof value === "number" && value >= 0)) return value;
  throw new LovageError("usage", `the argument ${name} should be a number from 0 on`);
}

/** @throws LovageError when it is there and no whole number from 0 on */
export function optionalCount(args: Arguments, name: string): number | null {
  const value = optionalNumber(args, name);
  if (value === null || Number.isSafeInteger(value)) return value;
  throw new LovageError("usage", `the argument ${name} should be a whole number`);
}

/** One text or a list of them, each once. @throws LovageError when it is anything else */
export function textsArgument(args: Arguments, name: string): readonly string[] {
  const value = args[name] ?? [];
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (texts.every((text) => typeof text === "string")) return [...new Set(texts)];
  throw new LovageError("usage", `the argument ${name} should be a list of texts`);
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
