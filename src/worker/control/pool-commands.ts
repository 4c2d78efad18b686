// The pool: larger, smaller, anew, and how far it may scale by itself.
import { LovageError } from "../../error.ts";
import { ok, pythonError, refused } from "../../remote/answer.ts";
import { type Arguments, optionalCount } from "../../remote/arguments.ts";
import { begin, type Commands, control, type Panel } from "./panel.ts";

export const poolCommands: Commands = Object.freeze({
  pool_grow: control((panel, args) => resize(panel, "pool_grow", optionalCount(args, "n") ?? 1)),
  pool_shrink: control((panel, args) => resize(panel, "pool_shrink", -(optionalCount(args, "n") ?? 1))),
  pool_restart: control(restart),
  autoscale: control(setAutoscale),
});

async function resize(panel: Panel, command: string, by: number): Promise<unknown> {
  const { steering } = panel;
  if (steering.autoscale !== null) {
    return refused(`${command} is not supported with autoscale. Adjust autoscale range instead.`);
  }
  const size = steering.pool.size + by;
  if (size < 1) throw new LovageError("usage", `the pool has ${steering.pool.size} and needs at least one`);
  await begin(panel, steering.resizePool(size));
  return ok(by < 0 ? "pool will shrink" : "pool will grow");
}

async function restart(panel: Panel, args: Arguments): Promise<unknown> {
  if (!panel.settings.workerPoolRestarts) return refused(pythonError("ValueError", "Pool restarts not enabled"));
  if (args["reload"] === true) throw new LovageError("usage", "modules are not reloaded here: restart the worker");
  await begin(panel, panel.steering.pool.restart());
  return ok("reload started");
}

async function setAutoscale(panel: Panel, args: Arguments): Promise<unknown> {
  const { autoscale } = panel.steering;
  if (autoscale === null) return refused(pythonError("ValueError", "Autoscale not enabled"));
  const max = optionalCount(args, "max") ?? autoscale.max;
  const min = optionalCount(args, "min") ?? Math.min(autoscale.min, max);
  if (max < 1 || min > max) throw new LovageError("usage", `autoscale from ${min} to ${max} is no range`);
  await begin(panel, panel.steering.setAutoscale(max, min));
  return ok(`autoscale now max=${max} min=${min}`);
}
