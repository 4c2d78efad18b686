// Reading and planning a large schedule leaves as much behind as the schedule takes itself, and V8 keeps that for minutes: the
// little that beat does at rest is enough for it to wait. For a few seconds it is told to put memory before speed, and then
// collects in small steps beside the loop, and gives the memory back.
import { setFlagsFromString } from "node:v8";
import type { Beat } from "../beat/beat.ts";
import type { EventStream } from "../event.ts";

/** What fewer entries leave behind is not worth it. */
const fromEntries = 10_000;
/** What is due at once comes first, if that has an end. */
const waitMs = 3000;
const mostWaits = 20;
/** V8 looks every eight seconds whether it is time to collect, and collects up to three times. */
const thriftyMs = 15_000;

/** After every start and reload of a large schedule; once no burst is near, which would take twice as long, or after a minute. */
export function giveBackMemory(events: EventStream, beat: Pick<Beat, "isBurstNear">): void {
  let timer: NodeJS.Timeout | undefined;
  let waits = 0;
  const after = (waitedMs: number, step: () => void): void => {
    clearTimeout(timer);
    timer = setTimeout(step, waitedMs).unref();
  };
  const spend = (): void => setFlagsFromString("--no-optimize-for-size");
  const save = (): void => {
    waits += 1;
    if (waits < mostWaits && beat.isBurstNear(thriftyMs)) {
      after(waitMs, save);
      return;
    }
    setFlagsFromString("--optimize-for-size");
    after(thriftyMs, spend);
  };
  events.subscribe((event) => {
    if (event.type !== "beat-started" && event.type !== "reload-applied") return;
    if (event.entries < fromEntries) return;
    waits = 0;
    after(waitMs, save);
  });
}
