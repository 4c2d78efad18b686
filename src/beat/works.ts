// The parts of a beat, put together: who takes what is due, who sends it, who writes it down, and who may tell them what to do.
import { randomUUID } from "node:crypto";
import type { Lease } from "../broker/lease.ts";
import { Admission, type AdmissionOptions } from "./overlap/admission.ts";
import { Ahead } from "./ahead.ts";
import { Backfills } from "./steer/backfill.ts";
import type { BeatOptions } from "./beat.ts";
import type { Instant } from "../clock.ts";
import { type Answer, isScheduledOf, type Refusal } from "./dispatch.ts";
import { absurdMs } from "./absurd.ts";
import { Ledger } from "./ledger.ts";
import type { Occurrence } from "./occurrence.ts";
import { runName, writeRun } from "./overlap/notes.ts";
import type { Held } from "./overlap/overlap.ts";
import { Plan } from "./plan.ts";
import { Publisher, type PublisherOptions } from "./publish.ts";
import {
  missedEvent,
  type Settled,
  settleAnswers,
  settleDeferred,
  settleMissed,
  settleRefusals,
  settleSkipped,
} from "./settle.ts";
import { Steer } from "./steer/steer.ts";
import type { BeatStatus } from "./steer/steering.ts";
import { defer, endRun, takeBack } from "./under-way.ts";
import { Ticker } from "./ticker.ts";
import { type Stage, WarmUp } from "./warm-up.ts";

export interface Works {
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly publisher: Publisher;
  readonly ticker: Ticker;
  readonly backfills: Backfills;
  readonly steer: Steer;
  readonly admission: Admission;
}

/** What the parts have to know of the beat around them. */
export interface Surroundings {
  readonly lease: () => Lease | null;
  readonly status: () => BeatStatus;
  readonly endReign: (reason: string) => void;
}

const defaultMaxIntervalMs = 5000;

export function assemble(options: BeatOptions, around: Surroundings): Works {
  const { emit, clock, broker, store, scope, label } = options;
  const plan = new Plan(emit);
  const pendingEntries = (): ReadonlySet<string> =>
    new Set([...publisher.pending(), ...admission.pending()].map(({ entry }) => entry.name));
  const ledger = new Ledger({ broker, store, plan, clock, emit, pendingEntries });
  const publisher = createPublisher(options, { slots: plan.slots, broker }, (answers, refusals) =>
    settleAll({ plan, ledger, admission, backfills, steer }, answers, refusals, clock.now()),
  );
  const send = (occurrences: readonly Occurrence[]): void => publisher.add(occurrences);
  const admission = createAdmission(options, { plan, ledger, send });
  const ticker = createTicker(options, { plan, ledger, publisher, admission, around });
  const backfills = createBackfills(options, { plan, ledger, publisher, send });
  const steer = new Steer({
    scope,
    label,
    plan,
    ledger,
    store,
    backfills,
    clock,
    emit,
    send,
    withdraw: (entries) => withdrawAll({ plan, publisher, admission }, entries),
    wake: () => ticker.wake(),
    ...around,
  });
  return { plan, ledger, publisher, ticker, backfills, steer, admission };
}

/** The warm-up has one, too: to V8 the two are to look alike. */
function createPublisher(
  options: BeatOptions,
  { slots, broker }: Stage,
  settle: PublisherOptions["settle"],
): Publisher {
  return new Publisher({ ...options, broker, slotOf: (name) => slots.get(name), settle });
}

function createBackfills(
  { scope, clock, emit }: BeatOptions,
  { publisher, ...parts }: Pick<Works, "plan" | "ledger" | "publisher"> & Pick<AdmissionOptions, "send">,
): Backfills {
  return new Backfills({
    ...parts,
    scope,
    clock,
    emit,
    withdrawByMark: (mark) => publisher.withdraw(({ byHand }) => byHand?.mark.entry === mark).length,
    createId: () => randomUUID().slice(0, 8),
  });
}

/** What waits of these entries goes back into the plan. */
function withdrawAll(
  { plan, publisher, admission }: Pick<Works, "plan" | "publisher" | "admission">,
  entries: ReadonlySet<string>,
): void {
  takeAllBack(
    plan,
    publisher.withdraw((occurrence) => isScheduledOf(entries, occurrence)),
  );
  takeAllBack(plan, admission.withdraw(entries));
}

type Concerned = Pick<Works, "plan" | "ledger" | "backfills" | "steer" | "admission">;

