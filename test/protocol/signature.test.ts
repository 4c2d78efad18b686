import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import { readBody } from "../../src/protocol/body.ts";
import { writeJson } from "../../src/protocol/json-writer.ts";
import { optionsToWire } from "../../src/protocol/option-names.ts";
import { Signature, signature } from "../../src/protocol/signature.ts";
import type { TaskCall } from "../../src/protocol/task.ts";
import type { TaskOptions } from "../../src/protocol/task-options.ts";
import { requireService } from "../helper/debian.ts";
import { askPython, sendScenarios } from "../helper/wire.ts";

const add = signature("proj.add", [2]);

describe("a signature", () => {
  it("travels in Celery's shape, byte for byte", () => {
    const raw = sendScenarios("5.6.2")["15_link_list"]!.messages["celery"]![0]!;
    const { callbacks } = readBody(decodeMessage(raw).envelope).embed;
    const ours = [signature("tasks.add", [10]), signature("tasks.add", [20], {}, { queue: "q2", countdown: 5 })];
    expect(writeJson(ours)).toBe(writeJson(callbacks));
  });

  it("is frozen, and does not share what it was given", () => {
    const args = [1];
    const given = signature("proj.add", args, {}, { queue: "q" });
    args.push(2);
    expect(given.args).toEqual([1]);
    expect([given, given.args, given.kwargs, given.options].every(Object.isFrozen)).toBe(true);
  });

  it("shows itself as Celery does", () => {
    expect(signature("proj.add", [5, 10]).repr()).toBe("proj.add(5, 10)");
    expect(String(signature("tasks.hello", ["there"], { loud: true }))).toBe("tasks.hello('there', loud=True)");
  });

  it("puts given arguments before its own", () => {
    const clone = signature("proj.add", [2], { z: 1 }, { queue: "a", priority: 3 }).clone(
      [4],
      { z: 2, y: 0 },
      { queue: "b" },
    );
    expect(clone).toMatchObject({ args: [4, 2], kwargs: { z: 2, y: 0 }, options: { queue: "b", priority: 3 } });
    expect(clone.partial([8]).args).toEqual([8, 4, 2]);
  });

  it("keeps its arguments when it is immutable, and takes options all the same", () => {
    const fixed = add.set({ immutable: true });
    expect(fixed.clone([4], { z: 2 }, { queue: "b" })).toMatchObject({
      args: [2],
      kwargs: {},
      options: { queue: "b" },
    });
    expect(fixed.replace({ args: [9] }).args).toEqual([9]);
    expect(fixed.set({ countdown: 1 }).immutable).toBe(true);
  });

  it("does not let go of a group id or a stamp", () => {
    const stamped = add.set({ groupId: "g", stamps: { a: 1 } }).clone([], {}, { groupId: "h", stamps: { a: 2, b: 3 } });
    expect(stamped.options).toMatchObject({ groupId: "g", stamps: { a: 1, b: 3 } });
  });

  it("links each callback once, and leaves the signature it came from alone", () => {
    const callback = signature("proj.log");
    const linked = add.link(callback).link(signature("proj.log")).link(signature("proj.mail")).onError(callback);
    expect(linked.toJSON().options).toEqual({
      link: [callback.toJSON(), signature("proj.mail").toJSON()],
      link_error: [callback.toJSON()],
    });
    expect(add.options).toEqual({});
  });

  it("comes back from the wire as it went", () => {
    const whole = signature("proj.add", [1], { z: 2 }, { taskId: "t", timeLimit: 9, immutable: true }).link(add);
    expect(Signature.fromJSON(JSON.parse(writeJson(whole))).toJSON()).toEqual(whole.toJSON());
    expect(Signature.fromJSON({ task: "proj.add" })).toMatchObject({ args: [], kwargs: {}, immutable: false });
  });

  it("hands on the options it does not know", () => {
    const json = { ...add.toJSON(), options: { queue: "q", add_to_parent: false, root_id: null } };
    const read = Signature.fromJSON(json);
    expect(read.options).toEqual({ queue: "q", extra: { add_to_parent: false } });
    expect(read.toJSON().options).toEqual({ add_to_parent: false, queue: "q" });
  });

  it.each([[null], ["proj.add"], [{ args: [] }], [{ task: "" }], [[]]])("is not made of %j", (json) => {
    expect(() => Signature.fromJSON(json)).toThrow("signature is not a signature");
  });

  it("is refused with a wrong option or argument", () => {
    expect(() => signature("proj.add", [], {}, { countdwn: 1 } as TaskOptions)).toThrow(
      expect.objectContaining({ message: "no option countdwn", hint: "did you mean countdown?" }),
    );
    expect(() => signature("proj.add", 3 as never)).toThrow("signature.args should be a list");
  });
});

