// Large batches in bearable pieces: several on their way at a time, answered as one.

/** Sends the items in order, at most `width` unanswered at a time. The first failure stops the rest and is the answer. */
export async function sendInOrder<Item, Answer>(
  items: Iterable<Item>,
  width: number,
  send: (item: Item) => Promise<Answer>,
): Promise<readonly Answer[]> {
  const answers: Promise<Answer>[] = [];
  for (const item of items) {
    const oldest = answers[answers.length - width];
    if (oldest !== undefined) await oldest;
    const answer = send(item);
    // The failure is seen where it is awaited; those after it must not become unhandled rejections.
    answer.catch(() => undefined);
    answers.push(answer);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return Promise.all(answers);
}

/** `[0, size), [size, 2 * size) ...` as slices of the items. */
export function* slices<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
