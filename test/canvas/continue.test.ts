// What follows an outcome, compared with what Celery's own canvas sends for the same signatures.
import { describe, expect, it } from "vitest";
import { followFailure, followSuccess } from "../../src/canvas/continue.ts";
import { type Embed, readBody, writeBody } from "../../src/protocol/body.ts";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import { type SignatureJson, signatureJson } from "../../src/protocol/signature-json.ts";
import { type TaskCall, createEnvelope } from "../../src/protocol/task.ts";
import { askPython, sendScenarios } from "../helper/wire.ts";

const family = { id: "me", rootId: "root" };
const nothing: Embed = { callbacks: null, errbacks: null, chain: null, chord: null };

function embedOf(scenario: string): Embed {
  const [text = ""] = Object.values(sendScenarios("5.6.2")[scenario]?.messages ?? {}).flat();
  return readBody(decodeMessage(text).envelope).embed;
}

function sig(task: string, parts: Partial<SignatureJson> = {}): SignatureJson {
  return signatureJson({ task, ...parts }, "signature");
}

function group(tasks: readonly SignatureJson[], options: Record<string, unknown> = {}): SignatureJson {
  return sig("celery.group", { kwargs: { tasks }, options, subtask_type: "group" });
}

function chain(tasks: readonly SignatureJson[], options: Record<string, unknown> = {}): SignatureJson {
  return sig("celery.chain", { kwargs: { tasks }, options, subtask_type: "chain" });
}

/** What a message says that matters here. */
interface Sent {
  readonly task: string;
  readonly id: string;
  readonly body: string;
  readonly root: unknown;
  readonly parent: unknown;
  readonly group: unknown;
  readonly index: unknown;
}

function sent(call: TaskCall): Sent {
  const { task, id, headers, body } = createEnvelope(call, {
    now: 0,
    origin: "",
    replyTo: "",
    destination: { exchange: "", exchangeType: "direct", routingKey: "celery" },
    newId: () => "new",
  });
  const { root_id: root, parent_id: parent, group, group_index: index } = headers;
  return { task, id, body: String(body), root, parent, group, index };
}

const SENT_BY_CELERY = [
  "import json, uuid",
  "from celery import Celery, signature",
  "app = Celery('t', broker='memory://', set_as_current=True)",
  "found = []",
  "def keep(producer, name, message, **options):",
  "    h = message.headers",
  "    found.append({'task': h['task'], 'id': h['id'], 'body': json.dumps(message.body), 'root': h['root_id'],",
  "      'parent': h['parent_id'], 'group': h['group'], 'index': h['group_index']})",
  "app.amqp.send_task_message = keep",
  "answer = []",
  "for case in given:",
  "    found.clear()",
  "    extra = {} if case['chain'] is None else {'chain': case['chain']}",
  "    signature(case['signature'], app=app).apply_async(case['args'], parent_id='me', root_id='root', **extra)",
  "    answer.append(list(found))",
].join("\n");

