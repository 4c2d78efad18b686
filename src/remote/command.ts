// What a remote-control command is, whoever serves it.
import type { Arguments } from "./arguments.ts";

/** What `inspect` asks changes nothing; what `control` asks may, so such commands wait for each other. */
export interface Command<Panel> {
  readonly kind: "inspect" | "control";
  /** Returns JSON data, or {@link silence}. What it throws becomes an answer that says why. */
  readonly run: (panel: Panel, args: Arguments) => unknown;
}

/** By name. `Panel` is what its commands work with. */
export type Commands<Panel> = Readonly<Record<string, Command<Panel>>>;

export function inspect<Panel>(run: Command<Panel>["run"]): Command<Panel> {
  return Object.freeze({ kind: "inspect", run });
}

export function control<Panel>(run: Command<Panel>["run"]): Command<Panel> {
  return Object.freeze({ kind: "control", run });
}

/** In place of an answer: the command was meant for somebody else. */
export const silence: unique symbol = Symbol("silence");
