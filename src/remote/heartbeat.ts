// Tells monitors that a node is there, that it is alive, and that it goes.
import { loadavg, type } from "node:os";
import { readFileSync } from "node:fs";
import { type Clock, untilRoundMs } from "../clock.ts";
import type { Service } from "../service.ts";
import type { EventSink } from "./event-sink.ts";

export interface NodeLoad {
  /** Tasks that run now. */
  readonly active: number;
  /** Tasks started, or sent, since the node began. */
  readonly processed: number;
}

export interface HeartbeatOptions {
  readonly events: EventSink;
  readonly clock: Clock;
  readonly load: () => NodeLoad;
  /** Celery's is two seconds; monitors take a worker for dead that is silent for a few of these. */
  readonly intervalMs?: number;
}

const standardIntervalMs = 2000;

export class Heartbeat implements Service {
  readonly #options: HeartbeatOptions;
  readonly #intervalMs: number;
  #running: AbortController | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#intervalMs = options.intervalMs ?? standardIntervalMs;
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) return;
    this.#running = new AbortController();
    this.#send("worker-online");
    void this.#beat(this.#running.signal);
  }

  async stop(): Promise<void> {
    if (this.#running === undefined) return;
    this.#running.abort();
    this.#running = undefined;
    this.#send("worker-offline");
  }

  async #beat(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { clock } = this.#options;
      await clock.sleep(untilRoundMs(clock, this.#intervalMs), signal);
      if (signal.aborted) return;
      this.#send("worker-heartbeat");
    }
  }

  #send(event: string): void {
    this.#options.events.send(event, heartbeatFields(this.#options.load(), this.#intervalMs));
  }
}

/** The fields of `worker-online`, `worker-heartbeat` and `worker-offline`, in Celery's order. */
export function heartbeatFields(
  { active, processed }: NodeLoad,
  intervalMs: number = standardIntervalMs,
): Readonly<Record<string, unknown>> {
  const load = loadavg().map((average) => Math.round(average * 100) / 100);
  return { freq: intervalMs / 1000, active, processed, loadavg: load, ...software };
}

/** What we are, for monitors that show it. */
export const software = Object.freeze({ sw_ident: "lovage", sw_ver: packageVersion(), sw_sys: type() });

function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
