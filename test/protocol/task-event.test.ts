import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage } from "../../src/protocol/kombu.ts";
import {
  eventBatchEnvelope,
  eventEnvelope,
  eventGroup,
  readEvents,
  writeEvent,
} from "../../src/protocol/task-event.ts";

interface CapturedEvent {
  readonly channel: string;
  readonly raw?: string;
  readonly fields: readonly string[];
}

const remote = new URL("../fixtures/wire/remote.json", import.meta.url);
const { events } = JSON.parse(readFileSync(remote, "utf8")) as {
  readonly events: Readonly<Record<string, Readonly<Record<string, CapturedEvent>>>>;
};
const captured = Object.values(events).flatMap((byType) => Object.entries(byType));
const address = { exchange: "celeryev", hostname: "cap@testhost" };

describe("the message of an event", () => {
  it("is, byte for byte, what kombu wrote around the same body", () => {
    const compared = captured.filter(([, { raw }]) => raw !== undefined);
    expect(compared.length).toBeGreaterThanOrEqual(14);
    for (const [type, { raw = "", channel }] of compared) {
      const { envelope, deliveryTag } = decodeMessage(raw);
      const body = String(envelope.body);
      const from = { exchange: "celeryev", hostname: String(envelope.headers["hostname"]) };
      const isBatch = body.startsWith("[");
      const ours = isBatch
        ? eventBatchEnvelope(eventGroup(type), [body.slice(1, -1)], from)
        : eventEnvelope(type, body, from);
      expect(encodeMessage(ours, deliveryTag)).toBe(raw);
      expect(channel).toBe(`/0.celeryev/${ours.destination.routingKey}`);
    }
  });

  it("holds the fields that Celery sends, in its order", () => {
    const stamp = { hostname: "cap@testhost", pid: 7, clock: 3, at: 1_795_252_734_224.5 };
    for (const [type, { fields }] of captured) {
      const own = Object.fromEntries(fields.slice(4, -2).map((name) => [name, name]));
      const event = JSON.parse(writeEvent(type, own, stamp)) as Record<string, unknown>;
      expect(Object.keys(event)).toEqual(fields);
      expect(event).toMatchObject({ hostname: "cap@testhost", pid: 7, clock: 3, timestamp: 1_795_252_734.2245, type });
      expect(Number.isInteger(event["utcoffset"])).toBe(true);
    }
  });

  it("joins events of a group into one list", () => {
    const stamp = { hostname: "cap@testhost", pid: 7, clock: 3, at: 0 };
    const texts = ["a", "b", "c"].map((uuid) => writeEvent("task-started", { uuid }, stamp));
    const batch = eventBatchEnvelope("task", texts, address);
    expect(batch.destination.routingKey).toBe("task.multi");
    expect(readEvents(batch).map((event) => event["uuid"])).toEqual(["a", "b", "c"]);
  });

  it("is not made of what is no data", () => {
    const stamp = { hostname: "h", pid: 1, clock: 1, at: 0 };
    expect(() => writeEvent("task-sent", { args: 1n }, stamp)).toThrow(TypeError);
  });
});

describe("readEvents", () => {
  it("reads one event and several", () => {
    const raw = events["526"]!["task-received"]!.raw!;
    expect(readEvents(decodeMessage(raw).envelope)).toMatchObject([
      { type: "task-received", hostname: "cap@testhost", name: "tasks.add", args: "[2, 3]" },
    ]);
    const online = events["526"]!["worker-online"]!.raw!;
    expect(readEvents(decodeMessage(online).envelope)).toMatchObject([
      { type: "worker-online", sw_ident: "py-celery" },
    ]);
  });

  it.each(["{}", "3", "[null]", '[{"type": "task-sent"}]', "nonsense"])("refuses what is no event: %s", (body) => {
    expect(() => readEvents(eventEnvelope("x", body, address))).toThrow();
  });
});
