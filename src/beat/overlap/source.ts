// What the gate wants of those who know what became of runs: the result backend, and the events of the workers.
import type { KnownRun } from "./runs.ts";

export interface RunSource {
  /** For people: `the result backend`. */
  readonly name: string;
  /** True: it knows nothing of runs whose results are not kept. */
  readonly needsResults: boolean;
  /** Before a run is let go, so that nothing of it goes unheard. */
  prepare?(): Promise<void>;
  /** Notes on the runs what it finds out. Rejects when nobody answers. */
  look(runs: readonly KnownRun[], queueOf: (run: KnownRun) => string | null): Promise<void>;
  close(): Promise<void>;
}
