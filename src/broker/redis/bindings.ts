// kombu's binding tables, a set for each exchange: declared and read, with the messages named that a bad one stops.
import type { Redis } from "ioredis";
import type { Destination, Envelope } from "../../protocol/envelope.ts";
import { type Binding, bindingKey, formatBinding, parseBinding } from "../../protocol/kombu.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { isRefusal, isWrongType } from "../../redis/failure.ts";
import { UndeliverableError } from "../broker.ts";
import { type Bindings, declarations, namedExchanges } from "../routing.ts";
import { commandFailure } from "./failure.ts";

/** Once a connection and queue, as kombu does: a worker may have to find the queue by its exchange. */
export async function declareQueues(
  connection: RedisConnection,
  prefix: string,
  batch: readonly Envelope[],
): Promise<void> {
  const { declared } = connection;
  const members = declarations(batch).map(({ exchange, binding }) => {
    const key = tableKey(prefix, exchange, binding.queue);
    return { key, member: formatBinding(binding) };
  });
  if (members.length === 0) return;
  const keyOf = ({ exchange, queue }: Destination): string => tableKey(prefix, exchange, queue ?? "");
  await connection.run(async (client) => {
    const missing = members.filter(({ key, member }) => !declared.has(`${key},${member}`));
    const answers = missing.map(async ({ key, member }) => {
      await client.sadd(key, member);
      declared.add(`${key},${member}`);
    });
    const failures = await failuresOf(missing, answers);
    if (failures.length > 0) throw await explain(client, connection.url, failures, { batch, keyOf });
  });
}

/** Asked anew for each batch, as kombu does: workers come and go. */
export async function readBindings(
  connection: RedisConnection,
  prefix: string,
  batch: readonly Envelope[],
): Promise<Bindings> {
  const tables = namedExchanges(batch).map((exchange) => ({ exchange, key: prefix + bindingKey(exchange) }));
  const bindings = new Map<string, readonly Binding[]>();
  if (tables.length === 0) return bindings;
  const keyOf = ({ exchange }: Destination): string => prefix + bindingKey(exchange);
  return connection.run(async (client) => {
    const answers = tables.map(async ({ exchange, key }) => {
      const members = await client.smembers(key);
      bindings.set(
        exchange,
        members.map(parseBinding).filter((binding) => binding !== null),
      );
    });
    const failures = await failuresOf(tables, answers);
    if (failures.length > 0) throw await explain(client, connection.url, failures, { batch, keyOf });
    return bindings;
  });
}

function tableKey(prefix: string, exchange: string, queue: string): string {
  return prefix + bindingKey(exchange === "" ? queue : exchange);
}

interface Failure {
  readonly key: string;
  readonly error: unknown;
}

interface Asked {
  readonly batch: readonly Envelope[];
  /** The key of the table that a message has to do with. */
  readonly keyOf: (destination: Destination) => string;
}

async function failuresOf(
  tables: readonly { readonly key: string }[],
  answers: readonly Promise<void>[],
): Promise<readonly Failure[]> {
  const results = await Promise.allSettled(answers);
  return results.flatMap((result, index) =>
    result.status === "rejected" ? [{ key: tables[index]?.key ?? "", error: result.reason as unknown }] : [],
  );
}

async function explain(
  client: Redis,
  url: string,
  failures: readonly Failure[],
  { batch, keyOf }: Asked,
): Promise<unknown> {
  const other = failures.find(({ error }) => !isRefusal(error));
  if (other !== undefined) return other.error;
  const wrong = failures.filter(({ error }) => isWrongType(error)).map(({ key }) => key);
  const [first] = wrong;
  if (first === undefined) {
    const forbidden = failures.map(({ key }) => key);
    return commandFailure(url, failures[0]?.error, forbidden);
  }
  const ids = batch.filter(({ destination }) => wrong.includes(keyOf(destination))).map(({ id }) => id);
  return new UndeliverableError(
    ids,
    `redis key ${first} holds a ${await client.type(first)}, not a set of bindings`,
    "delete it (DEL); it is written anew with the next message",
  );
}
