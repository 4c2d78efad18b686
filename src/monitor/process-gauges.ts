// The metrics of the process itself: the library's usual ones, but for the lag of the event loop, which it watches a hundred
// times a second; that would cost an idle beat more than all else it does.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { collectDefaultMetrics, Gauge, type Registry } from "prom-client";

export interface ProcessGauges {
  /** Brings them up to date. */
  collect(): void;
  end(): void;
}

const sampleMs = 100;
/** As good as never: its own watch cannot be left out. */
const neverMs = 24 * 3_600_000;
const statistics = ["min", "max", "mean", "stddev", "p50", "p90", "p99"] as const;

export function registerProcessGauges(registry: Registry): ProcessGauges {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: neverMs });
  for (const name of statistics) registry.removeSingleMetric(`nodejs_eventloop_lag_${name}_seconds`);
  const histogram = monitorEventLoopDelay({ resolution: sampleMs });
  const median = gaugeOf(registry, "p50", "The median of");
  const late = gaugeOf(registry, "p99", "The 99th percentile of");
  const most = gaugeOf(registry, "max", "The greatest of");
  // What is measured is the whole time between two samples.
  const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - sampleMs / 1000);
  histogram.enable();
  return {
    collect: () => {
      median.set(seconds(histogram.percentile(50)));
      late.set(seconds(histogram.percentile(99)));
      most.set(seconds(histogram.max));
      histogram.reset();
    },
    end: () => histogram.disable(),
  };
}

function gaugeOf(registry: Registry, name: string, which: string): Gauge {
  const help = `${which} the delays of the event loop since the last scrape, sampled every ${sampleMs} ms.`;
  return new Gauge({ name: `nodejs_eventloop_lag_${name}_seconds`, help, registers: [registry] });
}
