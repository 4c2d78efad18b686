// Asks the result backend what became of runs: all that a tick needs to know in one question.
import type { App } from "../../app/app.ts";
import { isReady } from "../../protocol/result-meta.ts";
import { noteProgress, type Progress } from "./runs.ts";
import type { RunSource } from "./source.ts";

/** States that a task has before it begins. */
const beforeStart: ReadonlySet<string> = new Set(["PENDING", "RECEIVED"]);

/** Opens the app's backend at the first question, and closes it with the app's connections. */
export function createResultSource(app: Pick<App, "backend" | "close">): RunSource {
  return {
    name: "the result backend",
    needsResults: true,
    look: async (runs) => {
      const backend = await app.backend();
      const metas = (await backend?.get(runs.map(({ taskId }) => taskId))) ?? [];
      for (const [index, run] of runs.entries()) noteProgress(run, progressOf(metas[index]?.state));
    },
    close: async () => app.close(),
  };
}

function progressOf(state: string | undefined): Progress {
  if (state === undefined || beforeStart.has(state)) return "unknown";
  return isReady(state) ? "ended" : "begun";
}
