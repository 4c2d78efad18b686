// What follows an outcome, compared with what Celery's own canvas sends for the same signatures.
import { describe, expect, it } from "vitest";
import * as canvas from "../../src/canvas/continue.ts";
import { type Embed, readBody, writeBody } from "../../src/protocol/body.ts";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import { type SignatureJson, signatureJson } from "../../src/protocol/signature-json.ts";
import { type TaskCall, createEnvelope } from "../../src/protocol/task.ts";
import { askPython, sendScenarios } from "../helper/wire.ts";

type Family = canvas.Family;

function followSuccess(embed: Embed, text: string, of: Family, newId?: () => string): readonly TaskCall[] {
  return canvas.planSuccess(embed, text, of, newId).calls;
}

function followFailure(embed: Embed, of: Family, newId?: () => string): readonly TaskCall[] {
  return canvas.planFailure(embed, of, newId).calls;
}

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

function chord(
  tasks: readonly SignatureJson[],
  body: SignatureJson,
  parts: Partial<SignatureJson> & { readonly gid?: string } = {},
): SignatureJson {
  const { gid = "gid", ...more } = parts;
  const kwargs = { kwargs: {}, header: group(tasks, { task_id: gid }), body };
  return sig("celery.chord", { kwargs, subtask_type: "chord", ...more });
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
  "app = Celery('t', broker='memory://', backend='cache+memory://', set_as_current=True)",
  "app.backend.apply_chord = lambda *args, **kwargs: None",
  "app.backend.set_chord_size = lambda group, size: sizes.append([group, size])",
  "found, sizes = [], []",
  "def keep(producer, name, message, **options):",
  "    h = message.headers",
  "    found.append({'task': h['task'], 'id': h['id'], 'body': json.dumps(message.body), 'root': h['root_id'],",
  "      'parent': h['parent_id'], 'group': h['group'], 'index': h['group_index']})",
  "app.amqp.send_task_message = keep",
  "answer = []",
  "for case in given:",
  "    found.clear(), sizes.clear()",
  "    extra = {} if case['chain'] is None else {'chain': case['chain']}",
  "    signature(case['signature'], app=app).apply_async(case['args'], parent_id='me', root_id='root', **extra)",
  "    answer.append({'sent': list(found), 'sizes': list(sizes)})",
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
    const taskId: unknown = expect.any(String);
    expect(calls[1]?.options).toEqual({ taskId, queue: "q2", countdown: 5, parentId: "me", rootId: "root" });
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
    expect(calls.map(({ options }) => options.taskId)).toEqual(["made-up", "made-up"]);
  });

  it("follows nothing where nothing is asked for, be the result what it may", () => {
    expect(followSuccess(nothing, "not even JSON", family)).toEqual([]);
    expect(followSuccess({ ...nothing, callbacks: [group([]), chain([])] }, "1", family)).toEqual([]);
  });

  it("sends the header of the captured chord, each task with the body along, and says how many they are", () => {
    const embed = embedOf("19_chain_of_group");
    const { calls, chords, children } = canvas.planSuccess(embed, "2", family);
    const [first, second] = calls.map(sent);
    const ids = ["65148621-1f00-448a-94c0-f6fc590b02d1", "8ef87fdc-41ab-459c-b2d8-071d2abcdee0"];
    const group = "c36560dc-f113-44a7-9b67-312bca163644";
    expect(first).toMatchObject({ task: "tasks.add", id: ids[0], root: "root", parent: "me", group, index: 0 });
    expect(second).toMatchObject({ task: "tasks.add", id: ids[1], root: "root", parent: "me", group, index: 1 });
    expect(calls.map(({ args }) => args)).toEqual([
      [2, 2],
      [2, 3],
    ]);
    for (const { options } of calls) {
      const task_id = "148f8973-3a75-43b7-9b4d-0e52206f7a32";
      expect(options.chord).toMatchObject({
        task: "tasks.xsum",
        options: { task_id, parent_id: "me", root_id: "root" },
      });
    }
    expect(chords).toEqual([{ groupId: group, size: 2, tree: null }]);
    expect(children).toEqual([[[group, null], ids.map((id) => [[id, null], null])]]);
  });

  it("leaves the chord that the task itself is part of to others", () => {
    expect(followSuccess({ ...nothing, chord: sig("proj.sum") }, "1", family)).toEqual([]);
  });

  it("calls the body of a chord without a header at once, with an empty list", () => {
    const [call, ...none] = followSuccess(
      { ...nothing, chain: [sig("proj.z"), chord([], sig("proj.sum"))] },
      "1",
      family,
    );
    expect(none).toEqual([]);
    expect(call).toMatchObject({ task: "proj.sum", args: [[]], options: { parentId: "me", rootId: "root" } });
    expect(call?.options.chain).toMatchObject([{ task: "proj.z" }]);
  });

  it("makes a chord of a group that something follows, and lists results within the list where a group ends a chain", () => {
    const header = group([chain([sig("proj.a"), group([sig("proj.b"), sig("proj.c")])]), sig("proj.d")]);
    let last = 0;
    const newId = (): string => `id${(last += 1)}`;
    const rest = { ...nothing, chain: [sig("proj.z"), sig("proj.sum"), header] };
    const { calls, chords } = canvas.planSuccess(rest, "1", family, newId);
    expect(calls.map(({ task }) => task)).toEqual(["proj.a", "proj.d"]);
    const [opening] = chords;
    expect(opening).toMatchObject({ size: 3 });
    const ends = calls[0]?.options.chain?.[0] as SignatureJson;
    const inner = (ends.kwargs["tasks"] as readonly SignatureJson[]).map(({ options }) => options["task_id"]);
    expect(opening?.tree?.[1]?.[0]?.[1]?.map(([[id]]) => id)).toEqual(inner);
    expect(calls.map(({ options }) => (options.chord as SignatureJson | undefined)?.task)).toEqual([
      undefined,
      "proj.sum",
    ]);
    const body = calls[1]?.options.chord as SignatureJson;
    expect(body.options["chain"]).toMatchObject([{ task: "proj.z" }]);
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
    compareWithCelery(cases);
  });

  it("sends what Celery's canvas sends for chords", () => {
    const id = (task: string, parts: Partial<SignatureJson> = {}): SignatureJson =>
      sig(task, { ...parts, options: { task_id: `id of ${task}`, ...parts.options } });
    const [a, b, c, d] = [id("proj.a", { args: [1] }), id("proj.b"), id("proj.c", { immutable: true }), id("proj.d")];
    const body = id("proj.sum", { args: [9], options: { link: [sig("proj.x")], link_error: [sig("proj.y")] } });
    const rest = [id("proj.z")];
    const signatures = [
      chord([a, b, c], body),
      chord([a, b], body, { args: [5] }),
      chord([a], body, { options: { task_id: "other", queue: "q2" } }),
      chord([], body),
      chord([chain([a, b]), d], body),
      chord([chain([a, group([b, c], { task_id: "inner" })]), d], body),
      chord([chord([a, b], c, { gid: "inner" }), d], body),
      chord([chain([a, chord([b], c, { gid: "inner" })]), d], body),
      chord([a, b], chain([c, d])),
      chord([a, b], chord([c], d, { gid: "inner" })),
      chain([a, chord([b, c], d)]),
      chain([chord([b, c], d), a]),
      chain([a, group([b, c], { task_id: "gid" }), d, body]),
      chain([a, group([b], { task_id: "gid" }), d]),
    ];
    compareWithCelery(
      signatures.flatMap((signature) => [null, rest].map((chain) => ({ signature, args: [7], chain }))),
    );
  });
});

