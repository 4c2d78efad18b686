// One line on how beat stands, for `systemctl status`.
import { count, span } from "../log-words.ts";
import type { SubjectStatus } from "./subject.ts";

/** Lateness below this is the ordinary course of things. */
const newsMs = 1000;

/** @param status null while beat starts */
export function statusLine(status: SubjectStatus | null): string {
  if (status === null) return "starting";
  const { leads, leader, scope } = status;
  if (leads) return `leads scope ${scope} with ${count(status.entries, "entry")}${lateText(status)}`;
  return leader === null ? "waits for the broker" : `stands by: ${leader} leads scope ${scope}`;
}

function lateText({ lateMs, unsent }: SubjectStatus): string {
  return lateMs < newsMs ? "" : `; ${count(unsent, "occurrence")} not sent, the oldest ${span(lateMs)} late`;
}
