// Every call that was captured from real Celery is made again here, and has to come out as the same bytes.
import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readBody } from "../../src/protocol/body.ts";
import { parseIso } from "../../src/protocol/iso-time.ts";
import { decodeMessage, encodeMessage, queueKey } from "../../src/protocol/kombu.ts";
import { signature } from "../../src/protocol/signature.ts";
import { createEnvelope } from "../../src/protocol/task.ts";
import type { TaskCall } from "../../src/protocol/task.ts";
import type { TaskOptions } from "../../src/protocol/task-options.ts";
import { beatMessages, contextOf, parseMessage, sendScenarios } from "../helper/wire.ts";
import type { ParsedMessage } from "../helper/wire.ts";

const captured = sendScenarios("5.6.2");
const capturedOld = sendScenarios("5.2.6");
const someNow = Date.UTC(2026, 10, 21, 9, 15);

type Rebuild = (message: ParsedMessage) => Partial<TaskCall> & { now?: number };

/** The options of a call of `tasks.add` with `[1, 2]`. */
const add =
  (options: TaskOptions): Rebuild =>
  () => ({ options });

/** Chains and chords come later; what a captured task carries of them goes in as it came out. */
const member: Rebuild = (message) => {
  const { args, embed } = readBody(decodeMessage(JSON.stringify(message)).envelope);
  const { group, group_index: index, argsrepr } = message.headers;
  const options = {
    argsrepr: argsrepr as string,
    ...(group === null ? {} : { groupId: group as string }),
    ...(index === null ? {} : { groupIndex: index as number }),
    ...(embed.chain === null ? {} : { chain: embed.chain }),
    ...(embed.chord === null ? {} : { chord: embed.chord }),
  };
  return { args, options };
};

const at = (text: unknown): number => parseIso(text as string)?.utcAt ?? Number.NaN;
const eta = "2030-01-02T03:04:05.678901+00:00";

const calls: Readonly<Record<string, Rebuild>> = {
  "01_args_kwargs": () => ({
    task: "tasks.echo",
    args: [1, "a", null, true, 1.5, [2], { k: "v" }],
    kwargs: { x: 1, y: "zażółć ☃" },
  }),
  "02_no_args": () => ({ task: "tasks.none", args: [] }),
  "03_countdown": (message) => ({ options: { countdown: 60 }, now: at(message.headers["eta"]) - 60_000 }),
  "04_eta_utc": add({ eta }),
  "05_eta_zoned": add({ eta: "2030-01-01T22:04:05.678901-05:00" }),
  "06_eta_naive": add({ eta: "2030-01-02T03:04:05" }),
  "07_expires_int": (message) => ({ options: { expires: 120 }, now: at(message.headers["expires"]) - 120_000 }),
  "08_expires_datetime": (message) => ({
    options: { expires: eta },
    now: at(eta) - Number(message.properties.expiration) - 0.5,
  }),
  "09_expires_past": (message) => ({ options: { expires: -1 }, now: at(message.headers["expires"]) + 1000 }),
  "10_priority_0": add({ priority: 0 }),
  "10_priority_3": add({ priority: 3 }),
  "10_priority_5": add({ priority: 5 }),
  "10_priority_6": add({ priority: 6 }),
  "10_priority_9": add({ priority: 9 }),
  "11_queue": add({ queue: "q1" }),
  "12_routing_key": add({ routingKey: "rk.x" }),
  "14_link": add({
    link: signature("tasks.echo", ["ok"], {}, { taskId: "00000000-0000-4000-8000-000000001401" }),
    linkError: signature("tasks.echo", ["err"], {}, { immutable: true }),
  }),
  "15_link_list": add({
    link: [signature("tasks.add", [10]), signature("tasks.add", [20]).set({ queue: "q2", countdown: 5 })],
  }),
  "16_chain": member,
  "17_group": member,
  "18_chord": member,
  "19_chain_of_group": member,
  "20_headers": add({ headers: { "x-tenant": "acme", n: 1, nested: { a: [1] } } }),
  "21_retries": add({ retries: 2 }),
  "22_ignore_result": add({ ignoreResult: true }),
  "23_time_limits": add({ timeLimit: 30, softTimeLimit: 20 }),
  "24_shadow": add({ shadow: "other.name" }),
  "25_ids": add({
    taskId: "my-own-id",
    groupId: "g1",
    groupIndex: 4,
    rootId: "root1",
    parentId: "par1",
    replyTo: "myreply",
  }),
  "26_gzip": add({ compression: "gzip" }),
  "28_bytes": () => ({ task: "tasks.echo", args: [new Uint8Array([0, 255])] }),
  "31_argsrepr": add({ argsrepr: "(<secret>)" }),
  "32_origin_replaced_task_nesting": (message) => {
    const [args, kwargs] = JSON.parse(Buffer.from(message.body, "base64").toString()) as [unknown[], object];
    return { task: message.headers["task"] as string, args, kwargs: { ...kwargs } };
  },
  "33_delivery_transient": add({ deliveryMode: 1 }),
  "34_stamped": add({ argsrepr: "(1, 2)", stamps: { tags: ["a", "b"], monitoring_id: "m-1" } }),
};

