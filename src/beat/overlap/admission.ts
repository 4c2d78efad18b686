// The way of occurrences whose entry has an overlap policy: they wait for the gate's word, and nobody waits for them.
import type { Clock } from "../../clock.ts";
import type { OverlapGate, Candidate, Held, PreviousRun } from "./overlap.ts";
import { type Occurrence, occurrenceId } from "../occurrence.ts";
import { messageOf } from "../../error.ts";
import type { EntryState } from "../../store/store.ts";

export interface AdmissionOptions {
  readonly scope: string;
  readonly clock: Clock;
  /** Undefined: nothing knows what became of runs, and all go. */
  readonly gate: OverlapGate | undefined;
  readonly stateOf: (entry: string) => EntryState | undefined;
  readonly send: (occurrences: readonly Occurrence[]) => void;
  readonly hold: (held: readonly Held[]) => void;
}

export class Admission {
  readonly #options: AdmissionOptions;
  #waiting: readonly Occurrence[] = [];
  /** One question at a time, so that runs of one entry stay in order. */
  #turn: Promise<void> = Promise.resolve();
  /** What was let go, and may not have been sent yet. */
  readonly #letGo = new Map<string, PreviousRun>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** What waits here. */
  pending(): readonly Occurrence[] {
    return this.#waiting;
  }

  /** Takes what waits here out of line, and forgets what was let go: it may never be sent. */
  withdraw(entries: ReadonlySet<string>): readonly Occurrence[] {
    for (const entry of entries) this.#letGo.delete(entry);
    const withdrawn = this.#waiting.filter(({ entry }) => entries.has(entry.name));
    this.#waiting = this.#waiting.filter(({ entry }) => !entries.has(entry.name));
    return withdrawn;
  }

  /** A run that was let go, but never sent, holds nothing back. */
  forget(entry: string): void {
    this.#letGo.delete(entry);
  }

  pass(occurrences: readonly Occurrence[]): void {
    const { gate, send } = this.#options;
    const isFree = ({ entry }: Occurrence): boolean => gate === undefined || entry.overlap === "allow";
    const free = occurrences.filter(isFree);
    if (free.length > 0) send(free);
    if (free.length === occurrences.length || gate === undefined) return;
    const gated = occurrences.filter((occurrence) => !isFree(occurrence));
    this.#waiting = [...this.#waiting, ...gated];
    this.#turn = this.#turn.then(() => this.#ask(gate, gated)).catch((error: unknown) => this.#holdAll(gated, error));
  }

  async #ask(gate: OverlapGate, occurrences: readonly Occurrence[]): Promise<void> {
    const { send, hold } = this.#options;
    const admission = await gate.admit(occurrences.map((occurrence) => this.#candidate(occurrence)));
    const waiting = new Set(this.#waiting);
    const go = admission.go.filter((occurrence) => waiting.has(occurrence));
    const held = admission.held.filter(({ occurrence }) => waiting.has(occurrence));
    for (const { entry, dueAt } of go) {
      const taskId = occurrenceId(this.#options.scope, entry.name, dueAt);
      this.#letGo.set(entry.name, { taskId, sentAt: this.#options.clock.now() });
    }
    if (go.length > 0) send(go);
    const done = new Set(occurrences);
    this.#waiting = this.#waiting.filter((occurrence) => !done.has(occurrence));
    if (held.length > 0) hold(held);
  }

  /** Protection is what was asked for: a gate that fails holds back. */
  #holdAll(occurrences: readonly Occurrence[], error: unknown): void {
    const waiting = new Set(this.#waiting);
    const held = occurrences.filter((occurrence) => waiting.has(occurrence));
    this.#waiting = this.#waiting.filter((occurrence) => !held.includes(occurrence));
    const reason = `overlap: ${messageOf(error)}`;
    this.#options.hold(held.map((occurrence) => ({ occurrence, reason })));
  }

  #candidate(occurrence: Occurrence): Candidate {
    const { name } = occurrence.entry;
    const { lastTaskId = null, lastSentAt = null } = this.#options.stateOf(name) ?? {};
    const recorded = lastTaskId === null || lastSentAt === null ? null : { taskId: lastTaskId, sentAt: lastSentAt };
    const letGo = this.#letGo.get(name) ?? null;
    const isNewer = letGo !== null && (recorded === null || letGo.sentAt > recorded.sentAt);
    return { occurrence, previous: isNewer ? letGo : recorded };
  }
}