describe("sending a signature", () => {
  it("hands the whole call to whoever lent it a way to send", async () => {
    const sent: TaskCall[] = [];
    const bound = add.set({ queue: "q" }).bindSender((call) => Promise.resolve(sent.push(call)));
    expect(await bound.delay(1)).toBe(1);
    expect(await bound.applyAsync([1], { kwargs: { z: 3 }, countdown: 2 })).toBe(2);
    expect(sent).toMatchObject([
      { task: "proj.add", args: [1, 2], kwargs: {}, options: { queue: "q" } },
      { task: "proj.add", args: [1, 2], kwargs: { z: 3 }, options: { queue: "q", countdown: 2 } },
    ]);
    expect(await bound.clone([7]).set({ priority: 1 }).delay()).toBe(3);
  });

  it("keeps its sender to itself", () => {
    const bound = add.bindSender(() => Promise.resolve(1));
    expect(Object.keys(bound)).toEqual(Object.keys(add));
    expect(writeJson(bound)).toBe(writeJson(add));
  });

  it("says so when it belongs to no app", async () => {
    await expect(add.delay(1)).rejects.toThrow("proj.add(2) belongs to no app");
  });
});

describe.skipIf(!requireService("celery"))("a signature beside Celery's", () => {
  const anyArgs = fc.array(fc.oneof(fc.integer(), fc.string({ maxLength: 5 }), fc.constant(null)), { maxLength: 3 });
  const anyKwargs = fc.dictionary(fc.constantFrom("x", "y", "z"), fc.integer());
  const anyOptions = fc.record<TaskOptions>(
    { countdown: fc.integer({ min: 0 }), queue: fc.constantFrom("a", "b"), groupId: fc.constantFrom("g", "h") },
    { requiredKeys: [] },
  ) as fc.Arbitrary<TaskOptions>;
  const anyCase = fc.record({
    stored: fc.tuple(anyArgs, anyKwargs, anyOptions),
    given: fc.tuple(anyArgs, anyKwargs, anyOptions),
    immutable: fc.boolean(),
  });

  it("merges arguments and options, and shows itself, by the same rules", () => {
    const cases = fc.sample(anyCase, { numRuns: 300, seed: 7 });
    const wire = cases.map(({ stored: [a, k, o], given: [b, l, p], immutable }) => {
      return [[a, k, optionsToWire(o)], [b, l, optionsToWire(p)], immutable];
    });
    const program = [
      "from celery import Celery",
      "from celery.canvas import Signature",
      "app = Celery()",
      "def merge(stored, given, immutable):",
      "    one = Signature('proj.add', stored[0], stored[1], stored[2], immutable=immutable, app=app)",
      "    two = one.clone(given[0], given[1], **given[2])",
      "    return [json.loads(json.dumps(dict(two))), repr(two)]",
      "answer = [merge(*case) for case in given]",
    ].join("\n");
    const ours = cases.map(({ stored: [args, kwargs, options], given, immutable }) => {
      const clone = signature("proj.add", args, kwargs, { ...options, immutable }).clone(...given);
      return [clone.toJSON(), clone.repr()];
    });
    expect(ours).toEqual(askPython(program, wire));
  });
});