/** Left out, and why. */
const others: Readonly<Record<string, string>> = {
  "13_exchange_rk": "nothing is bound, so Celery lost it",
  "27_types": "Python types that JavaScript has not (serializer.test.ts reads them)",
  "27b_set": "refused by both",
  "29_nan": "refused here: NaN is not JSON",
  "30_pickle": "refused here",
  "35_protocol1": "refused here",
};

function rebuild(raw: string, scenario: string): { readonly text: string; readonly list: string } {
  const message = parseMessage(raw);
  const { now = someNow, ...given } = calls[scenario]?.(message) ?? {};
  const call: TaskCall = { task: "tasks.add", args: [1, 2], kwargs: {}, options: {}, ...given };
  const envelope = createEnvelope(call, contextOf(message, now));
  return {
    text: inflated(encodeMessage(envelope, message.properties.delivery_tag)),
    list: queueKey(envelope.destination.routingKey, envelope.properties.priority),
  };
}

/** Celery lets two options leak into the properties, where nobody reads them. */
function withoutLeak(raw: string): string {
  return raw.replace('"argsrepr": "(<secret>)", "kwargsrepr": "{}", "delivery_mode"', '"delivery_mode"');
}

/** Node's deflate finds other matches than Python's: what counts is what comes out again. */
function inflated(text: string): string {
  const { headers, body } = parseMessage(text);
  if (headers["compression"] === undefined) return text;
  return text.replace(body, inflateSync(Buffer.from(body, "base64")).toString());
}

/** 5.2.6 has not these headers yet. */
function withoutNewHeaders(text: string): string {
  return text.replace(/, "replaced_task_nesting": 0, "stamped_headers": null, "stamps": \{\}/, "");
}

function messagesOf(scenarios: typeof captured, name: string): { readonly list: string; readonly raw: string }[] {
  return Object.entries(scenarios[name]?.messages ?? {}).flatMap(([list, texts]) =>
    texts.map((raw) => ({ list, raw })),
  );
}

describe("createEnvelope", () => {
  it("is held against every captured scenario, or says why not", () => {
    expect([...Object.keys(calls), ...Object.keys(others)].sort()).toEqual(Object.keys(captured).sort());
  });

  it.each(Object.keys(calls))("writes the bytes of Celery 5.6.2: %s", (name) => {
    const messages = messagesOf(captured, name);
    expect(messages.length).toBeGreaterThan(0);
    for (const { list, raw } of messages) {
      expect(rebuild(raw, name)).toEqual({ text: inflated(withoutLeak(raw)), list });
    }
  });

  it.each(Object.keys(calls).filter((name) => messagesOf(capturedOld, name).length > 0))(
    "writes the bytes of Celery 5.2.6, but for the newer headers: %s",
    (name) => {
      for (const { list, raw } of messagesOf(capturedOld, name)) {
        const { text, list: ourList } = rebuild(raw, name);
        expect({ text: withoutNewHeaders(text), list: ourList }).toEqual({ text: inflated(withoutLeak(raw)), list });
      }
    },
  );

  it.each(["5.2.6", "5.6.2"] as const)("writes what real beat %s sends", (version) => {
    const strip = version === "5.2.6" ? withoutNewHeaders : (text: string): string => text;
    for (const [list, texts] of Object.entries(beatMessages(version))) {
      for (const raw of texts) {
        const message = parseMessage(raw);
        const toQb = message.headers["task"] === "tasks.rel10";
        const call = toQb
          ? { task: "tasks.rel10", args: [], kwargs: {}, options: { expires: 30, priority: 6, headers: { h: 1 } } }
          : { task: "tasks.e7", args: [1, "two"], kwargs: { k: null }, options: {} };
        const now = toQb ? at(message.headers["expires"]) - 30_000 : someNow;
        const envelope = createEnvelope(call, contextOf(message, now, "Europe/Paris"));
        expect(strip(encodeMessage(envelope, message.properties.delivery_tag))).toBe(raw);
        expect(queueKey(envelope.destination.routingKey, envelope.properties.priority)).toBe(list);
      }
    }
  });
});

