// How well beat is, as data: what is asked of it, by whom, and one sentence on each answer. Pure.
import type { Instant } from "../clock.ts";
import { formatProblem, type Problem } from "../error.ts";
import { count, span } from "../log-words.ts";
import type { SubjectStatus } from "./subject.ts";

/** `down`: nothing is sent. `degraded`: it works, and somebody should look. */
export type HealthStatus = "ok" | "degraded" | "down";

export interface Check {
  readonly status: HealthStatus;
  /** One sentence for people. */
  readonly text: string;
  readonly problems?: readonly string[];
}

export const checkNames = ["loop", "lateness", "broker", "store", "schedule"] as const;
export type CheckName = (typeof checkNames)[number];

export interface Health {
  /** The worst of the checks. */
  readonly status: HealthStatus;
  readonly checks: Readonly<Record<CheckName, Check>>;
}

export interface HealthFacts {
  readonly now: Instant;
  /** Null while beat still starts: it reads its schedule, or waits for its record. */
  readonly beat: SubjectStatus | null;
  /** The longest sleep between two looks at the clock. */
  readonly maxIntervalMs: number;
  /** How long the broker has been away; null while it answers. */
  readonly brokerAway: { readonly forMs: number; readonly reason: string } | null;
  readonly recordFailure: string | null;
  readonly reloadProblems: readonly Problem[];
  readonly quarantined: readonly { readonly entry: string; readonly reason: string }[];
}

/** A loop that misses three looks has stopped: one may be missed on a machine that is short of breath. */
const looksMissed = 3;
const leastSilenceMs = 15_000;
const lateMs = 5000;
const brokerAwayMs = 60_000;
const mostProblems = 20;

export function judgeHealth(facts: HealthFacts): Health {
  const checks = {
    loop: judgeLoop(facts),
    lateness: judgeLateness(facts),
    broker: judgeBroker(facts),
    store: judgeStore(facts),
    schedule: judgeSchedule(facts),
  };
  const statuses = Object.values(checks).map(({ status }) => status);
  const worst = (["down", "degraded"] as const).find((status) => statuses.includes(status)) ?? "ok";
  return { status: worst, checks };
}

/** Whether a restart could help: the loop looks at the clock. Neither a broker's absence nor a bad file is mended by one. */
export function isLive({ beat, now, maxIntervalMs }: Pick<HealthFacts, "beat" | "now" | "maxIntervalMs">): boolean {
  return beat === null || silenceMs(beat, now) <= Math.max(looksMissed * maxIntervalMs, leastSilenceMs);
}

/** Whether it does its part: it knows its schedule, and leads or stands by for somebody. */
export function isReady({ beat }: Pick<HealthFacts, "beat">): boolean {
  return beat !== null && (beat.leads || beat.leader !== null);
}

/** How long it has not looked at the clock; not below 0 where the clock was set back. */
export function silenceMs({ lookedAt }: SubjectStatus, now: Instant): number {
  return Math.max(0, now - lookedAt);
}

function judgeLoop(facts: HealthFacts): Check {
  const { beat, now } = facts;
  if (beat === null) return { status: "degraded", text: "beat is starting" };
  const text = `the loop looked at the clock ${span(silenceMs(beat, now))} ago`;
  return isLive(facts) ? ok(text) : { status: "down", text: `${text}: it hangs` };
}

function judgeLateness({ beat }: HealthFacts): Check {
  if (beat === null || beat.lateMs === 0) return ok("nothing is overdue");
  const text = `${count(beat.unsent, "occurrence")} not sent yet, the oldest ${span(beat.lateMs)} late`;
  return { status: beat.lateMs > lateMs ? "degraded" : "ok", text };
}

function judgeBroker({ beat, brokerAway }: HealthFacts): Check {
  if (brokerAway !== null) {
    const text = `the broker has been away for ${span(brokerAway.forMs)}: ${brokerAway.reason}`;
    return { status: brokerAway.forMs > brokerAwayMs ? "down" : "degraded", text };
  }
  if (beat === null) return ok("not asked yet");
  return ok(beat.leads ? "this beat leads" : `standing by: ${beat.leader ?? "nobody yet"} leads`);
}

function judgeStore({ recordFailure }: HealthFacts): Check {
  if (recordFailure === null) return ok("the beat-record is written");
  return { status: "degraded", text: `the beat-record is not written: ${recordFailure}` };
}

function judgeSchedule({ beat, reloadProblems, quarantined }: HealthFacts): Check {
  const problems = [
    ...reloadProblems.map(formatProblem),
    ...quarantined.map(({ entry, reason }) => `${entry} is set aside: ${reason}`),
  ];
  if (problems.length === 0) return ok(beat === null ? "not read yet" : entriesText(beat));
  const texts = [
    ...(reloadProblems.length === 0 ? [] : ["the last reload was refused: the schedule before it is in force"]),
    ...(quarantined.length === 0 ? [] : [`${count(quarantined.length, "entry")} set aside`]),
  ];
  return { status: "degraded", text: texts.join("; "), problems: problems.slice(0, mostProblems) };
}

function entriesText({ entries, paused }: SubjectStatus): string {
  return `${count(entries, "entry")}${paused === 0 ? "" : `, ${paused} of them paused`}`;
}

function ok(text: string): Check {
  return { status: "ok", text };
}
