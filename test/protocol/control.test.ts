import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  answerEnvelope,
  commandEnvelope,
  isMeantFor,
  nodeMatches,
  readAnswer,
  readCommand,
} from "../../src/protocol/control.ts";
import { decodeMessage, encodeMessage } from "../../src/protocol/kombu.ts";
import { LamportClock } from "../../src/protocol/lamport.ts";
import { requireService } from "../helper/debian.ts";
import { askPython } from "../helper/wire.ts";

interface CapturedControl {
  readonly call: string;
  readonly commands: readonly string[];
  readonly reply?: string;
}

const remote = new URL("../fixtures/wire/remote.json", import.meta.url);
const { control } = JSON.parse(readFileSync(remote, "utf8")) as {
  readonly control: Readonly<Record<string, Readonly<Record<string, CapturedControl>>>>;
};
const scenarios = Object.values(control).flatMap((byName) => Object.values(byName));
const everyone = { method: "ping", arguments: {}, destination: null, pattern: null, matcher: null, reply: null };

describe("a command", () => {
  it("is, read and written again, what Celery's own client sent, byte for byte", () => {
    const texts = scenarios.flatMap(({ commands }) => commands);
    expect(texts.length).toBeGreaterThanOrEqual(12);
    for (const text of texts) {
      const { envelope, deliveryTag } = decodeMessage(text);
      const { clock, expiresAt, ...command } = readCommand(envelope);
      const sender = { namespace: "celery", clock: Number(clock), expiresAt };
      const ours = encodeMessage(commandEnvelope(command, sender), deliveryTag);
      const expires = /"expires": [\d.]+/;
      expect(ours.replace(expires, "")).toBe(text.replace(expires, ""));
      expect(Number(commandEnvelope(command, sender).headers["expires"])).toBeCloseTo(Number(expiresAt) / 1000, 3);
    }
  });

  it("without a time to answer in has none", () => {
    const envelope = commandEnvelope(everyone, { namespace: "celery", clock: 1, expiresAt: null });
    expect(envelope.headers["expires"]).toBe(0);
    expect(readCommand(envelope).expiresAt).toBeNull();
  });

  it.each(["[]", "{}", '{"method": 1}', "nonsense"])("is not read from %s", (body) => {
    const envelope = commandEnvelope(everyone, { namespace: "celery", clock: 1, expiresAt: null });
    expect(() => readCommand({ ...envelope, body })).toThrow();
  });

  it("is meant for the nodes it names, else for those that its pattern takes, else for all", () => {
    expect(isMeantFor("a@h", everyone)).toBe(true);
    expect(isMeantFor("a@h", { ...everyone, destination: [] })).toBe(true);
    expect(isMeantFor("a@h", { ...everyone, destination: ["b@h", "a@h"] })).toBe(true);
    expect(isMeantFor("a@h", { ...everyone, destination: ["b@h"], pattern: "*", matcher: "glob" })).toBe(false);
    expect(isMeantFor("a@h", { ...everyone, pattern: "a@*", matcher: "glob" })).toBe(true);
    expect(isMeantFor("a@h", { ...everyone, pattern: "@h", matcher: "pcre" })).toBe(false);
  });

  it("whose destination is a list of anything but names is meant for nobody", () => {
    const envelope = commandEnvelope(everyone, { namespace: "celery", clock: 1, expiresAt: null });
    const body = '{"method": "shutdown", "destination": [17]}';
    expect(isMeantFor("a@h", readCommand({ ...envelope, body }))).toBe(false);
  });
});

describe("an answer", () => {
  it("is, read and written again, what a Celery worker sent, byte for byte", () => {
    const replies = scenarios.map(({ reply }) => reply).filter((reply) => reply !== undefined);
    expect(replies.length).toBe(4);
    for (const text of replies) {
      const { envelope, deliveryTag } = decodeMessage(text);
      const { ticket, clock, content } = readAnswer(envelope);
      const { exchange, routingKey } = envelope.destination;
      const [[hostname, said] = ["", null]] = Object.entries(content);
      const answer = { ticket: ticket!, to: { exchange, routingKey }, hostname, content: said, clock: Number(clock) };
      expect(encodeMessage(answerEnvelope(answer), deliveryTag)).toBe(text);
    }
  });
});

describe("a pattern", () => {
  it("that cannot be read is an error that says so", () => {
    expect(() => nodeMatches("a@h", "(", "pcre")).toThrow("not a pcre pattern: (");
    expect(() => nodeMatches("a@h", "a", "sql")).toThrow("no matcher sql");
  });

  it.skipIf(!requireService("celery"))("takes the nodes that kombu's takes", () => {
    const part = fc.constantFrom(
      "celery",
      "@",
      "w",
      "1",
      "*",
      "?",
      "[ab]",
      "[!ab]",
      "a",
      "b",
      ".",
      "-",
      "[",
      "]",
      "(",
      "+",
    );
    const text = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(""));
    const name = fc.array(fc.constantFrom("celery", "@", "w", "1", "a", "b", ".", "[", "(", "+"), { maxLength: 6 });
    const cases = fc
      .sample(fc.tuple(name, text), { numRuns: 500, seed: 5 })
      .map(([parts, glob]) => [parts.join(""), glob]);
    const program = "from kombu.matcher import match\nanswer = [match(name, glob, 'glob') for name, glob in given]";
    const ours = cases.map(([node = "", glob = ""]) => nodeMatches(node, glob, "glob"));
    expect(ours).toEqual(askPython(program, cases));
    expect(ours.filter(Boolean).length).toBeGreaterThan(10);
  });

  it("in Python's own dialect names its groups", () => {
    expect(nodeMatches("w12@h", String.raw`w(?P<number>\d+)@`, "pcre")).toBe(true);
  });
});

describe("the logical clock", () => {
  it("moves on with each event, and past whatever it hears", () => {
    const clock = new LamportClock();
    expect([clock.forward(), clock.forward()]).toEqual([1, 2]);
    expect(clock.adjust(10)).toBe(11);
    expect(clock.adjust(5)).toBe(12);
    expect(clock.adjust("nonsense")).toBe(13);
    expect(clock.value).toBe(13);
  });
});
