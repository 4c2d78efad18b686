// What every keeper of leases owes: one holder at a time, terms that only grow, and marks that only the holder sets.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StaleTermError } from "../../src/broker/broker.ts";
import type { Acquired, Lease, LeaseKeeper } from "../../src/broker/lease.ts";

export interface LeaseFixture {
  readonly leases: LeaseKeeper;
  /** Resolves when a lease of so many milliseconds, taken before, has run out. */
  readonly runOut: (ttlMs: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

const one = { id: "one", label: "host-1:100" };
const two = { id: "two", label: "host-2:200" };
const longMs = 60_000;
const shortMs = 60;

export function describeLeases(name: string, open: () => Promise<LeaseFixture>): void {
  describe(`${name} as a keeper of leases`, () => {
    let fixture: LeaseFixture;
    beforeEach(async () => {
      fixture = await open();
    });
    afterEach(() => fixture.close());

    const acquire = (owner = one, ttlMs = longMs, scope = "app"): Promise<Acquired> =>
      fixture.leases.acquire(scope, owner, ttlMs);
    const lead = async (owner = one, ttlMs = longMs, scope = "app"): Promise<Lease> =>
      leaseOf(await acquire(owner, ttlMs, scope));

    it("gives a free lease, with all that was asked for", async () => {
      const lease = await lead();
      expect(lease).toMatchObject({ scope: "app", owner: one });
      expect(Number.isSafeInteger(lease.term)).toBe(true);
    });

    it("tells another owner who leads and for how long", async () => {
      await lead(one, longMs);
      const refused = await acquire(two);
      expect(refused).toMatchObject({ heldBy: { label: "host-1:100" } });
      const remainingMs = "heldBy" in refused ? refused.heldBy.remainingMs : -1;
      expect(remainingMs).toBeGreaterThan(longMs / 2);
      expect(remainingMs).toBeLessThanOrEqual(longMs);
    });

    it("gives the same owner its own lease again at once, under a newer term", async () => {
      const first = await lead();
      const second = await lead();
      expect(second.term).toBeGreaterThan(first.term);
      expect(await fixture.leases.renew(first, longMs)).toBe(false);
      expect(await fixture.leases.renew(second, longMs)).toBe(true);
    });

    it("gives one lease when two ask at the same time", async () => {
      const answers = await Promise.all([acquire(one), acquire(two), acquire(one, longMs, "other")]);
      const taken = answers.slice(0, 2).filter((answer) => "lease" in answer);
      expect(taken).toHaveLength(1);
      expect("lease" in (answers[2] ?? {})).toBe(true);
    });

    it("frees the lease at once when it is released", async () => {
      const first = await lead(one);
      await fixture.leases.release(first);
      const second = await lead(two);
      expect(second.term).toBeGreaterThan(first.term);
    });

    it("ends the term on release: what is left of the old leader can neither renew nor set marks", async () => {
      const lease = await lead(one);
      await fixture.leases.release(lease);
      expect(await fixture.leases.renew(lease, longMs)).toBe(false);
      await expect(fixture.leases.setMarks(lease, [{ entry: "x", dueAt: 1 }])).rejects.toThrow(StaleTermError);
      await fixture.leases.release(lease);
    });

    it("does nothing when a lease that is another's by now is released", async () => {
      const first = await lead(one, shortMs);
      await fixture.runOut(shortMs);
      const second = await lead(two);
      await fixture.leases.release(first);
      expect(await acquire(one)).toMatchObject({ heldBy: { label: "host-2:200" } });
      expect(await fixture.leases.renew(second, longMs)).toBe(true);
    });

    it("gives a lease that ran out to the next, and the old holder loses it", async () => {
      const first = await lead(one, shortMs);
      await fixture.runOut(shortMs);
      const second = await lead(two);
      expect(second.term).toBeGreaterThan(first.term);
      expect(await fixture.leases.renew(first, longMs)).toBe(false);
      await expect(fixture.leases.setMarks(first, [{ entry: "x", dueAt: 1 }])).rejects.toThrow(StaleTermError);
    });

    it("keeps the lease for whoever renews it in time", async () => {
      const lease = await lead(one, shortMs);
      expect(await fixture.leases.renew(lease, longMs)).toBe(true);
      await fixture.runOut(shortMs);
      expect(await acquire(two)).toMatchObject({ heldBy: { label: "host-1:100" } });
    });

    it("lets the owner of a lease that ran out renew it, as long as nobody took it", async () => {
      const lease = await lead(one, shortMs);
      await fixture.runOut(shortMs);
      expect(await fixture.leases.renew(lease, longMs)).toBe(true);
      expect(await acquire(two)).toMatchObject({ heldBy: { label: "host-1:100" } });
    });

    it("refuses to renew a term that it never gave", async () => {
      const lease = await lead();
      expect(await fixture.leases.renew({ ...lease, term: lease.term + 1 }, longMs)).toBe(false);
      expect(await fixture.leases.renew({ ...lease, scope: "nobody" }, longMs)).toBe(false);
    });

    it("gives newer and newer terms over many hands", async () => {
      const terms: number[] = [];
      for (let round = 0; round < 10; round += 1) {
        const lease = await lead(round % 2 === 0 ? one : two);
        terms.push(lease.term);
        await fixture.leases.release(lease);
      }
      expect(terms).toEqual([...new Set(terms)].sort((left, right) => left - right));
    });

    it("keeps scopes apart", async () => {
      const first = await lead(one, longMs, "app");
      const second = await lead(two, longMs, "other");
      await fixture.leases.setMarks(first, [{ entry: "x", dueAt: 1 }]);
      await fixture.leases.setMarks(second, [{ entry: "x", dueAt: 2 }]);
      expect(Object.fromEntries(await fixture.leases.marks("app"))).toEqual({ x: 1 });
      expect(Object.fromEntries(await fixture.leases.marks("other"))).toEqual({ x: 2 });
      await fixture.leases.release(first);
      expect(await fixture.leases.renew(second, longMs)).toBe(true);
    });

    it("has no marks for a scope it does not know", async () => {
      expect((await fixture.leases.marks("nobody")).size).toBe(0);
    });

    it("sets marks outright, forwards and backwards, and leaves the others", async () => {
      const lease = await lead();
      await fixture.leases.setMarks(lease, [
        { entry: "x", dueAt: 1000 },
        { entry: "y", dueAt: 2000 },
      ]);
      await fixture.leases.setMarks(lease, [
        { entry: "x", dueAt: 500 },
        { entry: "z", dueAt: 1 },
      ]);
      expect(Object.fromEntries(await fixture.leases.marks("app"))).toEqual({ x: 500, y: 2000, z: 1 });
      await fixture.leases.setMarks(lease, []);
    });

    it("sets marks forwards only where that is asked for, and takes odd names and times as they are", async () => {
      const lease = await lead();
      await fixture.leases.setMarks(lease, [{ entry: "x", dueAt: 1000 }]);
      const marks = [
        { entry: "x", dueAt: 500 },
        { entry: "\u0001 y: *", dueAt: 1.5 },
        { entry: "x", dueAt: 999 },
      ];
      await fixture.leases.setMarks(lease, marks, { forwardOnly: true });
      expect(Object.fromEntries(await fixture.leases.marks("app"))).toEqual({ x: 1000, "\u0001 y: *": 1.5 });
      await fixture.leases.setMarks(lease, [{ entry: "x", dueAt: 1001 }], { forwardOnly: true });
      expect((await fixture.leases.marks("app")).get("x")).toBe(1001);
    });

    it("does not give a lease of a scope that it knows nothing of, where that is asked for", async () => {
      const asked = { unlessForgotten: true };
      expect(await fixture.leases.acquire("app", one, longMs, asked)).toEqual({ isForgotten: true });
      const lease = await lead(one);
      expect(await fixture.leases.acquire("app", two, longMs, asked)).toMatchObject({ heldBy: { label: one.label } });
      await fixture.leases.release(lease);
      expect(await fixture.leases.acquire("app", two, longMs, asked)).toHaveProperty("lease");
    });

    it("drops marks, whether they are there or not", async () => {
      const lease = await lead();
      await fixture.leases.setMarks(lease, [
        { entry: "x", dueAt: 1 },
        { entry: "y", dueAt: 2 },
      ]);
      await fixture.leases.dropMarks(lease, ["x", "nothing"]);
      expect(Object.fromEntries(await fixture.leases.marks("app"))).toEqual({ y: 2 });
      await fixture.leases.dropMarks(lease, []);
    });

    it("refuses to set or drop marks under a term that is over", async () => {
      const old = await lead(one);
      const lease = await lead(one);
      await fixture.leases.setMarks(lease, [{ entry: "x", dueAt: 1 }]);
      await expect(fixture.leases.setMarks(old, [{ entry: "x", dueAt: 2 }])).rejects.toThrow(StaleTermError);
      await expect(fixture.leases.dropMarks(old, ["x"])).rejects.toThrow(StaleTermError);
      expect(Object.fromEntries(await fixture.leases.marks("app"))).toEqual({ x: 1 });
    });

    it("has no notes for a scope it does not know", async () => {
      expect((await fixture.leases.notes("nobody")).size).toBe(0);
    });

    it("writes notes over those before, removes those that are null, and leaves the others", async () => {
      const lease = await lead();
      await fixture.leases.setNotes(lease, notesOf({ a: "1", b: "2", c: "3" }));
      await fixture.leases.setNotes(lease, notesOf({ a: "one", b: null, unknown: null, d: "4" }));
      expect(await fixture.leases.notes("app")).toEqual(notesOf({ a: "one", c: "3", d: "4" }));
      await fixture.leases.setNotes(lease, notesOf({ a: null }));
      await fixture.leases.setNotes(lease, new Map());
      expect(await fixture.leases.notes("app")).toEqual(notesOf({ c: "3", d: "4" }));
    });

    it("keeps the notes of each scope apart, and apart from its marks", async () => {
      const [first, second] = [await lead(one, longMs, "app"), await lead(two, longMs, "other")];
      await fixture.leases.setNotes(first, notesOf({ x: "of app" }));
      await fixture.leases.setNotes(second, notesOf({ x: "of other" }));
      await fixture.leases.setMarks(first, [{ entry: "x", dueAt: 1 }]);
      await fixture.leases.dropMarks(first, ["x"]);
      expect(await fixture.leases.notes("app")).toEqual(notesOf({ x: "of app" }));
      expect(await fixture.leases.notes("other")).toEqual(notesOf({ x: "of other" }));
    });

    it("refuses notes under a term that is over, and applies none of them", async () => {
      const old = await lead(one);
      const lease = await lead(one);
      await fixture.leases.setNotes(lease, notesOf({ kept: "text" }));
      const late = fixture.leases.setNotes(old, notesOf({ kept: null, late: "text" }));
      await expect(late).rejects.toThrow(StaleTermError);
      await fixture.leases.release(lease);
      await expect(fixture.leases.setNotes(lease, notesOf({ late: "text" }))).rejects.toThrow(StaleTermError);
      expect(await fixture.leases.notes("app")).toEqual(notesOf({ kept: "text" }));
    });

    it("keeps notes of any name and text, and they outlive the term", async () => {
      const names = ["__proto__", "constructor", "", "0", "a:b", "pause ä ☀ 'x'", "x\n\0y"];
      const notes = new Map([...names.map((name) => [name, `text of ${name}`] as const), ["empty", ""] as const]);
      const lease = await lead(one);
      await fixture.leases.setNotes(lease, notes);
      await fixture.leases.release(lease);
      await lead(two);
      expect(new Map(await fixture.leases.notes("app"))).toEqual(notes);
    });

    it("takes 12,000 notes, and what removes them, in one go", async () => {
      const lease = await lead();
      const names = Array.from({ length: 12_000 }, (_, index) => `pause entry ${index}`);
      await fixture.leases.setNotes(lease, new Map(names.map((name) => [name, name])));
      expect(new Map(await fixture.leases.notes("app"))).toEqual(new Map(names.map((name) => [name, name])));
      await fixture.leases.setNotes(lease, new Map([...names.map((name) => [name, null] as const), ["last", "text"]]));
      expect(await fixture.leases.notes("app")).toEqual(notesOf({ last: "text" }));
    });

    it("gives out notes that later changes do not move", async () => {
      const lease = await lead();
      await fixture.leases.setNotes(lease, notesOf({ a: "1" }));
      const before = await fixture.leases.notes("app");
      await fixture.leases.setNotes(lease, notesOf({ a: "2", b: "3" }));
      expect(before).toEqual(notesOf({ a: "1" }));
    });

    it("keeps 12,000 marks, and the marks outlive the lease", async () => {
      const lease = await lead();
      const marks = Array.from({ length: 12_000 }, (_, index) => ({ entry: `entry ${index}`, dueAt: index + 0.5 }));
      await fixture.leases.setMarks(lease, marks);
      await fixture.leases.release(lease);
      await lead(two);
      const kept = await fixture.leases.marks("app");
      expect(kept).toEqual(new Map(marks.map(({ entry, dueAt }) => [entry, dueAt])));
    });
  });
}

function notesOf<Text extends string | null>(notes: Readonly<Record<string, Text>>): ReadonlyMap<string, Text> {
  return new Map(Object.entries<Text>(notes));
}

export function leaseOf(acquired: Acquired): Lease {
  if ("lease" in acquired) return acquired.lease;
  throw new Error(`the lease is held by somebody: ${JSON.stringify(acquired)}`);
}
