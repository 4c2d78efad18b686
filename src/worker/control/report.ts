// What belongs into a bug report: versions, machine and settings, nothing secret.
import { arch, release, type } from "node:os";
import type { App } from "../../app/app.ts";
import { pythonRepr } from "../../protocol/repr.ts";
import { schemeOf } from "../../redis/url.ts";
import { software } from "../../remote/heartbeat.ts";
import { shownSettings } from "./shown-settings.ts";

/** Several lines, in the form of `celery report`. */
export function bugReport(app: App): string {
  const settings = shownSettings(app, false);
  const { node, v8 } = process.versions;
  const results = shownSettings(app, true)["result_backend"];
  const head = [
    `software -> lovage:${software.sw_ver} node:${node} v8:${v8}`,
    `platform -> system:${type()} arch:${arch()} kernel version:${release()}`,
    `app      -> ${app.name}: ${app.tasks.size} tasks`,
    `settings -> transport:${schemeOf(app.conf.brokerUrl) ?? "none"} results:${typeof results === "string" ? results : "disabled"}`,
  ];
  const rows = Object.entries(settings).map(([name, value]) => `${name}: ${pythonRepr(value)}`);
  return `\n${[...head, "", ...rows].join("\n")}\n`;
}
