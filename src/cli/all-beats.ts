// Every beat that answers over the broker, not only the one that leads.
import { Control } from "../app/control.ts";
import type { BeatStatus } from "../beat/steer/steering.ts";
import { type AskOptions, askedScope, findBeats } from "./ask-beat.ts";
import { openApp } from "./open.ts";

/** The leader of each scope first. Without `--scope` and `-A`, of all scopes. */
export async function askAllBeats(options: AskOptions): Promise<readonly BeatStatus[]> {
  const { app } = await openApp(options);
  const { timeout } = options;
  try {
    const found = await findBeats(new Control(app), { scope: askedScope(options, app), timeout });
    return found.map(({ status }) => status).sort(byScopeAndRank);
  } finally {
    await app.close();
  }
}

function byScopeAndRank(left: BeatStatus, right: BeatStatus): number {
  if (left.scope !== right.scope) return left.scope < right.scope ? -1 : 1;
  if (left.leads !== right.leads) return left.leads ? -1 : 1;
  return left.startedAt - right.startedAt;
}