const plain: TaskCall = { task: "proj.add", args: [1, 2], kwargs: {}, options: {} };
const context = contextOf(parseMessage(messagesOf(captured, "02_no_args")[0]!.raw), someNow);

describe("the message of a call", () => {
  it("is frozen, so that a broker cannot change what beat holds", () => {
    const envelope = createEnvelope({ ...plain, options: { expires: 5 } }, context);
    expect([envelope, envelope.headers, envelope.properties].every(Object.isFrozen)).toBe(true);
  });

  it("leaves the caller's headers as they are", () => {
    const headers = Object.freeze({ a: 1 });
    expect(createEnvelope({ ...plain, options: { headers, compression: "zlib" } }, context).headers).toMatchObject({
      a: 1,
      compression: "application/x-gzip",
    });
    expect(headers).toEqual({ a: 1 });
  });

  it("writes an eta with the offset its zone has then, in winter and in summer", () => {
    const header = (eta: TaskOptions["eta"] & {}): unknown =>
      createEnvelope({ ...plain, options: { eta } }, { ...context, timezone: "Europe/Paris" }).headers["eta"];
    expect(header(new Date("2026-01-02T03:04:05Z"))).toBe("2026-01-02T04:04:05+01:00");
    expect(header(Date.UTC(2026, 6, 2, 3, 4, 5, 67))).toBe("2026-07-02T05:04:05.067000+02:00");
  });

  it("gives JavaScript's own ISO text the six digits that old workers need", () => {
    const options = { eta: new Date(someNow + 7).toISOString() };
    expect(createEnvelope({ ...plain, options }, context).headers["eta"]).toBe("2026-11-21T09:15:00.007000+00:00");
  });

  it("counts the expiration of a wall-clock time in the zone of the app", () => {
    const options = { expires: "2026-11-21T18:15:01" };
    const envelope = createEnvelope({ ...plain, options }, { ...context, timezone: "Asia/Tokyo" });
    expect(envelope.properties.expiration).toBe("1000");
    expect(envelope.headers["expires"]).toBe("2026-11-21T18:15:01");
  });

  it("has no eta for a countdown of zero, as in Celery", () => {
    expect(createEnvelope({ ...plain, options: { countdown: 0 } }, context).headers["eta"]).toBeNull();
  });

  it("takes a new id only where the call names none", () => {
    const newId = (): string => "fresh";
    expect(createEnvelope(plain, { ...context, newId })).toMatchObject({ id: "fresh", headers: { root_id: "fresh" } });
    const named = { ...plain, options: { taskId: "mine" } };
    expect(createEnvelope(named, { ...context, newId }).properties.correlationId).toBe("mine");
  });

  it("names the argument that is not data", () => {
    const call = { ...plain, args: [1, { callback: () => 1 }] };
    expect(() => createEnvelope(call, context)).toThrow("args[1].callback is a function: tasks take data only");
    expect(() => createEnvelope({ ...plain, kwargs: { "my key": Number.NaN } }, context)).toThrow(
      'kwargs["my key"] is NaN',
    );
    expect(() => createEnvelope({ ...plain, options: { headers: { when: undefined } } }, context)).toThrow(
      "headers.when is undefined",
    );
  });

  it("refuses a call that is none", () => {
    expect(() => createEnvelope({ ...plain, task: "" }, context)).toThrow("needs the name of a task");
    expect(() => createEnvelope({ ...plain, args: "ab" as never }, context)).toThrow(
      "args of proj.add should be a list",
    );
    expect(() => createEnvelope({ ...plain, kwargs: [] as never }, context)).toThrow("should be a mapping");
  });
});
