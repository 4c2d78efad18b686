// A consumer's queues in kombu's tables of bindings: written when it starts, and for temporary ones taken out again.
import { bindingKey, formatBinding, queueKeys, topicPattern } from "../../protocol/kombu.ts";
import { LovageError } from "../../error.ts";
import type { BoundQueue } from "../consumer.ts";
import type { ConsumerLink } from "./consumer-link.ts";

/** @throws LovageError("config") for a queue that Redis cannot have */
export function checkQueue({ name, exchange, exchangeType }: BoundQueue): void {
  if (name === "") throw new LovageError("config", "a queue to consume from has no name", { hint: "name it" });
  if (exchangeType !== "fanout" || exchange === "") return;
  throw new LovageError("config", `queue ${name} is bound to the fanout exchange ${exchange}`, {
    hint: "on Redis a fanout reaches only who listens at that moment: bind the queue to a direct or topic exchange",
  });
}

export async function declareBound(link: ConsumerLink, prefix: string, queues: readonly BoundQueue[]): Promise<void> {
  const rows = rowsOf(prefix, queues);
  await link.run(
    (client) => Promise.all(rows.map(({ key, member }) => client.sadd(key, member))),
    rows.map(({ key }) => key),
  );
}

/** Removes the queues, their bindings and what is in them. */
export async function dropBound(link: ConsumerLink, prefix: string, queues: readonly BoundQueue[]): Promise<void> {
  const rows = rowsOf(prefix, queues);
  const lists = queues.flatMap(({ name }) => queueKeys(name)).map((key) => prefix + key);
  if (lists.length === 0) return;
  await link.run((client) =>
    Promise.all([...rows.map(({ key, member }) => client.srem(key, member)), client.del(...lists)]),
  );
}

/** The default exchange has no table: the routing key is the queue. */
function rowsOf(prefix: string, queues: readonly BoundQueue[]): readonly { key: string; member: string }[] {
  return queues
    .filter(({ exchange }) => exchange !== "")
    .map(({ name, exchange, exchangeType, routingKey }) => {
      const pattern = exchangeType === "topic" ? topicPattern(routingKey) : "";
      return { key: prefix + bindingKey(exchange), member: formatBinding({ routingKey, pattern, queue: name }) };
    });
}
