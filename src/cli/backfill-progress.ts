// Watching a backfill: one line that is written over on a terminal, a line now and then elsewhere. Ctrl-C only ends the watching.
import type { BackfillReport, RemoteSteering } from "../beat/steer/steering.ts";
import type { Clock } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import { type AskedBeat, askBeat } from "./ask-beat.ts";
import { stateLine } from "./backfill-text.ts";
import type { SteerOptions } from "./contact.ts";

export interface FollowOptions {
  readonly steering: RemoteSteering;
  /** To find the beat again, or the one that goes on with it. */
  readonly options: SteerOptions;
  readonly clock: Clock;
}

const lookEveryMs = 500;
const tellEveryMs = 10_000;
/** So long a beat may be away, as while another takes over. */
const lostMs = 60_000;

/** What it came to; null when somebody ended the watching first. */
export async function follow(report: BackfillReport, around: FollowOptions): Promise<BackfillReport | null> {
  const { clock } = around;
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  const watcher = new Watcher(report, around);
  try {
    while (watcher.report.status === "running" && !interrupted.signal.aborted) {
      watcher.show();
      await clock.sleep(lookEveryMs, interrupted.signal);
      await watcher.look();
    }
    watcher.end();
    if (watcher.report.status !== "running") return watcher.report;
    process.stderr.write(`beat goes on with it; to stop it: beat backfill --stop ${report.id}\n`);
    return null;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    await watcher.close();
  }
}

class Watcher {
  readonly #options: FollowOptions;
  readonly #isTerminal = process.stderr.isTTY;
  report: BackfillReport;
  #steering: RemoteSteering | null;
  #found: AskedBeat | null = null;
  #toldAt = Number.NEGATIVE_INFINITY;
  #heardAt: number;

  constructor(report: BackfillReport, options: FollowOptions) {
    this.report = report;
    this.#options = options;
    this.#steering = options.steering;
    this.#heardAt = options.clock.monotonic();
  }

  show(): void {
    const now = this.#options.clock.monotonic();
    if (this.#isTerminal) process.stderr.write(`\r\u001b[K${stateLine(this.report)}`);
    else if (now - this.#toldAt >= tellEveryMs) {
      this.#toldAt = now;
      process.stderr.write(`${stateLine(this.report)}\n`);
    }
  }

  /** @throws LovageError when no beat has answered for a minute, or none knows of it */
  async look(): Promise<void> {
    const { clock } = this.#options;
    try {
      const steering = this.#steering ?? (await this.#find());
      const { id } = this.report;
      const report = (await steering.backfills()).find((one) => one.id === id);
      if (report === undefined) throw new LovageError("usage", `beat knows nothing of backfill ${id} any more`);
      this.report = report;
      this.#heardAt = clock.monotonic();
    } catch (error) {
      if (error instanceof LovageError && error.code === "usage") throw error;
      this.#steering = null;
      if (clock.monotonic() - this.#heardAt < lostMs) return;
      const hint = `beat backfill --list tells of ${this.report.id} when a beat leads again`;
      throw new LovageError("standby", `lost sight of the backfill: ${messageOf(error)}`, { hint });
    }
  }

  end(): void {
    if (this.#isTerminal) process.stderr.write("\r\u001b[K");
  }

  async close(): Promise<void> {
    await this.#found?.close();
  }

  async #find(): Promise<RemoteSteering> {
    await this.#found?.close();
    this.#found = await askBeat(this.#options.options);
    if (this.#found === null) throw new LovageError("standby", "no beat answers");
    this.#steering = this.#found.steering;
    return this.#steering;
  }
}
