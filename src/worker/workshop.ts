// The tools that every part of the worker works with.
import type { App } from "../app/app.ts";
import type { Clock } from "../clock.ts";
import type { Emit } from "../event.ts";
import type { EventSink } from "../remote/event-sink.ts";
import type { Pool } from "./pool/pool.ts";
import type { ResultWriter } from "./result-writer.ts";
import type { RevokedTasks } from "./revoked.ts";

export interface Workshop {
  readonly app: App;
  /** The node name: `celery@host`. */
  readonly hostname: string;
  readonly pool: Pool;
  readonly results: ResultWriter;
  readonly revoked: RevokedTasks;
  readonly events: EventSink;
  readonly emit: Emit;
  readonly clock: Clock;
  /** Aborted when the worker ends, so that nothing waits for a broker or a backend any longer. */
  readonly ending: AbortSignal;
}
