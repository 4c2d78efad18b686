// Large batches in bearable pieces: several on their way at a time, answered as one.
import { setImmediate } from "node:timers/promises";

/** Sends the items in order, at most `width` unanswered at a time. The first failure stops the rest and is the answer. */
export async function sendInOrder<Item, Answer>(
  items: Iterable<Item>,
  width: number,
  send: (item: Item) => Promise<Answer>,
): Promise<readonly Answer[]> {
  const answers: Promise<Answer>[] = [];
  let failed = false;
  for (const item of items) {
    await answers[answers.length - width];
    if (failed) break;
    const answer = send(item);
    answer.catch(() => {
      failed = true;
    });
    answers.push(answer);
    // Lets the socket take what was written, so that the other side works while the next item is prepared.
    await setImmediate();
  }
  return Promise.all(answers);
}

/** `[0, size), [size, 2 * size) ...` as slices of the items. */
export function* slices<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
