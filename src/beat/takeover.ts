// The beginning of a term: what record, marks and notes say is brought together in the plan, and each learns what only the
// others knew. Whatever was lost of one is known by another.
import type { Broker } from "../broker/broker.ts";
import type { Lease } from "../broker/lease.ts";
import type { Clock, Instant } from "../clock.ts";
import type { Emit } from "../event.ts";
import type { Entry } from "../schedule/entry.ts";
import type { EntryState, Store, StoredState } from "../store/store.ts";
import type { Backfills } from "./steer/backfill.ts";
import { absurdMs } from "./absurd.ts";
import { changeEntries } from "./change.ts";
import { sensibleStates, settleFuture } from "./future.ts";
import { type Ledger, marksToSet } from "./ledger.ts";
import { isByHandMark, manualMark } from "./occurrence.ts";
import { inPieces } from "./pieces.ts";
import { readRuns, runName, runsToAdopt } from "./overlap/notes.ts";
import {
  type PauseNote,
  pausedEvent,
  pauseName,
  pausesToAdopt,
  pausesToNote,
  readPauses,
  writePause,
} from "./steer/pauses.ts";
import type { Admission } from "./overlap/admission.ts";
import type { Publisher } from "./publish.ts";
import type { Plan } from "./plan.ts";
import { type Steps, Turns } from "./steps.ts";
import { abandonRuns } from "./under-way.ts";
import type { Steer } from "./steer/steer.ts";

export interface TakeoverOptions {
  readonly broker: Broker;
  readonly store: Store;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly backfills: Backfills;
  readonly steer: Pick<Steer, "adopt" | "outdatedPauses">;
  readonly publisher: Pick<Publisher, "abandon">;
  readonly admission: Pick<Admission, "withdraw">;
}

/** States written down at a time. */
const pieceSize = 2000;
const absentPauseMs = 90 * 24 * 3_600_000;

type Marks = ReadonlyMap<string, Instant>;
type Notes = ReadonlyMap<string, string>;

/** What is known at the beginning of a term, and from whom. */
interface Known {
  readonly stored: StoredState | null;
  readonly onBroker: Marks;
  readonly notes: Notes;
  readonly scope: string;
  readonly entries: readonly Entry[];
  readonly now: Instant;
}

export class Takeover {
  readonly #options: TakeoverOptions;
  #stored: StoredState | null;
  #isPlanned = false;

  /** @param stored what the record says, where it is this process's alone and was read at the start */
  constructor(options: TakeoverOptions, stored: StoredState | null) {
    this.#options = options;
    this.#stored = stored;
  }

  get isPlanned(): boolean {
    return this.#isPlanned;
  }

  /** @throws what broker or record say, having changed nothing that would not be changed alike the next time */
  async begin(lease: Lease, entries: readonly Entry[]): Promise<void> {
    const { store, clock, plan, ledger, backfills } = this.#options;
    if (store.isShared === true) await ledger.claim(lease);
    const stored = store.isShared === true ? await store.load() : this.#stored;
    const { marks, notes } = await this.#askBroker(lease.scope);
    const now = clock.now();
    const turns = new Turns(clock);
    const onBroker = await turns.take(copyOf(marks, (name) => !isByHandMark(name)));
    const before = stored?.entries ?? (await turns.take(copyOf(plan.states(), () => true)));
    const removed = await this.#bringTogether({ stored, onBroker, notes, scope: lease.scope, entries, now }, turns);
    const states = [...plan.states().values()];
    const gone = await turns.take(copyOf(onBroker, (name) => !plan.slots.has(name)));
    const unneeded = [...backfills.adopt(notes, marks), ...oldManualMarks(marks, now)];
    const lagging = marksToSet(states, onBroker);
    await turns.pass();
    await ledger.markAll(lease, lagging, [...gone.keys(), ...unneeded]);
    ledger.lease = lease;
    await turns.pass();
    await ledger.note(this.#missingNotes(notes));
    await turns.pass();
    const changed = states.filter((state) => before.get(state.name) !== state);
    await inPieces(changed, { size: pieceSize, clock }, (piece) => ledger.record({ states: piece }));
    await ledger.record({ forget: removed });
    this.#stored = null;
  }

  async #askBroker(scope: string): Promise<{ readonly marks: Marks; readonly notes: Notes }> {
    const { leases } = this.#options.broker;
    if (leases === undefined) return { marks: new Map(), notes: new Map() };
    return { marks: await leases.marks(scope), notes: await leases.notes(scope) };
  }

  /** In the plan. Gives the entries that the record knows, and the schedule no more. */
  async #bringTogether(known: Known, turns: Turns): Promise<readonly string[]> {
    const { stored, onBroker, notes, scope, now } = known;
    const { emit, plan, steer } = this.#options;
    const marks = settleFuture(onBroker, now, emit);
    await turns.pass();
    // Once planned, the record matters only where others may have led meanwhile, and written to it.
    if (this.#isPlanned && stored !== null) await turns.take(plan.adoptingStates(stored.entries, now));
    const removed = this.#isPlanned ? [] : await this.#firstPlan(known, marks, turns);
    this.#tellBehind(scope, await turns.take(behindOf(plan.states().values(), onBroker)));
    await turns.pass();
    this.#abandonSettled(onBroker);
    this.#adoptPauses(notes, now);
    plan.adoptRuns(runsToAdopt(readRuns(notes), plan.states()));
    steer.adopt(notes);
    await turns.take(plan.adoptingMarks(marks, now));
    await turns.take(plan.settingBack(now + absurdMs, now));
    await turns.take(plan.tidy());
    return removed;
  }

