// `/metrics`: all that is counted and measured, as one text. Nobody outside of this room sees the library that writes it.
import { Registry } from "prom-client";
import type { EventStream } from "../event.ts";
import { countEvents } from "./counters.ts";
import { type GaugeOptions, registerGauges } from "./gauges.ts";
import { registerProcessGauges } from "./process-gauges.ts";

export interface MetricsOptions extends GaugeOptions {
  readonly events: EventStream;
  /** False: without those of the process, such as memory and CPU. */
  readonly withProcess?: boolean;
}

export interface Metrics {
  readonly contentType: string;
  /** In the text format of Prometheus, everything as it is now. */
  render(): Promise<string>;
  end(): void;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const ofProcess = options.withProcess === false ? null : registerProcessGauges(registry);
  const endCounting = countEvents(registry, options.events, options.book);
  const collect = registerGauges(registry, options);
  let running: Promise<string> | null = null;
  const render = async (): Promise<string> => {
    ofProcess?.collect();
    await collect();
    return registry.metrics();
  };
  return {
    contentType: registry.contentType,
    // Who asks while another is being answered gets the same answer: the gauges are one set.
    render: () => {
      running ??= render().finally(() => {
        running = null;
      });
      return running;
    },
    end: () => {
      endCounting();
      ofProcess?.end();
      registry.clear();
    },
  };
}
