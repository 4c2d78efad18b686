// Times that lie ahead of the clock: some clock was wrong when they were written. A mark a little ahead means that something
// was sent early, and must not be sent again when its time comes; one that is absurdly far ahead would silence its entry
// for good, so it is set back, and both are said aloud.
import type { Instant } from "../clock.ts";
import type { Emit } from "../event.ts";
import type { EntryState } from "../store/store.ts";
import { absurdMs } from "./absurd.ts";
import { neverRun } from "../store/changes.ts";

/** Hosts of one fleet differ by so much without anybody being wrong. */
const skewMs = 10_000;

/** What is known to be settled, by entry, with absurd times set back to `now`. */
export function settleFuture(
  settled: Iterable<readonly [string, Instant]>,
  now: Instant,
  emit: Emit,
): ReadonlyMap<string, Instant> {
  const sane = new Map<string, Instant>();
  const early: [string, Instant][] = [];
  const absurd: [string, Instant][] = [];
  for (const [entry, at] of settled) {
    const isAbsurd = at > now + absurdMs;
    sane.set(entry, isAbsurd ? now : at);
    if (isAbsurd) absurd.push([entry, at]);
    else if (at > now + skewMs) early.push([entry, at]);
  }
  report(early, false, emit);
  report(absurd, true, emit);
  return sane;
}

/** The same for what the beat-record says. */
export function sensibleStates(
  states: ReadonlyMap<string, EntryState>,
  now: Instant,
  emit: Emit,
): ReadonlyMap<string, EntryState> {
  const sane = settleFuture(
    [...states.values()].map((state) => [state.name, state.settledAt] as const),
    now,
    emit,
  );
  const mended = (state: EntryState): EntryState => {
    const settledAt = sane.get(state.name) ?? state.settledAt;
    // A store of the user's own may hold states that an older version wrote, which lack a count.
    return settledAt === state.settledAt && "skipped" in state ? state : { ...neverRun, ...state, settledAt };
  };
  return new Map([...states].map(([name, state]) => [name, mended(state)]));
}

function report(marks: readonly [string, Instant][], reset: boolean, emit: Emit): void {
  const furthest = marks.reduce<[string, Instant] | null>(
    (best, mark) => (best && best[1] >= mark[1] ? best : mark),
    null,
  );
  if (furthest === null) return;
  emit({ type: "mark-in-future", entry: furthest[0], markAt: furthest[1], count: marks.length, reset });
}
