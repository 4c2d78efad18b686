// Pausing and resuming while no beat runs: its record is changed under its lock, and the broker's notes under the lease, so that
// whichever beat starts next finds them as a running beat would have left them. No record is made: it would lie in wait.
import { hostname } from "node:os";
import { transportOptionsOf } from "../app/transport.ts";
import {
  type CountBudget,
  countBudget,
  droppedBy,
  pauseName,
  pausesToAdopt,
  readPauses,
  saidAt,
  writePause,
} from "../beat/steer/pauses.ts";
import { Plan, type Slot } from "../beat/plan.ts";
import { reportOf } from "../beat/steer/report.ts";
import { settleSkipped } from "../beat/settle.ts";
import type { EntryReport, PauseReport, PauseRequest, ResumeReport, ResumeRequest } from "../beat/steer/steering.ts";
import type { Broker } from "../broker/broker.ts";
import type { Lease } from "../broker/lease.ts";
import { openBroker } from "../broker/open.ts";
import { type Instant, systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import { maskUrl } from "../redis/url.ts";
import type { Pause, Run, Store } from "../store/store.ts";
import { findEntry } from "./find-entry.ts";
import { openProject, type Project, publishUrl } from "./open.ts";
import { isUnmade, openRecord, type RecordOptions, recordPath } from "./record.ts";

/** What the broker remembers, and leave to change it. */
interface Notes {
  readonly broker: Broker;
  readonly lease: Lease | null;
  readonly texts: ReadonlyMap<string, string>;
  readonly marks: ReadonlyMap<string, Instant>;
}

const leaseMs = 10_000;

export class OfflineSchedule {
  readonly #store: Store;
  readonly #notes: Notes | null;
  readonly #plan: Plan;
  /** Why the broker could not be asked who leads, nor told; null when it could. */
  readonly unheard: LovageError | null;

  private constructor(store: Store, notes: Notes | LovageError, plan: Plan) {
    this.#store = store;
    this.#notes = notes instanceof LovageError ? null : notes;
    this.#plan = plan;
    this.unheard = notes instanceof LovageError ? notes : null;
  }

  /**
   * @param why there is no beat to tell
   * @throws LovageError when there is no record, or it is in use, shared, or in memory; when another beat leads; or for what is
   * wrong with the project
   */
  static async open(options: RecordOptions, why: LovageError): Promise<OfflineSchedule> {
    const project = await openProject(options);
    const store = await openOwn(project, options, why);
    try {
      const stored = await store.load();
      const opened = await openNotes(project, stored.id);
      const notes = opened instanceof LovageError ? null : opened;
      const plan = new Plan(() => undefined);
      const now = systemClock.now();
      const marks = notes?.marks ?? new Map<string, Instant>();
      plan.apply(project.entries, now, { states: stored.entries, marks });
      plan.setPaused(pausesToAdopt(readPauses(notes?.texts ?? new Map()), plan.states()), now);
      plan.adoptMarks(marks, now);
      return new OfflineSchedule(store, opened, plan);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** Of the record. */
  get location(): string {
    return this.#store.location;
  }

  reports(): readonly EntryReport[] {
    return [...this.#plan.slots.values()].map(reportOf);
  }

  async pause({ entries, by, reason }: PauseRequest): Promise<readonly PauseReport[]> {
    const slots = this.#slots(entries);
    const now = systemClock.now();
    const pauses = slots.map(({ entry }): [string, Pause] => [
      entry.name,
      { at: this.#saidAt(entry.name, now), by, reason },
    ]);
    this.#plan.setPaused(new Map(pauses), now);
    await this.#write(slots, [], now);
    return slots.map((slot) => ({ ...reportOf(slot), isTold: this.unheard === null }));
  }

  /** @throws LovageError (`broker`) when the broker cannot be told: it would pause them again */
  async resume({ entries, catchUp }: ResumeRequest): Promise<readonly ResumeReport[]> {
    const slots = this.#slots(entries);
    if (this.unheard !== null) throw unsure(this.unheard);
    const now = systemClock.now();
    const paused = slots.filter(({ state }) => state.paused !== null);
    const budget = countBudget();
    const given = new Map(paused.map((slot) => [slot, catchUp ? null : giveUp(slot, now, budget)] as const));
    this.#plan.setPaused(new Map(paused.map(({ entry }) => [entry.name, null])), now);
    const runs = [...given.values()].flatMap((settled) => settled?.run ?? []);
    await this.#write(paused, runs, now);
    return slots.map((slot) => ({
      ...reportOf(slot),
      given: given.get(slot)?.count ?? 0,
      wasPaused: given.has(slot),
      isTold: true,
    }));
  }

  async close(): Promise<void> {
    const { broker, lease } = this.#notes ?? {};
    if (lease != null) await broker?.leases?.release(lease).catch(() => undefined);
    await Promise.allSettled([broker?.close(), this.#store.close()]);
  }

  async countPaused(entry: string): Promise<number> {
    return droppedBy(findEntry(this.#plan.slots, entry), systemClock.now(), countBudget())?.count ?? 0;
  }

  /** The broker goes first: what it does not know, a record that is newer tells it when beat starts. */
  async #write(slots: readonly Slot[], runs: readonly Run[], now: Instant): Promise<void> {
    const states = slots.map(({ state }) => state);
    const notes = states.map(({ name, paused }): [string, string] => {
      return [pauseName(name), writePause({ at: paused?.at ?? this.#saidAt(name, now), paused })];
    });
    const { broker, lease } = this.#notes ?? {};
    if (lease != null && notes.length > 0) await broker?.leases?.setNotes(lease, new Map(notes));
    await this.#store.record({ states, runs });
  }

  /** What is said of a pause is later than what was said before, whatever the clocks: the later word counts. */
  #saidAt(name: string, now: Instant): Instant {
    return saidAt(readPauses(this.#notes?.texts ?? new Map()).get(name)?.at, now);
  }

  #slots(names: readonly string[]): readonly Slot[] {
    return names.map((name) => findEntry(this.#plan.slots, name));
  }
}

function giveUp(
  slot: Slot,
  now: Instant,
  budget: CountBudget,
): { readonly count: number; readonly run: readonly Run[] } | null {
  const dropped = droppedBy(slot, now, budget);
  return dropped === null ? null : { count: dropped.count, run: settleSkipped(slot, dropped, "paused", now).runs };
}

async function openOwn({ app }: Project, options: RecordOptions, why: LovageError): Promise<Store> {
  const location = recordPath(options, app.conf);
  if (location === ":memory:") {
    throw new LovageError("store", "no beat answers, and a record in memory is its beat's alone");
  }
  if (isUnmade(options, app)) throw nowhere(location, why);
  const store = await openRecord(options, app, { emit: () => undefined, clock: systemClock }).catch(explainLock);
  if (store.isShared !== true) return store;
  await store.close();
  const hint = "start a beat, and tell that one";
  throw new LovageError(
    "store",
    `no beat answers, and only a beat that leads may change the shared record ${maskUrl(location)}`,
    { hint },
  );
}

function explainLock(error: unknown): never {
  if (!(error instanceof LovageError) || error.code !== "locked") throw error;
  const hint = "it may be starting, or hang: beat status tells";
  throw new LovageError("locked", `a beat does not answer, and holds its record: ${error.message}`, { hint });
}

function nowhere(location: string, why: LovageError): LovageError {
  const hint = "go to beat's folder, or name its record with -s, its broker with -b; nothing was written";
  const message = `${why.message}, and there is no record ${maskUrl(location)} in ${process.cwd()}`;
  return new LovageError(why.code, message, { hint });
}

async function openNotes({ app, file, scope }: Project, id: string): Promise<Notes | LovageError> {
  const broker = await openBroker(publishUrl({ app, file }), { transportOptions: transportOptionsOf(app.conf) });
  try {
    const { leases } = broker;
    if (leases === undefined) return { broker, lease: null, texts: new Map(), marks: new Map() };
    const owner = { id, label: `${hostname()}:${process.pid}` };
    const acquired = await leases.acquire(scope, owner, leaseMs);
    if (!("lease" in acquired)) throw led(scope, "heldBy" in acquired ? acquired.heldBy.label : "another beat");
    return { broker, lease: acquired.lease, texts: await leases.notes(scope), marks: await leases.marks(scope) };
  } catch (error) {
    await broker.close();
    if (error instanceof LovageError && error.code === "broker") return error;
    throw error;
  }
}

function led(scope: string, label: string): LovageError {
  const hint = "try again, with --remote or a longer --timeout; the lease of a beat that died ends within 10 s";
  return new LovageError("standby", `${label} leads scope ${scope}, but does not answer`, { hint });
}

function unsure({ message: why }: LovageError): LovageError {
  const message = `${why}, and what the broker knows of pauses would win over the record`;
  return new LovageError("broker", message, { hint: "try again when it is back" });
}