  /**
   * Whether the broker still knows what it was told in this term. A server that came back with an older copy of its data, or
   * a replica that lagged behind when it took over, may know lease and term, and not the last marks.
   */
  async hasForgotten(lease: Lease): Promise<boolean> {
    const { broker, plan, clock } = this.#options;
    const { leases } = broker;
    if (leases === undefined) return false;
    // Read before the marks: what is settled meanwhile is not to look like something forgotten.
    const states = [...plan.states().values()];
    const marks = await leases.marks(lease.scope);
    const pauses = readPauses(await leases.notes(lease.scope));
    const behind = await new Turns(clock).take(behindOf(states, marks));
    const isBehind = this.#tellBehind(
      lease.scope,
      behind.filter((name) => plan.slots.has(name)),
    );
    return isBehind || pausesToNote(pauses, plan.states()).size > 0;
  }

  async #firstPlan({ entries, stored, now }: Known, marks: Marks, turns: Turns): Promise<readonly string[]> {
    const { plan, emit } = this.#options;
    const states = sensibleStates(stored?.entries ?? new Map<string, EntryState>(), now, emit);
    await turns.pass();
    const known = { states, marks };
    const { removed } = await turns.take(changeEntries(plan, { entries, now: () => now, known }));
    plan.aliveSince = now;
    this.#isPlanned = true;
    return removed;
  }

  #tellBehind(scope: string, entries: readonly string[]): boolean {
    const [entry] = entries;
    if (entry !== undefined) this.#options.emit({ type: "marks-behind", scope, entries: entries.length, entry });
    return entry !== undefined;
  }

  /** Where another beat has gone on with an entry, what is unsent of it here was judged without knowing that. */
  #abandonSettled(marks: Marks): void {
    const { plan, publisher, admission } = this.#options;
    const settled = [...plan.slots.values()].filter(({ entry, underWay: [first] }) => {
      return first !== undefined && (marks.get(entry.name) ?? Number.NEGATIVE_INFINITY) >= first;
    });
    if (settled.length === 0) return;
    const names = new Set(settled.map(({ entry }) => entry.name));
    publisher.abandon(names);
    admission.withdraw(names);
    settled.forEach(abandonRuns);
  }

  /** What was said under another term counts, unless something newer waits here to be told. */
  #adoptPauses(notes: Notes, now: Instant): void {
    const { plan, ledger, steer, emit } = this.#options;
    const waiting = readPauses(
      new Map([...ledger.waitingNotes].flatMap(([name, text]) => (text ? [[name, text]] : []))),
    );
    const said = new Map(readPauses(notes));
    for (const [entry, note] of waiting) {
      if ((said.get(entry)?.at ?? Number.NEGATIVE_INFINITY) > note.at) ledger.dropNote(pauseName(entry));
      else said.set(entry, note);
    }
    for (const entry of steer.outdatedPauses(said).keys()) said.delete(entry);
    this.#rememberAbsent(said);
    const changes = pausesToAdopt(said, plan.states());
    plan.setPaused(changes, now);
    for (const [entry, paused] of changes) {
      if (paused !== null) emit(pausedEvent(entry, paused));
    }
  }

  #rememberAbsent(said: ReadonlyMap<string, PauseNote>): void {
    const { plan } = this.#options;
    for (const [entry, { paused }] of said) {
      if (paused !== null && !plan.slots.has(entry)) plan.absentPauses.set(entry, paused);
    }
  }

  /** What the broker has to learn, or can forget: entries that are gone. */
  #missingNotes(notes: Notes): ReadonlyMap<string, string | null> {
    const { plan, steer, clock } = this.#options;
    const pauses = readPauses(notes);
    const outdated = [...steer.outdatedPauses(pauses)].map(([entry, at]) => {
      return [pauseName(entry), writePause({ at, paused: plan.slots.get(entry)?.state.paused ?? null })] as const;
    });
    const isGone = (entry: string): boolean => !plan.slots.has(entry);
    const gone = [...pauses].filter(([entry, note]) => isGone(entry) && isOver(note, clock.now()));
    const goneNames = gone.map(([entry]) => pauseName(entry));
    const goneRuns = [...readRuns(notes).keys()].filter(isGone).map(runName);
    return new Map<string, string | null>([
      ...pausesToNote(pauses, plan.states()),
      ...outdated,
      ...[...goneNames, ...goneRuns].map((name) => [name, null] as const),
    ]);
  }
}

/** A run that was sent is beyond its mark only when the broker has forgotten. What Celery's beat sent has no id here. */
function* behindOf(states: Iterable<EntryState>, marks: Marks): Steps<readonly string[]> {
  const behind: string[] = [];
  for (const { name, lastDueAt, lastTaskId, settledAt } of states) {
    const knowsRun = lastDueAt !== null && lastTaskId !== null;
    if (knowsRun && (marks.get(name) ?? Number.NEGATIVE_INFINITY) < Math.min(lastDueAt, settledAt)) behind.push(name);
    yield;
  }
  return behind;
}

function* copyOf<Value>(
  map: ReadonlyMap<string, Value>,
  isWanted: (name: string) => boolean,
): Steps<ReadonlyMap<string, Value>> {
  const copy = new Map<string, Value>();
  for (const [name, value] of map) {
    if (isWanted(name)) copy.set(name, value);
    yield;
  }
  return copy;
}

/** A beat that asked a day ago whether its run by hand has arrived asks no more. */
function oldManualMarks(marks: Marks, now: Instant): readonly string[] {
  return [...marks]
    .filter(([name, at]) => name.startsWith(manualMark("")) && at < now - absurdMs)
    .map(([name]) => name);
}

/** A pause outlives its entry for a while: it may only have been moved to another file, or be missing on this host. */
function isOver({ at, paused }: PauseNote, now: Instant): boolean {
  return paused === null || at < now - absentPauseMs;
}
