// Shares the room a consumer has among its queues, so that no backlog holds up the others.

/**
 * Takes up to `room` from the queues: each gives an equal share as long as it has one, and what one lacks the others give.
 * The answer has them in turn, beginning with `queues[0]`.
 *
 * @param take takes up to so many of a queue, in its order; fewer when there are no more
 */
export function takeInTurns<Item>(
  queues: readonly string[],
  room: number,
  take: (queue: string, most: number) => readonly Item[],
): readonly Item[] {
  const taken = new Map<string, Item[]>(queues.map((queue) => [queue, []]));
  let left = room;
  let giving = queues;
  while (left > 0 && giving.length > 0) {
    const share = Math.max(1, Math.floor(left / giving.length));
    const haveMore: string[] = [];
    for (const queue of giving) {
      if (left === 0) break;
      const items = take(queue, share);
      taken.get(queue)?.push(...items);
      left -= items.length;
      if (items.length === share) haveMore.push(queue);
    }
    giving = haveMore;
  }
  return interleave([...taken.values()]);
}

function interleave<Item>(lines: readonly (readonly Item[])[]): readonly Item[] {
  const longest = Math.max(0, ...lines.map((line) => line.length));
  return Array.from({ length: longest }, (_, place) => lines.flatMap((line) => line.slice(place, place + 1))).flat();
}

/** The order of the next round: who was served last comes last. */
export function afterLast(queues: readonly string[], served: string | undefined): readonly string[] {
  const next = served === undefined ? 0 : queues.indexOf(served) + 1;
  return [...queues.slice(next), ...queues.slice(0, next)];
}