describe("followSuccess", () => {
  it("calls each callback with the result before its own arguments, as the captured messages have them", () => {
    const [link, none] = followSuccess(embedOf("14_link"), "3", family);
    expect(none).toBeUndefined();
    expect(link).toMatchObject({ task: "tasks.echo", args: [3, "ok"], kwargs: {} });
    expect(link?.options).toEqual({ taskId: "00000000-0000-4000-8000-000000001401", parentId: "me", rootId: "root" });
    const calls = followSuccess(embedOf("15_link_list"), "3", family);
    expect(calls.map(({ args }) => args)).toEqual([
      [3, 10],
      [3, 20],
    ]);
    expect(calls[1]?.options).toEqual({ queue: "q2", countdown: 5, parentId: "me", rootId: "root" });
  });

  it("hands the captured chain on, link by link, until it is done", () => {
    const embed = embedOf("16_chain");
    const [second] = followSuccess(embed, "3", family).map(sent);
    expect(second).toMatchObject({ id: "4753a4df-a4b1-47ba-815d-f136e482438a", root: "root", parent: "me" });
    const rest = embed.chain?.slice(0, 1) ?? [];
    expect(second?.body).toBe(writeBody([3, 3], {}, { chain: rest }));
    const [third] = followSuccess({ ...nothing, chain: rest }, "6", { id: second?.id ?? "", rootId: "root" }).map(sent);
    expect(third).toMatchObject({
      id: "4ff238de-bf00-4c7b-9337-227e42946e21",
      root: "root",
      parent: "4753a4df-a4b1-47ba-815d-f136e482438a",
      body: writeBody([6, 4], {}, { chain: [] }),
    });
    expect(followSuccess({ ...nothing, chain: [] }, "10", family)).toEqual([]);
  });

  it("gives no result to an immutable signature", () => {
    const callbacks = [sig("proj.a", { args: [1], immutable: true })];
    expect(followSuccess({ ...nothing, callbacks }, "3", family)[0]?.args).toEqual([1]);
  });

  it("loses no digit and no mark of a result", () => {
    const text =
      '{"big": 9223372036854775808, "at": {"__type__": "datetime", "__value__": "2024-01-02T03:04:05.678000+00:00"}}';
    const [call] = followSuccess({ ...nothing, callbacks: [sig("proj.a")] }, text, family);
    expect(call === undefined ? "" : sent(call).body).toContain(`[[${text}], {}, `);
  });

  it("sends callbacks before the chain, with the priority that is to be inherited", () => {
    const embed = { ...nothing, callbacks: [sig("proj.a")], chain: [sig("proj.c"), sig("proj.b")] };
    const calls = followSuccess(embed, "1", { ...family, priority: 6 });
    expect(calls.map(({ task }) => task)).toEqual(["proj.a", "proj.b"]);
    expect(calls.map(({ options }) => options.priority)).toEqual([6, 6]);
    expect(calls[0]?.options).not.toHaveProperty("chain");
  });

  it("gives the tasks of a group one id, made up when it has none", () => {
    const callbacks = [group([sig("proj.a"), sig("proj.b")])];
    const calls = followSuccess({ ...nothing, callbacks }, "1", family, () => "made-up");
    expect(calls.map(({ options }) => [options.groupId, options.groupIndex])).toEqual([
      ["made-up", 0],
      ["made-up", 1],
    ]);
    expect(calls.every(({ options }) => options.taskId === undefined)).toBe(true);
  });

  it("follows nothing where nothing is asked for, be the result what it may", () => {
    expect(followSuccess(nothing, "not even JSON", family)).toEqual([]);
    expect(followSuccess({ ...nothing, callbacks: [group([]), chain([])] }, "1", family)).toEqual([]);
  });

  it("says that a chord is not supported, whichever way it is come by", () => {
    const embeds = [
      { ...nothing, chord: sig("proj.sum") },
      embedOf("18_chord"),
      embedOf("19_chain_of_group"),
      { ...nothing, callbacks: [sig("proj.a"), group([sig("celery.chord", { subtask_type: "chord" })])] },
      { ...nothing, chain: [sig("proj.sum"), group([sig("proj.a")])] },
    ];
    for (const embed of embeds) {
      expect(() => followSuccess(embed, "1", family)).toThrow(/: chords, and groups that .* are not supported yet$/);
    }
  });

  it("sends what Celery's canvas sends", () => {
    const id = (task: string, parts: Partial<SignatureJson> = {}): SignatureJson =>
      sig(task, { ...parts, options: { task_id: `id of ${task}`, ...parts.options } });
    const signatures = [
      id("proj.plain", { args: [10], kwargs: { x: 1 } }),
      id("proj.still", { args: [10], immutable: true }),
      id("proj.kept", {
        options: { group_id: "g", group_index: 4, root_id: "other", parent_id: "other", shadow: "s" },
      }),
      id("proj.linked", { options: { link: [sig("proj.x")], link_error: [sig("proj.y")] } }),
      group([id("proj.a", { args: [1] }), id("proj.b", { immutable: true })], { task_id: "gid" }),
      group([id("proj.a"), group([id("proj.b"), id("proj.c")]), id("proj.d")], { task_id: "gid" }),
      group([chain([id("proj.a"), id("proj.b"), id("proj.c")]), id("proj.d")], { task_id: "gid" }),
      chain([id("proj.a", { args: [5] }), id("proj.b")], { task_id: "last" }),
      chain([id("proj.a"), id("proj.b"), id("proj.c")], { task_id: "last" }),
      chain([id("proj.only")], { task_id: "last" }),
    ];
    const rest = [sig("proj.z", { options: { task_id: "id of proj.z" } })];
    const cases = signatures.flatMap((signature) =>
      signature.subtask_type === "group"
        ? [
            { signature, args: [7], chain: null },
            { signature, args: [7], chain: [] },
          ]
        : [null, [], rest].map((chain) => ({ signature, args: [7], chain })),
    );
    const ours = cases.map(({ signature, chain: rest }) => {
      const embed =
        rest === null ? { ...nothing, callbacks: [signature] } : { ...nothing, chain: [...rest, signature] };
      return followSuccess(embed, "7", family).map(sent);
    });
    const theirs = askPython(SENT_BY_CELERY, cases) as Sent[][];
    expect(essences(ours, theirs)).toEqual(essences(theirs, theirs));
  });
});

/**
 * Celery writes options of its own into the signatures it hands on; 5.2 numbers the tasks of a group only where it was
 * part of a chain when it was first sent, 5.6 always; and it takes the parent from the running task, of which the program
 * here has none.
 */
function essences(calls: readonly (readonly Sent[])[], theirs: readonly (readonly Sent[])[]): unknown {
  return calls.map((list, row) =>
    list.map(({ body, index, parent, ...rest }, column) => {
      const [args, kwargs, embed] = JSON.parse(body) as [unknown, unknown, Record<string, SignatureJson[] | null>];
      const next = Object.entries(embed).map(([name, signatures]) => [name, signatures?.map(essence) ?? null]);
      const isNumbered = typeof theirs[row]?.[column]?.index === "number";
      return { ...rest, args, kwargs, next, parent: parent ?? "me", index: isNumbered ? index : null };
    }),
  );
}

function essence({ task, args, kwargs, immutable, options }: SignatureJson): unknown {
  const { task_id: id, group_id: group } = options;
  return [task, args, kwargs, immutable, id, group];
}

describe("followFailure", () => {
  it("calls the captured errback without the id, since it is immutable", () => {
    const [call, none] = followFailure(embedOf("14_link"), family);
    expect(none).toBeUndefined();
    expect(call).toMatchObject({ task: "tasks.echo", args: ["err"], options: { parentId: "me", rootId: "root" } });
  });

  it("calls the others with the id of the failed task before their own arguments", () => {
    const errbacks = [sig("proj.oops", { args: [1] }), group([sig("proj.tell")])];
    const calls = followFailure({ ...nothing, errbacks, callbacks: [sig("proj.not")] }, family, () => "gid");
    expect(calls.map(({ task, args }) => [task, args])).toEqual([
      ["proj.oops", ["me", 1]],
      ["proj.tell", ["me"]],
    ]);
    expect(calls[1]?.options).toMatchObject({ groupId: "gid", groupIndex: 0, parentId: "me", rootId: "root" });
  });

  it("follows nothing where nothing is asked for", () => {
    expect(followFailure({ ...nothing, callbacks: [sig("proj.a")], chain: [sig("proj.b")] }, family)).toEqual([]);
  });
});
