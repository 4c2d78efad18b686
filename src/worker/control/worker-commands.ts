// Commands about the worker itself: is it there, how is it, what does it tell monitors, and the end.
import { heartbeatFields } from "../../remote/heartbeat.ts";
import { ok, refused } from "../../remote/answer.ts";
import { type Arguments, optionalText, textsArgument } from "../../remote/arguments.ts";
import { type Commands, control, inspect, type Panel } from "./panel.ts";
import { bugReport } from "./report.ts";
import { shownSettings } from "./shown-settings.ts";
import { workerStats } from "./stats.ts";

/** What Celery announces with a heartbeat that was asked for. */
const askedHeartbeatMs = 5000;

const conf = inspect(({ steering }, { with_defaults: withDefaults }) =>
  shownSettings(steering.app, withDefaults === true),
);

export const workerCommands: Commands = Object.freeze({
  ping: inspect(() => ok("pong")),
  stats: inspect(workerStats),
  clock: inspect(({ lamport }) => ({ clock: lamport.value })),
  conf,
  dump_conf: conf,
  report: inspect(({ steering }) => ok(bugReport(steering.app))),
  hello: inspect(hello),
  memsample: inspect(() => `${(process.memoryUsage.rss() / 1024 / 1024).toFixed(2)}MB`),
  memdump: inspect(() => refused("memdump is of Python workers; here: inspect memsample, or node --heap-prof")),
  objgraph: inspect(() => refused("objgraph is of Python workers; here: node --heapsnapshot-signal=SIGUSR2")),
  enable_events: control(({ events }) => {
    if (events.enabled) return ok("task events already enabled");
    events.enable();
    return ok("task events enabled");
  }),
  disable_events: control(({ events }) => {
    if (!events.enabled) return ok("task events already disabled");
    events.disable();
    return ok("task events disabled");
  }),
  heartbeat: control(sendHeartbeat),
  // Of workers that gossip; this one takes no part.
  election: inspect(() => null),
  shutdown: control(({ steering }, args) => {
    steering.shutdown(optionalText(args, "msg") ?? "Got shutdown from remote");
    return ok("shutting down");
  }),
});

/** A Python worker that starts asks so, and tells what it knows to be revoked; the same it wants to hear. */
function hello({ steering, clock, lamport }: Panel, args: Arguments): unknown {
  if (args["from_node"] === steering.hostname) return null;
  const told = args["revoked"];
  const isMap = typeof told === "object" && told !== null && !Array.isArray(told);
  const ids = isMap ? Object.keys(told) : textsArgument(args, "revoked");
  if (ids.length > 0) steering.revoke(ids);
  // Python takes nothing but a float for a time: never a whole number.
  const seconds = Math.floor(clock.now() / 1000) + 0.5;
  const revoked = steering.revoked().map((id) => [id, [seconds, id]]);
  return { revoked: Object.fromEntries(revoked), clock: lamport.forward() };
}

function sendHeartbeat({ steering, events }: Panel): null {
  const processed = Object.values(steering.totals()).reduce((sum, count) => sum + count, 0);
  const load = { active: steering.active().length, processed };
  events.send("worker-heartbeat", heartbeatFields(load, askedHeartbeatMs));
  return null;
}
