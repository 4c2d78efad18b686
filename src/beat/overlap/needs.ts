// `overlap` needs somebody who tells what became of a run. What is missing is said when the schedule is read, not when two
// runs have overlapped.
import type { App } from "../../app/app.ts";
import type { Conf } from "../../app/conf.ts";
import { LovageError, type Problem } from "../../error.ts";
import type { Entry } from "../../schedule/entry.ts";
import type { CallFacts } from "./gate.ts";

/** Who tells what became of runs, as the settings have it. */
export interface Tellers {
  readonly results: boolean;
  /** The workers send task events, says the setting `workerSendTaskEvents`. */
  readonly events: boolean;
  /** The backend hears of the beginning of a run, too. */
  readonly tracksStarted: boolean;
}

export function tellersOf(conf: Pick<Conf, "resultBackend" | "workerSendTaskEvents" | "taskTrackStarted">): Tellers {
  const { resultBackend: url } = conf;
  const results = url !== null && url !== "" && url !== "disabled";
  return { results, events: conf.workerSendTaskEvents, tracksStarted: conf.taskTrackStarted };
}

/**
 * Reads an entry's call off the message that is made for it, so that routes, settings and the task's own options count.
 * Each entry is asked for once.
 */
export function createCallFacts(app: Pick<App, "createEnvelope">): (entry: Entry) => CallFacts {
  const known = new WeakMap<Entry, CallFacts>();
  return (entry) => {
    const facts = known.get(entry) ?? readFacts(app, entry);
    known.set(entry, facts);
    return facts;
  };
}

function readFacts(app: Pick<App, "createEnvelope">, { task, args, kwargs, options }: Entry): CallFacts {
  const { expires: _, ...rest } = options;
  const { headers, destination } = app.createEnvelope({ task, args, kwargs, options: rest });
  return { queue: destination.queue ?? null, ignoresResult: headers["ignore_result"] === true };
}

/** What is missing for the overlap policies of the entries. Of what gives no message at all, the rehearsal tells. */
export function overlapProblems(entries: readonly Entry[], app: App): readonly Problem[] {
  const guarded = entries.filter(({ overlap }) => overlap !== "allow");
  if (guarded.length === 0) return [];
  const common = tellersOf(app.conf);
  const ignoresResult = resultCheck(app);
  return guarded.flatMap((entry) => {
    const tracksStarted = app.tasks.get(entry.task)?.options.trackStarted ?? common.tracksStarted;
    const missing = missingFor(entry, { ...common, tracksStarted }, ignoresResult(entry));
    if (missing === null) return [];
    const message = `${entry.source}: entry ${entry.name}: overlap: ${entry.overlap} ${missing.message}`;
    return [{ message, hint: missing.hint }];
  });
}

function resultCheck(app: App): (entry: Entry) => boolean {
  const callOf = createCallFacts(app);
  return (entry) => {
    try {
      return callOf(entry).ignoresResult;
    } catch {
      return false;
    }
  };
}

const eventsHint = "run the workers with -E and set worker_send_task_events: true";

function missingFor({ overlap }: Entry, tellers: Tellers, ignoresResult: boolean): LovageError | null {
  if (tellers.events) return null;
  if (!tellers.results) {
    const hint = `set result_backend, or ${eventsHint}`;
    return new LovageError("config", "needs to know when a run ends, and nobody tells", { hint });
  }
  if (ignoresResult) {
    const hint = `leave ignore_result out, or ${eventsHint}`;
    return new LovageError("config", "needs to know when a run ends, but its result is ignored", { hint });
  }
  if (overlap === "skip" || tellers.tracksStarted) return null;
  const hint = `set task_track_started: true, here and for the workers, or ${eventsHint}`;
  return new LovageError("config", "needs to know when a run begins, which the result backend is not told", { hint });
}
