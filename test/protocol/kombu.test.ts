import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bindingKey,
  decodeMessage,
  encodeMessage,
  formatBinding,
  parseBinding,
  queueKey,
  queueKeys,
  routedQueues,
  topicMatches,
  topicPattern,
} from "../../src/protocol/kombu.ts";
import { requireService } from "../helper/debian.ts";
import { askPython, beatMessages, sendScenarios } from "../helper/wire.ts";

const captured = Object.values(sendScenarios("5.6.2"));
const texts = captured.flatMap(({ messages }) => Object.values(messages).flat());

describe("decodeMessage", () => {
  it("gives what encodeMessage needs to write the same text again", () => {
    const all = [...texts, ...Object.values(beatMessages("5.2.6")).flat()];
    expect(all.length).toBeGreaterThan(40);
    for (const text of all.filter((text) => !text.includes("(<secret>)"))) {
      const { envelope, deliveryTag } = decodeMessage(text);
      expect(encodeMessage(envelope, deliveryTag)).toBe(text);
    }
  });

  it("gives text as text, and compressed or binary bodies as bytes", () => {
    const bodyOf = (name: string): unknown =>
      decodeMessage(sendScenarios("5.6.2")[name]!.messages["celery"]![0]!).envelope.body;
    expect(bodyOf("02_no_args")).toBe('[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]');
    expect(bodyOf("26_gzip")).toBeInstanceOf(Uint8Array);
    expect(bodyOf("30_pickle")).toBeInstanceOf(Uint8Array);
  });

  it.each(["[]", "null", '{"body": "", "headers": []}', '{"body": 1, "properties": {}}', "hello"])(
    "refuses what is not a message: %s",
    (text) => {
      expect(() => decodeMessage(text)).toThrow();
    },
  );
});

describe("the keys of kombu", () => {
  it("keep one list for each step of priority, 0 first", () => {
    const keysOf = (...priorities: number[]): Set<string> => new Set(priorities.map((at) => queueKey("q", at)));
    expect(keysOf(0, 1, 2)).toEqual(new Set(["q"]));
    expect(keysOf(3, 5)).toEqual(new Set(["q\x06\x163"]));
    expect(keysOf(6, 8)).toEqual(new Set(["q\x06\x166"]));
    expect(keysOf(9, 200)).toEqual(new Set(["q\x06\x169"]));
    expect(queueKeys("q")).toEqual(["q", "q\x06\x163", "q\x06\x166", "q\x06\x169"]);
  });

  it("write and read a binding as it was captured", () => {
    const binding = { routingKey: "q1", pattern: "", queue: "q1" };
    const members = captured.flatMap(({ bindings }) => bindings[bindingKey("q1")] ?? []);
    expect(members).toEqual([formatBinding(binding)]);
    expect(members.map(parseBinding)).toEqual([binding]);
    expect(parseBinding("no separators")).toBeNull();
  });
});

describe("routing by the table of an exchange", () => {
  const table = [
    { routingKey: "a.b", pattern: "", queue: "one" },
    { routingKey: "a.*", pattern: "", queue: "two" },
    { routingKey: "#", pattern: "", queue: "two" },
  ];
  const to = (exchangeType: "direct" | "topic" | "fanout", routingKey: string): readonly string[] =>
    routedQueues(table, { exchange: "x", exchangeType, routingKey });

  it("follows the kind of the exchange, and names each queue once", () => {
    expect(to("direct", "a.b")).toEqual(["one"]);
    expect(to("topic", "a.b")).toEqual(["one", "two"]);
    expect(to("topic", "z")).toEqual(["two"]);
    expect(to("fanout", "")).toEqual(["one", "two"]);
    expect(to("direct", "nobody")).toEqual([]);
  });

  it("takes a routing key for what it says, whatever characters it has", () => {
    expect(topicMatches("a+(b)", "a+(b)")).toBe(true);
    expect(topicMatches("a+(b)", "aab")).toBe(false);
    expect(topicMatches("**", "x")).toBe(false);
  });
});

describe.skipIf(!requireService("celery"))("topics beside kombu's", () => {
  const word = fc.constantFrom("a", "b", "task-x", "é", "*", "#", "a_1");
  const key = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join("."));
  const plainKey = key.map((text) => text.replaceAll(/[*#]/g, "c"));

  it("have the same pattern and take the same keys", () => {
    const cases = fc.sample(fc.tuple(key, plainKey), { numRuns: 400, seed: 3 });
    const program = [
      "from kombu.transport.virtual.exchange import TopicExchange",
      "topic = TopicExchange(None)",
      "def ask(binding, key):",
      "    pattern = topic.key_to_pattern(binding)",
      "    return [pattern, topic._match(pattern, key) is not None]",
      "answer = [ask(*case) for case in given]",
    ].join("\n");
    const ours = cases.map(([binding, routingKey]) => [topicPattern(binding), topicMatches(binding, routingKey)]);
    expect(ours).toEqual(askPython(program, cases));
  });
});
