// Puts the gate together from what the app's settings offer.
import type { App } from "../../app/app.ts";
import { Control } from "../../app/control.ts";
import type { Broker } from "../../broker/broker.ts";
import type { Clock } from "../../clock.ts";
import type { EventStream } from "../../event.ts";
import type { OverlapGate } from "./overlap.ts";
import { EventSource, type EventSourceOptions } from "./events.ts";
import { RunGate } from "./gate.ts";
import { createCallFacts, tellersOf } from "./needs.ts";
import { createResultSource } from "./results.ts";
import { KnownRuns } from "./runs.ts";
import type { RunSource } from "./source.ts";

export interface OverlapGateOptions {
  readonly app: App;
  readonly scope: string;
  /** The one that beat publishes to; the gate does not close it. */
  readonly broker: Broker;
  readonly events: EventStream;
  readonly clock: Clock;
}

/** How long a run counts as under way where neither its entry nor the settings say when results expire. */
const defaultLimitMs = 86_400_000;
/** Workers answer within milliseconds, if at all. */
const questionSeconds = 0.8;

/** Opens nothing before an entry needs it; closing it closes the app's connections. */
export function createOverlapGate({ app, broker, ...options }: OverlapGateOptions): OverlapGate {
  const { resultExpires, eventExchange: exchange } = app.conf;
  const runs = new KnownRuns();
  const tellers = tellersOf(app.conf);
  const control = new Control({ broker: async () => broker, conf: app.conf }, options.clock);
  const inspect: EventSourceOptions["inspect"] = (destination) =>
    control.inspect({ destination, timeout: questionSeconds });
  const sources: readonly RunSource[] = [
    ...(tellers.results ? [createResultSource(app)] : []),
    ...(tellers.events ? [new EventSource({ broker, exchange, inspect, runs, clock: options.clock })] : []),
  ];
  const limitMs = resultExpires === null || resultExpires === 0 ? defaultLimitMs : resultExpires * 1000;
  return new RunGate({ ...options, sources, runs, callOf: createCallFacts(app), limitMs });
}
