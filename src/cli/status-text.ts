// How a beat is, in words and as data.
import { hostname } from "node:os";
import type { BeatStatus } from "../beat/steer/steering.ts";
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import { count, span } from "../log-words.ts";
import type { Alive } from "./alive.ts";
import { isoTime, relativeTime, table } from "./print.ts";

export interface Health {
  readonly isUp: boolean;
  /** `record`: its own word at the door of the record; `file`: what it last wrote beside it. */
  readonly via: "record" | "broker" | "file";
  readonly label: string;
  readonly leads: boolean;
  readonly entries: number;
  readonly unsent: number;
  /** Since it looked at the clock. */
  readonly silentForMs: number;
  /** All it says of itself; null where only the file speaks. */
  readonly status: BeatStatus | null;
  readonly record: string;
  readonly now: Instant;
}

interface Measure {
  readonly now: Instant;
  /** After this long without a look at the clock it is not up. */
  readonly silentMs: number;
}

/** A standby is at its work when it knows for whom. */
export function healthOf(status: BeatStatus, via: "record" | "broker", { now, silentMs }: Measure): Health {
  const { label, leads, entries, unsent, record } = status;
  const silentForMs = Math.max(0, now - status.lookedAt);
  const isUp = silentForMs <= silentMs && (leads || status.leader !== null);
  return { isUp, via, label, leads, entries, unsent, silentForMs, status, record, now };
}

/** @throws LovageError when its process is known to be dead */
export function healthOfFile(alive: Alive, record: string, { now, silentMs }: Measure): Health {
  const { pid, host, leads, entries, unsent, lookedAt } = alive;
  if (isGone(alive)) throw new LovageError("store", `the beat on ${record} is dead: pid ${pid} has ended`);
  const silentForMs = now - lookedAt;
  const isUp = silentForMs <= silentMs;
  return { isUp, via: "file", label: `${host}:${pid}`, leads, entries, unsent, silentForMs, status: null, record, now };
}

export function statusText(health: Health): string {
  const { isUp, label, entries, unsent, silentForMs, status, now } = health;
  const paused = status === null || status.paused === 0 ? "" : ` (${status.paused} paused)`;
  const late = status === null ? "" : `, ${status.lateMs === 0 ? "on time" : `${span(status.lateMs)} late`}`;
  const work = `${count(entries, "entry")}${paused}, ${unsent} unsent${late}`;
  const look = `last look at the clock ${(silentForMs / 1000).toFixed(1)} s ago`;
  const first = `${isUp ? "up" : word(health)}: ${named(label)} ${role(health)}, ${work}, ${look}\n`;
  if (status === null) return first;
  const since = `${relativeTime(status.startedAt, now)}${status.term === null ? "" : `, term ${status.term}`}`;
  const rows = [
    ["  scope", status.scope],
    ["  record", status.record],
    ["  broker", status.broker],
    ["  started", `${since}, lovage ${status.version}`],
  ];
  return first + table(rows);
}

export function statusTable(beats: readonly Health[]): string {
  const rows = beats.map((health) => {
    const { label, entries, unsent, status, isUp, now } = health;
    const { scope = "", record = "", version = "", paused = 0, lateMs = 0, startedAt = now } = status ?? {};
    const late = lateMs === 0 ? "-" : span(lateMs);
    const numbers = [String(entries), String(paused), String(unsent), late];
    return [
      scope,
      label,
      `${role(health)}${isUp ? "" : `, ${word(health)}`}`,
      ...numbers,
      relativeTime(startedAt, now),
      record,
      version,
    ];
  });
  const heads = ["SCOPE", "BEAT", "ROLE", "ENTRIES", "PAUSED", "UNSENT", "LATE", "STARTED", "RECORD", "VERSION"];
  return table([heads, ...rows]);
}

export function statusJson(health: Health): Readonly<Record<string, unknown>> {
  const { isUp, via, label, leads, entries, unsent, silentForMs, status, record, now } = health;
  const known = { up: isUp, via, label, leads, record, entries, unsent, looked_at: isoTime(now - silentForMs) };
  if (status === null) return known;
  const { scope, leader, term, paused, broker, version } = status;
  const more = { scope, leader, term, paused, late_ms: status.lateMs, broker, version };
  return { ...known, ...more, started_at: isoTime(status.startedAt) };
}

function word({ leads, status, silentForMs }: Health): string {
  return !leads && status?.leader === null && silentForMs < 1000 ? "waiting" : "silent";
}

function role({ leads, status }: Health): string {
  if (leads) return "leads";
  if (status === null) return "stands by";
  return status.leader === null ? "stands by, and does not know for whom" : `stands by for ${status.leader}`;
}

/** `pid 8483 on vm` */
function named(label: string): string {
  const at = label.lastIndexOf(":");
  return at < 0 ? label : `pid ${label.slice(at + 1)} on ${label.slice(0, at)}`;
}

/** Only of a process on this host can that be known. */
function isGone({ pid, host }: Alive): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
