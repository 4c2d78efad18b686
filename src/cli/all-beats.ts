// Every beat that answers over the broker, not only the one that leads.
import { Control } from "../app/control.ts";
import { everyBeat } from "../beat/reach/node.ts";
import { readBeatAnswer } from "../beat/reach/remote-steering.ts";
import type { BeatStatus } from "../beat/steer/steering.ts";
import type { AskOptions } from "./ask-beat.ts";
import { openApp } from "./open.ts";

/** The leader of each scope first. Without `--scope` and `-A`, of all scopes. */
export async function askAllBeats(options: AskOptions): Promise<readonly BeatStatus[]> {
  const { app } = await openApp(options);
  const scope = options.scope ?? (options.app === undefined ? null : app.name);
  const address = { pattern: everyBeat, matcher: "glob", timeout: options.timeout ?? 1, reply: true } as const;
  try {
    const replies = await new Control(app).broadcast("beat_status", { scope }, address);
    return replies.flatMap((reply) => Object.values(reply).flatMap(statusIn)).sort(byScopeAndRank);
  } finally {
    await app.close();
  }
}

/** Whoever may have answered what: only a beat's status counts. */
function statusIn(answer: unknown): readonly BeatStatus[] {
  try {
    const status = readBeatAnswer(answer) as BeatStatus;
    return typeof status.scope === "string" && typeof status.label === "string" ? [status] : [];
  } catch {
    return [];
  }
}

function byScopeAndRank(left: BeatStatus, right: BeatStatus): number {
  if (left.scope !== right.scope) return left.scope < right.scope ? -1 : 1;
  if (left.leads !== right.leads) return left.leads ? -1 : 1;
  return left.startedAt - right.startedAt;
}
