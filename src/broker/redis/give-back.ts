// From `unacked` back to the end of the queue that is served next, whoever had the message: we, a dead one, or kombu.
import { bindingKey, decodeMessage, parseBinding, queueKey, topicMatches } from "../../protocol/kombu.ts";
import { rejectedQueue } from "../consumer.ts";
import { giveBackScript, readScript } from "./consume-scripts.ts";
import type { ConsumerKeys } from "./consumer-keys.ts";
import type { ConsumerLink } from "./consumer-link.ts";
import { markRedelivered, parseUnacked, type Unacked } from "./unacked.ts";

/** What became of a message: 1 it is done, 0 it was not there any more, -1 its list cannot take it now. */
export type Settled = 1 | 0 | -1;

const bytesPerCall = 1 << 20;
const tagsPerCall = 200;

/**
 * Gives back what stands under the tags, marked as redelivered; the first becomes the next one out. Each message moves in
 * one step, and only if it is still there: who comes second does nothing.
 */
export async function giveBack(
  link: ConsumerLink,
  keys: ConsumerKeys,
  tags: readonly string[],
): Promise<ReadonlyMap<string, Settled>> {
  const settled = new Map<string, Settled>();
  // The last one to be pushed is the next one out.
  const left = [...tags].reverse();
  while (left.length > 0) {
    const asked = left.slice(0, tagsPerCall);
    const values = (await link.call(readScript, [keys.unacked], [String(bytesPerCall), ...asked])) as (string | null)[];
    const found = left.splice(0, Math.max(1, values.length));
    const pushes: Push[] = [];
    for (const [index, tag] of found.entries())
      pushes.push(...(await pushesOf(link, keys, tag, values[index] ?? null)));
    await push(link, keys, pushes, settled);
  }
  return settled;
}

interface Push {
  readonly tag: string;
  readonly list: string;
  readonly text: string;
}

async function push(
  link: ConsumerLink,
  keys: ConsumerKeys,
  pushes: readonly Push[],
  settled: Map<string, Settled>,
): Promise<void> {
  const lists = pushes.map(({ list }) => list);
  const args = pushes.flatMap(({ tag, text }) => [tag, text]);
  const answers = (await link.call(giveBackScript, [keys.unacked, keys.index, ...lists], args)) as Settled[];
  for (const [index, { tag }] of pushes.entries()) settled.set(tag, answers[index] ?? 0);
}

async function pushesOf(
  link: ConsumerLink,
  keys: ConsumerKeys,
  tag: string,
  value: string | null,
): Promise<readonly Push[]> {
  const unacked = value === null ? null : parseUnacked(value);
  // What is gone needs no list; what nobody of us wrote is kept as it is.
  if (unacked === null) return [{ tag, text: value ?? "", list: rejectedQueue(keys.unacked) }];
  const { text, priority } = remake(unacked.text);
  const queues = await queuesOf(link, keys, unacked);
  return queues.map((queue) => ({ tag, text, list: keys.prefix + queueKey(queue, priority) }));
}

function remake(text: string): { readonly text: string; readonly priority: number } {
  try {
    const { headers, properties } = decodeMessage(text).envelope;
    return { text: headers["redelivered"] === true ? text : markRedelivered(text), priority: properties.priority };
  } catch {
    // Whoever takes it next will find that it cannot be read, and set it aside.
    return { text, priority: 0 };
  }
}

/** As kombu finds them: it keeps where a message was published to, not where it was taken from. */
async function queuesOf(
  link: ConsumerLink,
  { prefix }: ConsumerKeys,
  { exchange, routingKey }: Unacked,
): Promise<readonly string[]> {
  if (exchange === "" && routingKey !== "") return [routingKey];
  const members = await link.run((client) => client.smembers(prefix + bindingKey(exchange)));
  const bindings = members.map(parseBinding).filter((binding) => binding !== null);
  const queues = bindings
    .filter(({ pattern, routingKey: key }) => (pattern === "" ? key === routingKey : topicMatches(key, routingKey)))
    .map(({ queue }) => queue);
  return queues.length > 0 ? [...new Set(queues)] : [rejectedQueue(routingKey === "" ? exchange : routingKey)];
}