/** What became of occurrences goes to all whom it concerns. */
function settleAll(
  { plan, ledger, admission, backfills, steer }: Concerned,
  answers: readonly Answer[],
  refusals: readonly Refusal[],
  now: Instant,
): void {
  for (const { occurrence } of refusals) admission.forget(occurrence.entry.name);
  // What a pause took out of line is part of that pause, and dealt with when it ends.
  const isPaused = ({ cause, occurrence }: Refusal): boolean => cause === "paused" && occurrence.byHand === undefined;
  takeAllBack(
    plan,
    refusals.filter(isPaused).map(({ occurrence }) => occurrence),
  );
  const refused = refusals.filter(({ cause }) => cause !== "paused");
  const settled = [settleAnswers(plan.slots, answers), settleRefusals(plan.slots, refused, now)];
  const done = [...answers, ...refused].map(({ occurrence }) => occurrence);
  noteRuns(ledger, answers);
  backfills.answered(answers, refusals);
  steer.answered(answers, refusals);
  ledger.settle([...settled, ...settleBehind(plan, done, now)]);
}

/** Whoever leads next has to know which run an overlap policy is about. */
function noteRuns(ledger: Ledger, answers: readonly Answer[]): void {
  const ofPolicy = answers.filter(({ occurrence: { entry, occasion } }) => {
    return entry.overlap !== "allow" && occasion !== "backfill";
  });
  if (ofPolicy.length === 0) return;
  const notes = ofPolicy.map((run) => [runName(run.occurrence.entry.name), writeRun(run)] as const);
  // Under a term that is over another beat notes its own.
  ledger.note(new Map(notes)).catch(() => undefined);
}

/** Runs that a pause took out of line go back into the plan. */
function takeAllBack(plan: Plan, occurrences: readonly Occurrence[]): void {
  for (const { entry, dueAt } of occurrences) {
    const slot = plan.slots.get(entry.name);
    if (slot !== undefined) takeBack(slot, dueAt);
  }
}

/** What was given up behind occurrences that are settled now. */
function settleBehind(plan: Plan, occurrences: readonly Occurrence[], now: Instant): readonly Settled[] {
  const settled: Settled[] = [];
  for (const { entry, dueAt, byHand } of occurrences) {
    if (byHand !== undefined) continue;
    const slot = plan.slots.get(entry.name);
    if (slot === undefined) continue;
    for (const deferred of endRun(slot, dueAt)) settled.push({ ...settleDeferred(slot, deferred, now), events: [] });
  }
  return settled;
}

function createAdmission(
  { scope, clock, overlap }: BeatOptions,
  { plan, ledger, send }: Pick<Works, "plan" | "ledger"> & Pick<AdmissionOptions, "send">,
): Admission {
  return new Admission({
    scope,
    clock,
    gate: overlap,
    send,
    stateOf: (name) => plan.slots.get(name)?.state,
    hold: (held) => ledger.settle(held.flatMap((one) => settleHeld(plan, one, clock.now()))),
  });
}

/** A run that its overlap policy holds back is given up behind what is still on its way in front of it. */
function settleHeld(plan: Plan, { occurrence, reason }: Held, now: Instant): readonly Settled[] {
  const { entry, dueAt, settlesAt } = occurrence;
  const slot = plan.slots.get(entry.name);
  if (slot === undefined) return [settleRefusals(plan.slots, [{ occurrence, reason, cause: "overlap" }], now)];
  plan.giveBack(entry.name);
  const behind = endRun(slot, dueAt).map((deferred) => ({ ...settleDeferred(slot, deferred, now), events: [] }));
  const dropped = { count: 1, atLeast: false, fromAt: dueAt, toAt: settlesAt, reason };
  const events = [missedEvent(entry.name, "overlap", dropped)];
  const isFree = defer(slot, { dropped, cause: "overlap" });
  return [...behind, isFree ? settleSkipped(slot, dropped, "overlap", now) : { states: [], runs: [], events }];
}

function createTicker(
  options: BeatOptions,
  {
    plan,
    ledger,
    publisher,
    ...others
  }: Pick<Works, "plan" | "ledger" | "publisher"> & { admission: Admission; around: Surroundings },
): Ticker {
  const { clock, emit, broker, createEnvelope, maxIntervalMs = defaultMaxIntervalMs } = options;
  const perform = (stage: Stage): Publisher => createPublisher(options, stage, () => undefined);
  const warmUp = new WarmUp({ clock, broker, perform });
  return new Ticker({
    plan,
    publisher,
    clock,
    emit,
    maxIntervalMs,
    ahead: new Ahead({ plan, clock, broker, createEnvelope, warmUp }),
    onDue: (due) => others.admission.pass(due),
    onJump: (byMs) => {
      // What was sent by a clock that was days ahead must not silence its entries for days: see future.ts.
      if (byMs < -absurdMs) others.around.endReign("the clock was set back by more than a day");
    },
    onMissed: (missed) => {
      const now = clock.now();
      const free = missed.filter(({ slot, dropped }) => defer(slot, { dropped, cause: "missed" }));
      // Said at once, whatever happens before it can be written down.
      const later = missed.filter((one) => !free.includes(one));
      for (const { slot, dropped } of later) emit(missedEvent(slot.entry.name, "missed", dropped));
      ledger.settle(free.map((one) => settleMissed(one, now)));
    },
  });
}
