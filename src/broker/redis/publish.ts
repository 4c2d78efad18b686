// From envelopes to the arguments of one script call or one variadic LPUSH a list, in bearable chunks.
import { randomUUID } from "node:crypto";
import type { Destination, Envelope } from "../../protocol/envelope.ts";
import { encodeMessage, queueKey } from "../../protocol/kombu.ts";
import type { Guard, Mark } from "../broker.ts";
import { isFanout, type Route } from "../routing.ts";

export interface Chunk {
  /** Position in the batch of the chunk's first message. */
  readonly start: number;
  readonly messages: readonly string[];
  readonly targets: Targets;
}

/** The lists of a chunk or its one channel, and for each message where it goes. */
export interface Targets {
  readonly lists: readonly string[];
  readonly channel: string | undefined;
  readonly routes: readonly (readonly Target[])[];
}

export interface Target {
  readonly key: string;
  readonly isChannel: boolean;
}

export type TargetsOf = (envelope: Envelope) => readonly Target[];

// Few enough for Lua to unpack two values a message, and for Redis not to keep other clients waiting.
const messagesPerChunk = 500;
const charactersPerChunk = 1 << 20;

/**
 * Encodes as it goes, so that a batch of a hundred thousand is never in memory twice. A channel has its own chunks: Redis
 * may refuse it in the middle of a script, and what the script did before would stay done.
 */
export function* chunkBatch(batch: readonly Envelope[], targetsOf: TargetsOf, from = 0): Generator<Chunk> {
  let start = from;
  while (start < batch.length) {
    const messages: string[] = [];
    const routes: (readonly Target[])[] = [];
    let characters = 0;
    while (messages.length < messagesPerChunk && characters < charactersPerChunk) {
      const envelope = batch[start + messages.length];
      if (envelope === undefined) break;
      const targets = targetsOf(envelope);
      if (channelOf(targets) !== channelOf(routes[0] ?? targets)) break;
      routes.push(targets);
      const message = encodeMessage(envelope, randomUUID());
      messages.push(message);
      characters += message.length;
    }
    yield { start, messages, targets: collectTargets(routes) };
    start += messages.length;
  }
}

export interface ScriptCall {
  readonly guard: Guard;
  /** Whether an entry comes more than once in the batch. */
  readonly repeats: boolean;
  /** Of the connection. */
  readonly link: string;
}

/** The arguments of {@link publishScript}, after its keys. */
export function scriptArguments(chunk: Chunk, { guard, repeats, link }: ScriptCall): readonly string[] {
  const { marks, term, isNew } = guard;
  const { lists, channel, routes } = chunk.targets;
  const own = marks.slice(chunk.start, chunk.start + chunk.messages.length);
  const flags = [repeats, isNew === true].map((isSet) => (isSet ? "1" : "0"));
  const args = [String(term), link, String(own.length), ...flags, channel ?? ""];
  for (const mark of own) args.push(mark.entry);
  for (const mark of own) args.push(String(mark.dueAt));
  args.push(...chunk.messages);
  if (lists.length > 1) args.push(...numberRoutes(routes, lists));
  return args;
}

/** Whether an entry comes more than once. */
export function hasRepeats(marks: readonly Mark[]): boolean {
  return new Set(marks.map((mark) => mark.entry)).size < marks.length;
}

/** For each list its messages in order, for each channel its own. */
export function groupByTarget(chunk: Chunk): ReadonlyMap<Target, readonly string[]> {
  const groups = new Map<string, { target: Target; messages: string[] }>();
  for (const [index, targets] of chunk.targets.routes.entries()) {
    const message = chunk.messages[index] ?? "";
    for (const target of targets) {
      const key = `${target.isChannel}${target.key}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { target, messages: [message] });
      else group.messages.push(message);
    }
  }
  return new Map([...groups.values()].map(({ target, messages }) => [target, messages]));
}

/** kombu's: the queue's list for the priority's step; for a fanout, the channel its consumers listen to. */
export function createTargets(route: Route, prefix: string, db: number): TargetsOf {
  const targetsAt = (destination: Destination, priority: number): readonly Target[] => {
    const { exchange, routingKey } = destination;
    return isFanout(destination)
      ? [{ key: `${prefix}/${db}.${exchange}${routingKey === "" ? "" : `/${routingKey}`}`, isChannel: true }]
      : route(destination).map((queue) => ({ key: prefix + queueKey(queue, priority), isChannel: false }));
  };
  // Messages of one shape share the object of their destination.
  const known = new Map<Destination, Map<number, readonly Target[]>>();
  return ({ destination, properties: { priority } }) => {
    const byPriority = known.get(destination) ?? new Map<number, readonly Target[]>();
    const targets = byPriority.get(priority) ?? targetsAt(destination, priority);
    known.set(destination, byPriority.set(priority, targets));
    return targets;
  };
}

function channelOf(targets: readonly Target[]): string | undefined {
  return targets.find((target) => target.isChannel)?.key;
}

function collectTargets(routes: readonly (readonly Target[])[]): Targets {
  const channel = channelOf(routes[0] ?? []);
  if (channel !== undefined) return { lists: [], channel, routes };
  const lists = new Set<string>();
  // Messages to one destination share the array of their targets.
  for (const targets of new Set(routes)) for (const { key } of targets) lists.add(key);
  return { lists: [...lists], channel, routes };
}

function numberRoutes(routes: readonly (readonly Target[])[], keys: readonly string[]): string[] {
  const numbers = new Map(keys.map((key, index) => [key, index + 1]));
  return routes.map((targets) => targets.map(({ key }) => numbers.get(key)).join(","));
}
