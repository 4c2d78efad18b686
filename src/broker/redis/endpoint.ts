// What a broker gives to those that keep connections of their own, and what it keeps of them until they close.
import type { Clock } from "../../clock.ts";
import type { BrokerConnection } from "./connection.ts";

export interface Endpoint {
  close(): Promise<void>;
}

export interface EndpointContext {
  readonly connection: BrokerConnection;
  readonly clock: Clock;
  readonly onClosed: (endpoint: Endpoint) => void;
}

/** The pause before the first try to reach Redis again, and the longest. */
export const retry = Object.freeze({ firstMs: 100, mostMs: 5000 });
