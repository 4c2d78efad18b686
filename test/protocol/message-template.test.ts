import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { createBeatEnvelope } from "../../src/beat/envelope.ts";
import type { Occurrence } from "../../src/beat/occurrence.ts";
import { encodeMessage } from "../../src/protocol/kombu.ts";
import type { Entry, EntryOptions } from "../../src/schedule/entry.ts";
import { entryOf, startAt } from "../helper/beat-stage.ts";

const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);

const options = fc.record(
  {
    queue: fc.constantFrom("celery", "mail", 'ü "x"'),
    priority: fc.integer({ min: 0, max: 9 }),
    expires: fc.constantFrom<number | string>(60, "next", "2026-12-24T18:00:00+00:00"),
    timeLimit: fc.integer({ min: 1, max: 90 }),
    ignoreResult: fc.boolean(),
    headers: fc.dictionary(fc.string(), json, { maxKeys: 2 }),
    shadow: fc.string({ minLength: 1 }),
    argsrepr: fc.string(),
    countdown: fc.integer({ min: 1, max: 9 }),
    compression: fc.constant("gzip"),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<EntryOptions>;

const entries = fc.record({
  name: fc.string({ minLength: 1 }),
  args: fc.array(json, { maxLength: 3 }),
  kwargs: fc.dictionary(fc.string(), json, { maxKeys: 2 }),
});

const fields = [
  "id",
  "task",
  "headers",
  "body",
  "contentType",
  "contentEncoding",
  "properties",
  "destination",
] as const;

function occurrenceOf(entry: Entry, nextDueAt: number | null): Occurrence {
  return { entry, dueAt: startAt, settlesAt: startAt, nextDueAt, occasion: "scheduled" };
}

describe("a message made from a template", () => {
  it("is to the byte what is made from its fields, whatever its entry says", async () => {
    const app = new App("shapes", { timezone: "Asia/Taipei" });
    await app.finalize();
    fc.assert(
      fc.property(options, fc.array(entries, { minLength: 2, maxLength: 4 }), fc.boolean(), (option, all, hasNext) => {
        const create = createBeatEnvelope(app, "test");
        const nextDueAt = hasNext ? startAt + 60_000 : null;
        for (const change of all) {
          const occurrence = occurrenceOf(entryOf({ ...change, task: "proj.add", options: option }), nextDueAt);
          const made = create(occurrence, startAt + 5);
          const whole = createBeatEnvelope(app, "test")(occurrence, startAt + 5);
          expect(encodeMessage(made, "tag")).toBe(encodeMessage(whole, "tag"));
          for (const field of fields) expect(made[field]).toEqual(whole[field]);
          expect(Object.keys(made.headers)).toEqual(Object.keys(whole.headers));
        }
      }),
      { numRuns: 200 },
    );
  });

  it("is not used where a route function looks at the arguments, or the task's own options set the clock", async () => {
    const app = new App("routed", {
      taskRoutes: (_name: string, args: readonly unknown[]) => ({ queue: `q${String(args[0])}` }),
    });
    await app.finalize();
    const create = createBeatEnvelope(app, "test");
    const queues = [1, 2, 3].map((first) => {
      return create(occurrenceOf(entryOf({ args: [first] }), null), startAt).destination.routingKey;
    });
    expect(queues).toEqual(["q1", "q2", "q3"]);
    const timed = new App("timed");
    timed.task(() => null, { name: "proj.ten", expires: 30 });
    await timed.finalize();
    const createTimed = createBeatEnvelope(timed, "test");
    const expirations = [0, 10_000].map((ms) => {
      const { headers } = createTimed(occurrenceOf(entryOf({ name: `e${ms}` }), null), startAt + ms);
      return headers["expires"];
    });
    expect(new Set(expirations).size).toBe(2);
  });
});
