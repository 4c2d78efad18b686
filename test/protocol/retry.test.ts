// The retried message, compared with the one that Celery 5.6.2 put back, and checked for what may not change.
import { describe, expect, it } from "vitest";
import { readBody, writeBody } from "../../src/protocol/body.ts";
import { decodeMessage, encodeMessage } from "../../src/protocol/kombu.ts";
import { type RetryChange, retryEnvelope } from "../../src/protocol/retry.ts";
import { signature } from "../../src/protocol/signature.ts";
import { createEnvelope } from "../../src/protocol/task.ts";
import type { TaskOptions } from "../../src/protocol/task-options.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import { sendScenarios } from "../helper/wire.ts";

const at = Date.UTC(2026, 10, 21, 9);

/** What was found in the queue after `self.retry(countdown=...)` of a task sent with a header of its own. */
const CAPTURED =
  '{"body": "W1tdLCB7fSwgeyJjYWxsYmFja3MiOiBudWxsLCAiZXJyYmFja3MiOiBudWxsLCAiY2hhaW4iOiBudWxsLCAiY2hvcmQiOiBudWxsfV0=", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"lang": "py", "task": "tasks.retry", "id": "00000000-0000-4000-8000-000000000009", "shadow": null, "eta": "2026-11-21T09:37:57.790552+00:00", "expires": null, "group": null, "group_index": null, "retries": 1, "timelimit": [null, null], "root_id": "00000000-0000-4000-8000-000000000009", "parent_id": "00000000-0000-4000-8000-000000000009", "argsrepr": "()", "kwargsrepr": "{}", "origin": "gen9304@vm", "ignore_result": false, "replaced_task_nesting": 0, "stamped_headers": null, "stamps": {}, "x-h": "kept?"}, "properties": {"correlation_id": "00000000-0000-4000-8000-000000000009", "reply_to": "a8772562-7d23-34b0-af0e-0d5d859d78b2", "origin": "gen9304@vm", "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "celery"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "3e7fd33a-5e59-43d2-a247-38ec8889581e"}}';

function message(options: TaskOptions = {}, args: readonly unknown[] = [2, 2]): Envelope {
  return createEnvelope(
    { task: "proj.add", args, kwargs: { z: 1 }, options: { taskId: "id-1", ...options } },
    {
      now: at,
      origin: "gen1@client",
      replyTo: "reply",
      destination: { exchange: "tasks", exchangeType: "fanout", routingKey: "key" },
      newId: () => "other",
    },
  );
}

function again(envelope: Envelope, change: Partial<RetryChange> = {}): Envelope {
  return retryEnvelope(envelope, {
    at,
    etaAt: at + 10_000,
    timezone: "UTC",
    options: {},
    origin: "gen2@worker",
    queue: "celery",
    ...change,
  });
}