interface Case {
  readonly signature: SignatureJson;
  readonly args: readonly unknown[];
  readonly chain: readonly SignatureJson[] | null;
}

function compareWithCelery(cases: readonly Case[]): void {
  const plans = cases.map(({ signature, chain: rest }) => {
    const embed = rest === null ? { ...nothing, callbacks: [signature] } : { ...nothing, chain: [...rest, signature] };
    return canvas.planSuccess(embed, "7", family);
  });
  const theirs = askPython(SENT_BY_CELERY, cases) as { sent: Sent[]; sizes: [string, number][] }[];
  const [ours, celerys] = [plans.map(({ calls }) => calls.map(sent)), theirs.map((answer) => answer.sent)];
  for (const [row, { signature }] of cases.entries()) {
    const [our, their] = [ours[row] ?? [], celerys[row] ?? []];
    const sizes = plans[row]?.chords.map(({ groupId, size }) => [groupId, size]) ?? [];
    const shown = JSON.stringify(signature);
    const theirSizes = theirs[row]?.sizes ?? [];
    expect([shown, numbered(essences(our, their), sizes)]).toEqual([
      shown,
      numbered(essences(their, their), theirSizes),
    ]);
  }
}

/** Celery 5.2 forgets the id of a header when it travels, and makes up another: what counts is who is together. */
function numbered(calls: unknown, sizes: readonly unknown[]): unknown {
  const known = new Map<string, string>();
  const text = JSON.stringify([calls, sizes]).replaceAll(/"(gid|inner|[\da-f]{8}-[\da-f-]{27})"/g, (_, id: string) => {
    if (!known.has(id)) known.set(id, `"group ${known.size}"`);
    return known.get(id) ?? "";
  });
  const [seen, counts] = JSON.parse(text) as [unknown, unknown[]];
  return [seen, counts.map((count) => JSON.stringify(count)).sort()];
}

