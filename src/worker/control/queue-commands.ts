// The queues of a worker: which it consumes from, one more, one less.
import { createQueues } from "../../app/queues.ts";
import type { BoundQueue } from "../../broker/consumer.ts";
import type { ExchangeType } from "../../protocol/envelope.ts";
import { LovageError } from "../../error.ts";
import { ok } from "../../remote/answer.ts";
import { type Arguments, optionalText, textArgument } from "../../remote/arguments.ts";
import { type Commands, control, inspect, type Panel } from "./panel.ts";

export const queueCommands: Commands = Object.freeze({
  active_queues: inspect(({ steering }) => steering.queues.map(describeQueue)),
  add_consumer: control(addConsumer),
  cancel_consumer: control(cancelConsumer),
});

async function addConsumer({ steering }: Panel, args: Arguments): Promise<unknown> {
  const name = textArgument(args, "queue");
  const declared = createQueues(steering.app.conf).declared.find((queue) => queue.name === name);
  await steering.addQueue(declared ?? namedQueue(name, args));
  return ok(`add consumer ${name}`);
}

async function cancelConsumer({ steering }: Panel, args: Arguments): Promise<unknown> {
  const name = textArgument(args, "queue");
  await steering.cancelQueue(name);
  return ok(`no longer consuming from ${name}`);
}

/** What is left out is called as the queue, as in Celery. */
function namedQueue(name: string, args: Arguments): BoundQueue {
  return Object.freeze({
    name,
    exchange: optionalText(args, "exchange") ?? name,
    exchangeType: exchangeType(optionalText(args, "exchange_type") ?? "direct"),
    routingKey: optionalText(args, "routing_key") ?? name,
  });
}

function exchangeType(written: string): ExchangeType {
  if (written === "direct" || written === "topic" || written === "fanout") return written;
  throw new LovageError("usage", `no exchange type ${written}`, { hint: "write direct, topic or fanout" });
}

/** With all the keys of kombu's queues, which monitors look into. */
function describeQueue({ name, exchange, exchangeType: type, routingKey, temporary }: BoundQueue): unknown {
  return {
    name,
    exchange: {
      name: exchange,
      type,
      arguments: null,
      durable: true,
      passive: false,
      auto_delete: false,
      delivery_mode: null,
      no_declare: false,
    },
    routing_key: routingKey,
    queue_arguments: null,
    binding_arguments: null,
    consumer_arguments: null,
    durable: true,
    exclusive: false,
    auto_delete: temporary === true,
    no_ack: false,
    alias: null,
    bindings: [],
    no_declare: null,
    expires: null,
    message_ttl: null,
    max_length: null,
    max_length_bytes: null,
    max_priority: null,
  };
}
