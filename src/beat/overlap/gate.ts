// Decides whether occurrences may go by what became of their entries' previous runs. When nobody can tell, they are held: that
// two runs never overlap is what the user asked for.
import type { Clock } from "../../clock.ts";
import { LovageError, messageOf } from "../../error.ts";
import type { EventStream, LovageEvent } from "../../event.ts";
import { instant, span } from "../../log-words.ts";
import type { Entry } from "../../schedule/entry.ts";
import { type Occurrence, occurrenceId } from "../occurrence.ts";
import type { Admission, Candidate, OverlapGate } from "./overlap.ts";
import type { KnownRun, KnownRuns } from "./runs.ts";
import type { RunSource } from "./source.ts";

export interface RunGateOptions {
  readonly scope: string;
  readonly clock: Clock;
  readonly events: Pick<EventStream, "emit" | "subscribe">;
  /** In the order in which they are asked; a later one only about runs of which the earlier ones know too little. */
  readonly sources: readonly RunSource[];
  readonly runs: KnownRuns;
  readonly callOf: (entry: Entry) => CallFacts;
  /** For entries without a limit of their own: so long a run without an end counts as under way. */
  readonly limitMs: number;
}

/** What the settings make of an entry's call. */
export interface CallFacts {
  /** Null where it goes through an exchange. */
  readonly queue: string | null;
  readonly ignoresResult: boolean;
}

/** How long one source may take for its answer. */
const answerMs = 2000;
/** After a source failed it is left alone for as long, so that questions cannot pile up. */
const pauseMs = 2000;

export class RunGate implements OverlapGate {
  readonly #options: RunGateOptions;
  readonly #failures = new Map<RunSource, { readonly at: number; readonly reason: string }>();
  readonly #unsubscribe: () => void;

  constructor(options: RunGateOptions) {
    this.#options = options;
    this.#unsubscribe = options.events.subscribe((event) => this.#hear(event));
  }

  async admit(candidates: readonly Candidate[]): Promise<Admission> {
    const { runs, sources } = this.#options;
    const asked = candidates.map(({ occurrence, previous }) => ({
      occurrence,
      run: previous === null ? null : runs.know(occurrence.entry.name, previous),
    }));
    for (const source of sources) await this.#look(source, asked);
    const go: Occurrence[] = [];
    const held: { readonly occurrence: Occurrence; readonly reason: string }[] = [];
    const gone = new Map<string, KnownRun>();
    for (const { occurrence, run } of asked) {
      const { entry } = occurrence;
      const reason = this.#reasonToHold(entry, gone.get(entry.name) ?? run);
      if (reason !== null) held.push({ occurrence, reason });
      else {
        go.push(occurrence);
        gone.set(entry.name, runs.expect(entry.name, this.#idOf(occurrence), this.#options.clock.now()));
      }
    }
    return { go, held };
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await Promise.allSettled(this.#options.sources.map((source) => source.close()));
  }

  /** Never rejects: a source that fails is remembered with its reason. */
  async #look(source: RunSource, asked: readonly Asked[]): Promise<void> {
    const { clock, callOf } = this.#options;
    const failure = this.#failures.get(source);
    if (failure !== undefined && clock.monotonic() - failure.at < pauseMs) return;
    const open = asked.filter((one): one is Open => one.run !== null && !isDone(one.occurrence.entry, one.run));
    const known = open.filter(({ occurrence }) => !(source.needsResults && callOf(occurrence.entry).ignoresResult));
    const queues = new Map(known.map(({ run, occurrence }) => [run, callOf(occurrence.entry).queue]));
    try {
      await this.#within(async () => {
        await source.prepare?.();
        if (queues.size > 0) await source.look([...queues.keys()], (run) => queues.get(run) ?? null);
      });
      this.#failures.delete(source);
    } catch (error) {
      this.#failures.set(source, { at: clock.monotonic(), reason: `${source.name}: ${messageOf(error)}` });
    }
  }

  async #within(work: () => Promise<void>): Promise<void> {
    const timer = new AbortController();
    const late = this.#options.clock.sleep(answerMs, timer.signal).then(() => {
      throw new LovageError("result", `no answer within ${span(answerMs)}`);
    });
    // When the work is done first, nobody waits for this one any more.
    late.catch(() => undefined);
    try {
      await Promise.race([work(), late]);
    } finally {
      timer.abort();
    }
  }

  /** Null: it may go. */
  #reasonToHold(entry: Entry, run: KnownRun | null): string | null {
    if (run === null || isDone(entry, run)) return null;
    const { clock, events, limitMs } = this.#options;
    const now = clock.now();
    run.sentAt = Math.min(run.sentAt, now);
    const { taskId, sentAt } = run;
    const limit = entry.overlapLimitMs ?? limitMs;
    if (now - sentAt >= limit) {
      events.emit({ type: "overlap-given-up", entry: entry.name, taskId, sentAt, limitMs: limit });
      return null;
    }
    const what = entry.overlap === "skip_queued" ? "has not begun" : "has not ended";
    const [failed] = [...this.#failures.values()].map(({ reason }) => ` as far as is known (${reason})`);
    return `overlap: ${entry.overlap}, the run of ${instant(sentAt)} (id=${taskId}) ${what}${failed ?? ""}`;
  }

  #idOf({ entry, dueAt, byHand }: Occurrence): string {
    return byHand?.id ?? occurrenceId(this.#options.scope, entry.name, dueAt);
  }

  #hear(event: LovageEvent): void {
    if (event.type !== "occurrence-sent" && event.type !== "occurrence-duplicate") return;
    this.#options.runs.noteSent(event.entry, event.taskId, this.#options.clock.now());
  }
}

interface Asked {
  readonly occurrence: Occurrence;
  readonly run: KnownRun | null;
}

interface Open extends Asked {
  readonly run: KnownRun;
}

function isDone({ overlap }: Entry, { progress }: KnownRun): boolean {
  return progress === "ended" || (progress === "begun" && overlap === "skip_queued");
}
