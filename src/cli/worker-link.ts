// The embedded beat's end of its channel to the worker that runs it: says how the start went, and hears when to stop.
import { LovageError } from "../error.ts";
import type { BeatMessage, BeatOrder } from "../worker/embedded-beat.ts";

export interface WorkerLink {
  /** Aborted when the worker says so, or is gone. */
  readonly stopping: AbortSignal;
  /** Resolves when the worker has it, or can have nothing any more. */
  tell(message: BeatMessage): Promise<void>;
}

/** @throws LovageError("usage") when no worker has started this process */
export function connectWorker(): WorkerLink {
  if (process.send === undefined) {
    throw new LovageError("usage", "--embedded is for the beat that worker -B starts", { hint: "leave it out" });
  }
  const stopping = new AbortController();
  process.on("message", (order: BeatOrder) => {
    if (order.type === "beat-stop") stopping.abort("the worker stops");
  });
  process.once("disconnect", () => stopping.abort("the worker is gone"));
  // The default would end the process while it still loads.
  process.on("SIGINT", () => undefined);
  const tell = (message: BeatMessage): Promise<void> =>
    new Promise((resolve) => {
      if (process.connected) process.send?.(message, undefined, undefined, () => resolve());
      else resolve();
    });
  return { stopping: stopping.signal, tell };
}
