// `events`: prints what workers report as it comes, one line for each event, like `celery events --dump`.
import { systemClock } from "../clock.ts";
import { messageOf } from "../error.ts";
import { oneLine } from "../log-text.ts";
import { isoFormat } from "../protocol/iso-time.ts";
import { pythonRepr } from "../protocol/repr.ts";
import { readEvents, type TaskEvent } from "../protocol/task-event.ts";
import { openApp } from "./open.ts";
import type { CommonOptions } from "./options.ts";

export interface EventsOptions extends CommonOptions {
  /** The only way there is: accepted for Celery's sake. */
  readonly dump?: boolean;
}

/** @param stop ends the command; SIGINT and SIGTERM when it is left out */
export async function eventsCommand(options: EventsOptions, stop: AbortSignal = untilSignal()): Promise<number> {
  const { app } = await openApp(options);
  const dump = createDump();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    const broker = await app.broker();
    const listener = await broker.listen(app.conf.eventExchange, (envelope) => {
      try {
        for (const event of readEvents(envelope)) say(dump(event));
      } catch (error) {
        process.stderr.write(`events: ${oneLine(messageOf(error))}\n`);
      }
    });
    say("-> evdump: starting capture...");
    await aborted(stop);
    await listener.close();
    return 0;
  } finally {
    await app.close();
  }
}

const humanTypes: Readonly<Record<string, string>> = Object.freeze({
  "worker-offline": "shutdown",
  "worker-online": "started",
  "worker-heartbeat": "heartbeat",
});
/** Only the first event of a task names it; so many names are kept for those that follow. */
const mostTasks = 4095;

/** The line of each event, in Celery's form: `host [time] task succeeded: proj.add(id) args=[] kwargs={} result=5`. */
export function createDump(): (event: TaskEvent) => string {
  const tasks = new Map<string, string>();
  return ({ hostname, type, timestamp, ...fields }) => {
    const time = typeof timestamp === "number" ? timestamp * 1000 : systemClock.now();
    const task = type.startsWith("task-") ? `${takeTask(tasks, type, fields)} ` : "";
    const shown = Object.keys(fields)
      .sort()
      .map((key) => `${key}=${textOf(fields[key])}`);
    const words = humanTypes[type] ?? type.replaceAll("-", " ");
    const separator = shown.length === 0 ? "" : ":";
    return oneLine(`${hostname} [${utcText(time)}] ${words}${separator} ${task}${shown.join(", ")}`);
  };
}

/** Takes out of the fields what names the task, and remembers it. */
function takeTask(tasks: Map<string, string>, type: string, fields: Record<string, unknown>): string {
  const id = textOf(fields["uuid"]);
  delete fields["uuid"];
  if (type !== "task-received" && type !== "task-sent") return tasks.get(id) ?? "";
  const { name, args, kwargs } = fields;
  const text = `${textOf(name)}(${id}) args=${textOf(args)} kwargs=${textOf(kwargs)}`;
  for (const key of ["name", "args", "kwargs"]) delete fields[key];
  tasks.delete(id);
  tasks.set(id, text);
  const [oldest] = tasks.keys();
  if (tasks.size > mostTasks && oldest !== undefined) tasks.delete(oldest);
  return text;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : pythonRepr(value);
}

/** `2026-11-21 09:18:54.224833` */
function utcText(at: number): string {
  return isoFormat(at).replace("T", " ").replace("+00:00", "");
}

function untilSignal(): AbortSignal {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  return stopping.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
