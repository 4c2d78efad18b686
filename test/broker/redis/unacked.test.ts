import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { markRedelivered, parseUnacked, unackedEnd } from "../../../src/broker/redis/unacked.ts";
import { encodeMessage } from "../../../src/protocol/kombu.ts";
import { envelopeOf } from "../../helper/envelope.ts";

describe("parseUnacked", () => {
  it("finds the message of whatever bytes, and its queue of whatever name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (text, queue) => {
        expect(parseUnacked(`[${text}${unackedEnd(queue)}`)).toEqual({ text, exchange: "", routingKey: queue });
      }),
    );
  });

  it.each(["", "[]", "[1, 2]", '["a", "b"]', '{"a": 1}', '[{}, "", 5]'])("does not take %j for it", (value) => {
    expect(parseUnacked(value)).toBeNull();
  });
});

describe("markRedelivered", () => {
  it("marks a message in its headers and its delivery_info, and changes nothing else", () => {
    const text = encodeMessage(envelopeOf("a"), "tag");
    const marked = markRedelivered(text);
    const mark = ', "redelivered": true';
    expect(marked.replaceAll(mark, "")).toBe(text);
    const { headers, properties } = JSON.parse(marked) as Record<string, Record<string, unknown>>;
    expect(headers?.["redelivered"]).toBe(true);
    expect(properties?.["delivery_info"]).toMatchObject({ redelivered: true, routing_key: "celery" });
    expect(marked).toHaveLength(text.length + 2 * mark.length);
  });

  it("is not led astray by what looks like it", () => {
    const inside = '"x": {"headers": {}, "properties": {"delivery_info": {}}}, "y": ["}", "\\"{", [{"headers": {}}]]';
    const text = `{"headers": {${inside}}, "body": "]}\\\\", "properties": {"delivery_info": {}, "n": 1.0, "m": [ ]}}`;
    expect(markRedelivered(text)).toBe(
      `{"headers": {${inside}, "redelivered": true}, "body": "]}\\\\", ` +
        `"properties": {"delivery_info": {"redelivered": true}, "n": 1.0, "m": [ ]}}`,
    );
  });

  it("leaves any other JSON as it is, and what it marks is JSON still", () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), (value, other) => {
        expect(markRedelivered(value)).toBe(value);
        const text = `{"other": ${value}, "headers": {"h": ${other}}, "more": ${other}}`;
        const expected = JSON.parse(text) as { headers: Record<string, unknown> };
        expected.headers["redelivered"] = true;
        expect(JSON.parse(markRedelivered(text))).toEqual(expected);
      }),
    );
  });
});
