// All the words of the log: for each event its level, its lines, and its fields for machines.
import { formatProblem } from "./error.ts";
import type { LovageEvent, Occasion } from "./event.ts";
import { byWhom, count, instant, span } from "./log-words.ts";
import { WORKER_WORDINGS } from "./log-worker.ts";

export type LineLevel = "info" | "warn" | "error";
export type EventOf<Type extends LovageEvent["type"]> = Extract<LovageEvent, { type: Type }>;

export interface Wording<Event> {
  readonly level: LineLevel | ((event: Event) => LineLevel);
  readonly text: (event: Event) => string;
  /** Lines under the first. */
  readonly more?: (event: Event) => readonly string[];
}

/** Problems of a bad schedule file that are spelled out; beyond it `beat check` has them all. */
const MOST_PROBLEMS = 20;

const SENDING: Readonly<Record<Occasion, string>> = {
  scheduled: "due task",
  missed: "missed task",
  manual: "task asked for by hand",
  backfill: "backfilled task",
};

const WORDINGS: { readonly [Type in LovageEvent["type"]]: Wording<EventOf<Type>> } = {
  "beat-started": {
    level: "info",
    text: ({ scope, term, entries }) => `beat: leading scope ${scope} with ${count(entries, "entry")} (term ${term})`,
  },
  "beat-standby": {
    level: "info",
    text: ({ scope, leader }) =>
      `beat: standing by: ${leader} leads scope ${scope} (if that is another project, give one of them its own --scope)`,
  },
  "beat-lost-lease": { level: "warn", text: ({ scope, reason }) => `beat: leads scope ${scope} no longer: ${reason}` },
  "beat-stopping": { level: "info", text: ({ reason }) => `beat: stopping: ${reason}` },
  "beat-stopped": {
    level: ({ unsent }) => (unsent > 0 ? "warn" : "info"),
    text: ({ unsent }) => `beat: stopped${unsent > 0 ? `; ${count(unsent, "due task")} not sent` : ""}`,
  },
  "occurrence-sent": {
    level: "info",
    text: ({ entry, task, taskId, queue, occurrence, dueAt, sentAt }) => {
      const when = occurrence === "scheduled" ? `${sentAt - dueAt} ms late` : `due ${instant(dueAt)}`;
      return `Scheduler: Sending ${SENDING[occurrence]} ${entry} (${task}) id=${taskId} queue=${queue}, ${when}`;
    },
  },
  "occurrence-duplicate": {
    level: "info",
    text: ({ entry, dueAt, taskId }) =>
      `Scheduler: ${entry} due ${instant(dueAt)} was enqueued before; not sent twice (id=${taskId})`,
  },
  "occurrences-missed": {
    // What its owner asked for is no reason to worry.
    level: ({ cause }) => (cause === "paused" || cause === "overlap" ? "info" : "warn"),
    text: ({ entry, cause, count: missed, atLeast, fromAt, toAt, reason }) => {
      const span = fromAt === toAt ? `due ${instant(fromAt)}` : `due ${instant(fromAt)} to ${instant(toAt)}`;
      const verb = cause === "paused" || cause === "overlap" ? "skipped" : "missed";
      return `Scheduler: ${entry} ${verb} ${atLeast ? "at least " : ""}${count(missed, "occurrence")} ${span}: ${reason}`;
    },
  },
  "overlap-given-up": {
    level: "warn",
    text: ({ entry, taskId, sentAt, limitMs }) =>
      `Scheduler: ${entry}: its run of ${instant(sentAt)} (id=${taskId}) has shown no end in ${span(limitMs)}; it counts as gone`,
  },
  "entry-paused": {
    level: "warn",
    text: ({ entry, ...pause }) => `Scheduler: ${entry} is paused ${byWhom(pause)}`,
  },
  "entry-resumed": {
    level: "info",
    text: ({ entry, by, catchUp }) =>
      `Scheduler: ${entry} is resumed by ${by}${catchUp ? ", and makes up what it missed" : ""}`,
  },
  "backfill-changed": {
    level: "info",
    text: ({ id, entry, status, sent, total, note }) =>
      `Scheduler: backfill ${id} of ${entry} is ${status}, ${sent}${total === null ? "" : ` of ${total}`} sent: ${note}`,
  },
  "ping-failed": {
    level: "warn",
    text: ({ entry, url, reason }) => `ping: ${entry}: ${url} was not reached: ${reason}`,
  },
  "marks-behind": {
    level: "warn",
    text: ({ scope, entries, entry }) =>
      `beat: the broker came back with old marks, or none: scope ${scope}, ${count(entries, "entry")} such as ${entry}; they are set right, but messages may be gone`,
  },
  "entry-finished": { level: "info", text: ({ entry, reason }) => `Scheduler: ${entry} is finished: ${reason}` },
  "entry-quarantined": {
    level: "error",
    text: ({ entry, reason }) => `Scheduler: ${entry} is set aside, the others go on: ${reason}`,
  },
  "publish-failed": {
    level: "error",
    text: ({ reason, waiting, retryInMs }) =>
      `Scheduler: cannot send: ${reason}; ${count(waiting, "due task")} waiting, next try in ${span(retryInMs)}`,
  },
  "publish-recovered": {
    level: "info",
    text: ({ waiting, downMs }) =>
      `Scheduler: sending again after ${span(downMs)}; ${count(waiting, "due task")} waited`,
  },
  "record-failed": { level: "error", text: ({ reason }) => `beat-record: not written: ${reason}` },
  "record-recovered": { level: "info", text: () => "beat-record: written again" },
  "record-moved-aside": {
    level: "error",
    text: ({ path, movedTo, reason }) =>
      `beat-record: ${path} was damaged (${reason}): it is kept as ${movedTo}, and a new one begins`,
  },
  "clock-jumped": {
    level: "warn",
    text: ({ byMs }) => `clock: the system time jumped ${span(Math.abs(byMs))} ${byMs < 0 ? "back" : "ahead"}`,
  },
  "mark-in-future": {
    level: "warn",
    text: ({ entry, markAt, count: marked, reset }) => {
      const whose = marked === 1 ? entry : `${count(marked, "entry")}, ${entry} furthest,`;
      const done = reset ? "set back to now" : "left so, that nothing is sent twice";
      return `Scheduler: ${whose} marked as sent up to ${instant(markAt)}, which is yet to come: ${done}`;
    },
  },
  "reload-applied": {
    level: "info",
    text: ({ added, changed, removed, entries }) =>
      `schedule: reloaded: ${added} added, ${changed} rescheduled, ${removed} removed; the others keep their place in time; now ${count(entries, "entry")}`,
  },
  "reload-failed": {
    level: "error",
    text: ({ problems }) =>
      `schedule: not reloaded, the last good one stays in force: ${count(problems.length, "problem")}`,
    more: ({ problems }) => {
      const rest = problems.length - MOST_PROBLEMS;
      const shown = problems.slice(0, MOST_PROBLEMS).map(formatProblem);
      return rest > 0 ? [...shown, `and ${rest} more: beat check tells all`] : shown;
    },
  },
  "broker-connected": { level: "info", text: ({ url }) => `Connected to ${url}` },
  "broker-disconnected": { level: "warn", text: ({ url, reason }) => `Connection to ${url} lost: ${reason}` },
  "http-listening": {
    level: ({ warning }) => (warning === null ? "info" : "warn"),
    text: ({ url, warning }) => `http: listening on ${url}${warning === null ? "" : `: ${warning}`}`,
  },
  failure: { level: "error", text: ({ where, reason }) => `${where}: ${reason}` },
  ...WORKER_WORDINGS,
};

export function levelOf(event: LovageEvent): LineLevel {
  const { level } = wordingOf(event);
  return typeof level === "string" ? level : level(event);
}

/** The text of an event: one line, and more only where it tells of several things. */
export function linesOf(event: LovageEvent): readonly string[] {
  const { text, more } = wordingOf(event);
  return [text(event), ...(more?.(event) ?? [])];
}

/** The event as fields for JSON, its instants in ISO 8601. */
export function fieldsOf(event: LovageEvent): Readonly<Record<string, unknown>> {
  const { type, ...rest } = event;
  const fields: Record<string, unknown> = { event: type };
  for (const [key, value] of Object.entries(rest)) {
    fields[key] = key.endsWith("At") && typeof value === "number" ? instant(value) : value;
  }
  return fields;
}

function wordingOf(event: LovageEvent): Wording<LovageEvent> {
  return WORDINGS[event.type] as Wording<LovageEvent>;
}
