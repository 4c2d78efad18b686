// Envelopes for tests of brokers: the least that is a task message of Celery's protocol 2.
import { createHash } from "node:crypto";
import type { Destination, Envelope } from "../../src/protocol/envelope.ts";

export interface EnvelopeWish {
  readonly task?: string;
  readonly args?: readonly unknown[];
  readonly queue?: string;
  readonly priority?: number;
  readonly destination?: Destination;
}

/** The id is made of the name, so that a test can say which message it means; {@link idOf} gives it. */
export function envelopeOf(name: string, wish: EnvelopeWish = {}): Envelope {
  const id = idOf(name);
  const task = wish.task ?? "sink.echo";
  const queue = wish.queue ?? "celery";
  const args = wish.args ?? [name];
  const timing = { eta: null, expires: null, group: null, group_index: null, retries: 0, timelimit: [null, null] };
  const family = { root_id: id, parent_id: null, argsrepr: JSON.stringify(args), kwargsrepr: "{}", origin: "test" };
  const own = { exchange: "", exchangeType: "direct", routingKey: queue, queue } as const;
  return Object.freeze({
    id,
    task,
    body: JSON.stringify([args, {}, { callbacks: null, errbacks: null, chain: null, chord: null }]),
    contentType: "application/json",
    contentEncoding: "utf-8",
    headers: { lang: "js", task, id, shadow: null, ...timing, ...family, ignore_result: false },
    properties: { correlationId: id, replyTo: "", deliveryMode: 2, priority: wish.priority ?? 0 },
    destination: wish.destination ?? own,
  });
}

/** A UUID for a name, always the same. */
export function idOf(name: string): string {
  const hex = createHash("md5").update(name).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