describe("retryEnvelope", () => {
  it("is the message that Celery put back, byte for byte", () => {
    const sent = createEnvelope(
      {
        task: "tasks.retry",
        args: [],
        kwargs: {},
        options: { taskId: "00000000-0000-4000-8000-000000000009", headers: { "x-h": "kept?" } },
      },
      {
        now: at,
        origin: "gen1@elsewhere",
        replyTo: "a8772562-7d23-34b0-af0e-0d5d859d78b2",
        destination: { exchange: "", exchangeType: "direct", routingKey: "celery" },
        newId: () => "",
      },
    );
    const { envelope: received } = decodeMessage(encodeMessage(sent, "tag"));
    const etaAt = Date.UTC(2026, 10, 21, 9, 37, 57) + 790.552;
    const text = encodeMessage(
      again(received, { etaAt, origin: "gen9304@vm" }),
      "3e7fd33a-5e59-43d2-a247-38ec8889581e",
    );
    // Celery lets the worker's name slip into the properties, where nobody reads it.
    expect(text).toBe(
      CAPTURED.replace(
        '"reply_to": "a8772562-7d23-34b0-af0e-0d5d859d78b2", "origin": "gen9304@vm", ',
        '"reply_to": "a8772562-7d23-34b0-af0e-0d5d859d78b2", ',
      ),
    );
  });

  it("counts on from a retry, and keeps root and parent", () => {
    const first = again(message({ rootId: "root", parentId: "parent", retries: 3 }));
    expect(first.headers).toMatchObject({ retries: 4, root_id: "root", parent_id: "parent", origin: "gen2@worker" });
    expect(again(first).headers).toMatchObject({ id: "id-1", retries: 5, parent_id: "parent" });
    expect(again(message()).headers).toMatchObject({ retries: 1, root_id: "id-1", parent_id: "id-1" });
  });

  it.each(Object.entries(sendScenarios("5.6.2")).filter(([name]) => !/pickle|protocol1/.test(name)))(
    "keeps the body of %s byte for byte, and every header it does not speak of",
    (_, { messages }) => {
      for (const text of Object.values(messages).flat()) {
        const { envelope } = decodeMessage(text);
        const retried = again(envelope);
        expect(retried.body).toEqual(envelope.body);
        const { eta, retries, parent_id, origin, ...kept } = retried.headers;
        expect([eta, origin]).toEqual(["2026-11-21T09:00:10+00:00", "gen2@worker"]);
        expect(Number(retries)).toBe(Number(envelope.headers["retries"]) + 1);
        expect(parent_id).toBe(envelope.headers["parent_id"] ?? envelope.id);
        expect(Object.keys(retried.headers)).toEqual(Object.keys(envelope.headers));
        expect(envelope.headers).toMatchObject(kept);
      }
    },
  );

  it("goes back to its queue, whatever exchange it came through", () => {
    const { destination } = again(message(), { queue: "q1" });
    expect(destination).toEqual({ exchange: "", exchangeType: "direct", routingKey: "q1", queue: "q1" });
  });

  it("goes where the options or the destination say", () => {
    expect(again(message(), { options: { queue: "q2" } }).destination.routingKey).toBe("q2");
    const destination = { exchange: "x", exchangeType: "topic", routingKey: "a.b" } as const;
    expect(again(message(), { options: { queue: "q2" }, destination }).destination).toBe(destination);
  });

  it("has no eta when it is to run at once", () => {
    expect(again(message({ countdown: 60 }), { etaAt: at }).headers["eta"]).toBeNull();
    expect(again(message({ countdown: 60 }), { etaAt: at - 1 }).headers["eta"]).toBeNull();
  });

  it("writes its eta in the zone of the app", () => {
    expect(again(message(), { timezone: "Asia/Taipei" }).headers["eta"]).toBe("2026-11-21T17:00:10+08:00");
  });

  it("expires when it would have, with the time that is left", () => {
    const sent = message({ expires: 60 });
    const retried = again(sent, { at: at + 45_500 });
    expect(retried.headers["expires"]).toBe("2026-11-21T09:01:00+00:00");
    expect(retried.properties.expiration).toBe("14500");
    expect(again(sent, { at: at + 70_000 }).properties.expiration).toBe("0");
    expect(again(message()).properties).not.toHaveProperty("expiration");
  });

  it("expires anew when it is told to", () => {
    const retried = again(message({ expires: 60 }), { at: at + 1000, options: { expires: 3 } });
    expect(retried.headers["expires"]).toBe("2026-11-21T09:00:04+00:00");
    expect(retried.properties.expiration).toBe("3000");
  });

  it("takes limits, priority, headers and shadow from the options, and keeps those that are not given", () => {
    const sent = message({ timeLimit: 30, softTimeLimit: 20, priority: 3, headers: { a: 1, b: 2 } });
    expect(again(sent)).toMatchObject({ headers: { timelimit: [30, 20], a: 1, b: 2 }, properties: { priority: 3 } });
    const retried = again(sent, { options: { softTimeLimit: 10, priority: 9, headers: { b: 3, c: 4 }, shadow: "s" } });
    expect(retried.headers).toMatchObject({ timelimit: [30, 10], a: 1, b: 3, c: 4, shadow: "s" });
    expect(retried.properties).toMatchObject({ priority: 9, correlationId: "id-1", replyTo: "reply" });
  });

  it("changes the arguments and leaves alone what follows", () => {
    const link = { task: "proj.done", args: [2n ** 63n], kwargs: {}, options: {}, subtask_type: null, immutable: true };
    const sent = message({ link, argsrepr: "(***)" });
    const retried = again(sent, { argumentsText: '[[9223372036854775808, "é"], {}]' });
    expect(retried.body).toBe(writeBody([2n ** 63n, "é"], {}, { link }));
    expect(retried.headers).toMatchObject({ argsrepr: "[9223372036854775808, 'é']", kwargsrepr: "{}" });
    expect(again(sent).headers["argsrepr"]).toBe("(***)");
    expect(again(sent, { argumentsText: "[[1], {}]", options: { argsrepr: "(?)" } }).headers["argsrepr"]).toBe("(?)");
    expect(again(sent, { argumentsText: "[[], {}]" }).headers["argsrepr"]).toBe("()");
  });

  it("changes what follows and leaves the arguments alone", () => {
    const retried = again(message({ linkError: signature("proj.oops") }), {
      options: { link: signature("proj.done") },
    });
    const { args, kwargs, embed } = readBody(retried);
    expect([args, kwargs]).toEqual([[2, 2], { z: 1 }]);
    expect([embed.callbacks?.[0]?.task, embed.errbacks?.[0]?.task]).toEqual(["proj.done", "proj.oops"]);
    expect(retried.headers["argsrepr"]).toBe("[2, 2]");
  });

  it("stays compressed, and is compressed when told to", () => {
    const sent = message({ compression: "gzip" });
    expect(again(sent).body).toBe(sent.body);
    const changed = again(sent, { argumentsText: "[[7], {}]" });
    expect(changed.headers["compression"]).toBe("application/x-gzip");
    expect(readBody(changed).args).toEqual([7]);
    const packed = again(message(), { options: { compression: "gzip" } });
    expect(packed.headers["compression"]).toBe("application/x-gzip");
    expect(readBody(packed).args).toEqual([2, 2]);
  });

  it("refuses options that are wrong, by name", () => {
    expect(() => again(message(), { options: { priority: -1 } })).toThrow("priority -1 should be");
  });
});