/**
 * Celery writes options of its own into the signatures it hands on; 5.2 numbers the tasks of a group only where it was
 * part of a chain when it was first sent, 5.6 always; and it takes the parent from the running task, of which the program
 * here has none.
 */
function essences(calls: readonly Sent[], theirs: readonly Sent[]): unknown {
  return calls.map(({ body, index, parent, ...rest }, column) => {
    const [args, kwargs, embed] = JSON.parse(body) as [unknown, unknown, Record<string, unknown>];
    const next = Object.entries(embed).map(([name, signatures]) => [name, essence(orNull(signatures))]);
    const isNumbered = typeof theirs[column]?.index === "number";
    return { ...rest, args, kwargs, next, parent: parent ?? "me", index: isNumbered ? index : null };
  });
}

/** No chain, or nothing left of it. */
function orNull(value: unknown): unknown {
  return Array.isArray(value) && value.length === 0 ? null : value;
}

/** @param isSent the tasks of a chord's header learn of their group and their body when they are sent */
function essence(value: unknown, isSent = true): unknown {
  if (Array.isArray(value)) return value.map((item) => essence(item, isSent));
  if (typeof value !== "object" || value === null) return value ?? null;
  const { task, args, kwargs, immutable, options } = value as SignatureJson;
  const { header, body, tasks } = kwargs as Record<string, unknown>;
  const { task_id: id, group_id: groupId, chain: after, chord: waiting, link, link_error: errors } = options;
  if (task === "celery.chord" && after !== undefined) {
    // We say it of the chord's body, which it follows.
    const { chain: _, ...others } = options;
    const last = body as SignatureJson;
    const whole = { ...last, options: { ...last.options, chain: after } };
    return essence({ ...(value as SignatureJson), kwargs: { ...kwargs, body: whole }, options: others }, isSent);
  }
  const within = [essence(header, false), essence(body), essence(tasks, isSent)];
  // Celery says of a group as well what it says of each of its tasks.
  const isGroup = task === "celery.group";
  const around = [after, isGroup || !isSent ? null : waiting, link, errors].map((item) => essence(orNull(item)));
  const place = isGroup || !isSent ? null : (groupId ?? null);
  return [task, args, immutable, task === "celery.chord" ? null : id, place, within, around];
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

describe("an eager app", () => {
  it("is told that nobody would wait for a chord", () => {
    for (const embed of [{ ...nothing, chord: sig("proj.sum") }, embedOf("19_chain_of_group")]) {
      expect(() => canvas.followSuccess(embed, "1", family)).toThrow(/chords cannot run under taskAlwaysEager$/);
    }
    const embed = { ...nothing, callbacks: [group([sig("proj.a")])] };
    expect(canvas.followSuccess(embed, "1", family).map(({ task }) => task)).toEqual(["proj.a"]);
  });
});
