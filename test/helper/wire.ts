// Messages captured from real Celery, and real Python to ask what it would have written.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { EnvelopeContext } from "../../src/protocol/task.ts";

export type CeleryVersion = "5.2.6" | "5.6.2";

export interface WireScenario {
  /** The Python call that was captured. */
  readonly call: string;
  readonly error: string | null;
  /** The texts found in each list, newest first. */
  readonly messages: Readonly<Record<string, readonly string[]>>;
  readonly bindings: Readonly<Record<string, readonly string[]>>;
}

const files = { "5.2.6": "526", "5.6.2": "562" } as const;

export function sendScenarios(version: CeleryVersion): Readonly<Record<string, WireScenario>> {
  return readFixture(`redis_send_${files[version]}.json`) as Readonly<Record<string, WireScenario>>;
}

/** What real beat sent, by the list it was found in. */
export function beatMessages(version: CeleryVersion): Readonly<Record<string, readonly string[]>> {
  return (readFixture("beat.json") as Record<string, Record<string, string[]>>)[files[version]] ?? {};
}

function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/wire/${name}`, import.meta.url), "utf8"));
}

export interface ParsedMessage {
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>> & { readonly id: string; readonly origin: string };
  readonly properties: {
    readonly reply_to: string;
    readonly delivery_tag: string;
    readonly expiration?: string;
    readonly delivery_info: { readonly exchange: string; readonly routing_key: string };
  };
}

export function parseMessage(raw: string): ParsedMessage {
  return JSON.parse(raw) as ParsedMessage;
}

/** What the sender of a captured message knew and could not choose. */
export function contextOf(message: ParsedMessage, now: number, timezone = "UTC"): EnvelopeContext {
  const { exchange, routing_key: routingKey } = message.properties.delivery_info;
  return {
    now,
    origin: message.headers.origin,
    replyTo: message.properties.reply_to,
    timezone,
    destination: { exchange, exchangeType: "direct", routingKey },
    newId: () => message.headers.id,
  };
}

/** Runs a Python program with the input as JSON in `given`; it leaves its answer, JSON too, in `answer`. */
export function askPython(program: string, given: unknown): unknown {
  const source = `import json, sys\ngiven = json.load(sys.stdin)\n${program}\njson.dump(answer, sys.stdout)\n`;
  const run = spawnSync("/usr/bin/python3", ["-c", source], {
    input: typeof given === "string" ? given : JSON.stringify(given),
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) throw new Error(`python failed: ${run.stderr}`);
  return JSON.parse(run.stdout) as unknown;
}

const characters = [
  ...Array.from(" ab'\"\\\n\r\t/{}%"),
  "\0",
  "\x07",
  "\x7f",
  "\x85",
  "\xa0",
  "é",
  "ł",
  "\u200b",
  "\u2028",
  "☃",
  "😀",
];

/** Text that has everything in it that needs a thought when it is quoted. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: fc.constantFrom(...characters, "\ud800", "\ue000"), maxLength: 12 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 12 }),
);

export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, 1e-4, 1e-5, 1e-7, 1.5e-10, 1e15, 1e16, 1e21, 1e22, 1.7976931348623157e308, 5e-324, 0.1),
);

/** Data as JSON has it. */
export const anyData: fc.Arbitrary<unknown> = fc.letrec<{ data: unknown }>((tie) => ({
  data: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    anyNumber,
    anyText,
    fc.array(tie("data"), { maxLength: 5 }),
    fc.dictionary(anyText, tie("data"), { maxKeys: 5 }),
  ),
})).data;
