// Who leads: one holder per scope, for a span, under a term number that only ever grows.
import type { Instant } from "../clock.ts";
import type { Mark } from "./broker.ts";

export interface LeaseOwner {
  /** Who asks. The same id gets its own lease back at once, under a new term: it belongs to a beat-record, not a process. */
  readonly id: string;
  /** For people: `host:pid`. */
  readonly label: string;
}

export interface Lease {
  readonly scope: string;
  readonly owner: LeaseOwner;
  readonly term: number;
}

export interface LeaseHolder {
  readonly label: string;
  /** How long the holder's lease still runs, in milliseconds, if it is not renewed. */
  readonly remainingMs: number;
}

export type Acquired = { readonly lease: Lease } | { readonly heldBy: LeaseHolder } | { readonly isForgotten: true };

export interface AcquireOptions {
  /** Do not take the lease of a scope that the broker knows nothing of: it has lost its memory, and who led comes back. */
  readonly unlessForgotten?: boolean;
}

export interface SetMarksOptions {
  readonly forwardOnly?: boolean;
}

export interface LeaseKeeper {
  /** Takes the lease when it is free, has run out, or is the owner's own; the term is then newer than any before. */
  acquire(scope: string, owner: LeaseOwner, ttlMs: number, options?: AcquireOptions): Promise<Acquired>;
  /**
   * False: the lease is lost; publish nothing more under it. A lease that ran out, but that nobody has taken since, is
   * its owner's still.
   */
  renew(lease: Lease, ttlMs: number): Promise<boolean>;
  /** Ends the term and frees the lease at once for the next; does nothing when it is already another's. */
  release(lease: Lease): Promise<void>;
  marks(scope: string): Promise<ReadonlyMap<string, Instant>>;
  /**
   * Sets marks outright, forwards or backwards, without publishing: for what is settled on purpose and for marks from a
   * clock that ran ahead. With `forwardOnly` none goes back: a call that arrives late cannot undo what was sent since.
   * Throws StaleTermError when the lease's term is over.
   */
  setMarks(lease: Lease, marks: readonly Mark[], options?: SetMarksOptions): Promise<void>;
  /**
   * Small texts by name that whoever leads the scope has to know: pauses, backfills. They are kept as long as the marks are.
   */
  notes(scope: string): Promise<ReadonlyMap<string, string>>;
  /** Writes notes, or removes those that are null; all or none. Throws StaleTermError when the lease's term is over. */
  setNotes(lease: Lease, notes: ReadonlyMap<string, string | null>): Promise<void>;
  /** Forgets the marks of entries that are no more. Throws StaleTermError when the lease's term is over. */
  dropMarks(lease: Lease, entries: readonly string[]): Promise<void>;
}
