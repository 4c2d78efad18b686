// A new set of entries while beat runs: into the plan, and then to everybody who has to know of it. All of it in turns of a few
// milliseconds, behind what is due: a burst finds the way clear.
import type { Clock } from "../clock.ts";
import type { Emit } from "../event.ts";
import type { Entry } from "../schedule/entry.ts";
import { aheadMs } from "./ahead.ts";
import { changeEntries, type PlanChange } from "./change.ts";
import { runName } from "./overlap/notes.ts";
import { inPieces } from "./pieces.ts";
import { pausedEvent, pauseName } from "./steer/pauses.ts";
import { Turns } from "./steps.ts";
import type { Works } from "./works.ts";

/** So many due at once are a burst, for which everything is made ready beforehand. */
const burstSize = 100;
/** Entries written down at a time. */
const pieceSize = 500;

export type EditTools = Pick<Works, "plan" | "ledger" | "publisher" | "ticker" | "admission" | "steer"> & {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Whether anything is sent at present. */
  readonly leads: () => boolean;
};

/** In effect when it resolves. */
export async function editPlan(tools: EditTools, entries: readonly Entry[]): Promise<PlanChange> {
  const { plan, clock, ticker, leads } = tools;
  let { wakeAt } = plan;
  const turns = new Turns(clock, () => {
    if (plan.wakeAt < wakeAt) ticker.wake();
    ({ wakeAt } = plan);
    return leads() && hasBurst(tools);
  });
  const change = await turns.take(changeEntries(plan, { entries, now: () => clock.now() }));
  ticker.wake();
  return change;
}

function hasBurst({ plan, publisher, clock }: EditTools): boolean {
  return publisher.unsent >= burstSize || plan.dueBy(clock.now() + aheadMs, burstSize).length === burstSize;
}

/** What the plan changed is made known at once: a crash must not make an edit look like something missed. */
export async function tellChange(tools: EditTools, { added, changed, removed }: PlanChange): Promise<void> {
  const { ledger, clock } = tools;
  const pieces = { size: pieceSize, clock };
  await inPieces([...added, ...changed], pieces, (names) => tellPlanned(tools, names));
  await inPieces(removed, pieces, (names) => tellRemoved(tools, names));
  await ledger.flush();
}

function tellPlanned({ plan, ledger, emit }: EditTools, names: readonly string[]): Promise<void> {
  const states = names.flatMap((name) => plan.slots.get(name)?.state ?? []);
  ledger.mark(names);
  // Entries that come into the schedule paused, because they were paused when they went.
  for (const { name, paused } of states) {
    if (paused !== null) emit(pausedEvent(name, paused));
  }
  return ledger.record({ states });
}

function tellRemoved({ plan, ledger, admission, steer }: EditTools, names: readonly string[]): Promise<void> {
  // The next change may have brought some of them back.
  const removed = names.filter((name) => !plan.slots.has(name));
  const forgotten = removed.filter((name) => !plan.absentPauses.has(name));
  admission.withdraw(new Set(removed));
  steer.forget(forgotten);
  ledger.forgetNotes([...removed.map(runName), ...forgotten.map(pauseName)]);
  ledger.mark(names);
  return ledger.record({ forget: removed });
}
