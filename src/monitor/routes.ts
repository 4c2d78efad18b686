// The paths that a beat serves with `--http`, and which question each answers.
import { isReady } from "./health.ts";
import type { HttpAddress } from "./http-address.ts";
import type { Metrics } from "./metrics.ts";
import type { Monitor } from "./monitor.ts";
import { jsonPage, type Page, type Routes, textPage } from "./server.ts";

export function beatRoutes(monitor: Monitor, metrics: Metrics): Routes {
  return {
    "/healthz": {
      about: "how well it is: ok, degraded (200) or down (503), and why",
      render: () => {
        const health = monitor.health();
        return jsonPage(health.status === "down" ? 503 : 200, health);
      },
    },
    "/livez": {
      about: "whether a restart could help: 503 when the loop hangs",
      render: () => (monitor.isLive() ? textPage(200, "ok") : textPage(503, "the loop does not look at the clock")),
    },
    "/readyz": {
      about: "whether it leads or stands by, and knows its schedule",
      render: () => readyPage(monitor),
    },
    "/metrics": {
      about: "for Prometheus",
      render: async () => ({ status: 200, contentType: metrics.contentType, body: await metrics.render() }),
    },
  };
}

function readyPage(monitor: Monitor): Page {
  const status = monitor.status();
  if (status === null || !isReady({ beat: status })) return textPage(503, "not ready: it does not know yet who leads");
  return textPage(200, status.leads ? "ok: it leads" : `ok: it stands by, ${status.leader ?? "nobody"} leads`);
}

/** What to say of an address that others can reach; null where only this machine can. */
export function openWarning({ isLoopback, host }: HttpAddress): string | null {
  return isLoopback
    ? null
    : `${host} is open to the network, without a password: names of entries and tasks can be read`;
}
