// What a single result and a set of them have in common, and the walk over the tasks that tasks have started.
import { LovageError } from "../error.ts";
import type { ResultMeta, ResultTuple } from "../protocol/result-meta.ts";

export interface GetOptions {
  /** Seconds to wait; without it, for as long as it takes. */
  readonly timeout?: number | null;
  /** False: an error of the task is returned instead of thrown. */
  readonly propagate?: boolean;
  /** Hears of every state on the way. */
  readonly onMessage?: (meta: ResultMeta) => void;
  /** Ends the wait; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** True, as in Celery: waiting inside a task is refused, since all workers may end up waiting for each other. */
  readonly disableSyncSubtasks?: boolean;
  /** Seconds between looks in Celery; results tell of themselves here, so it means nothing. */
  readonly interval?: number;
}

/** One result, or a set of them. */
export interface ResultNode {
  readonly id: string;
  readonly parent: ResultNode | null;
  ready(): Promise<boolean>;
  children(): Promise<readonly ResultNode[]>;
  get(options?: GetOptions): Promise<unknown>;
  forget(): Promise<void>;
  /** Celery's `as_tuple`: what `resultFromTuple` makes a result of again. */
  asTuple(): ResultTuple;
}

/** A result as it was come upon: below which other, if any. */
export type Dependency = readonly [parent: ResultNode | null, node: ResultNode];

/**
 * The result and all that its tasks have started, level by level. A node's children are asked for when the next node is,
 * so that one may wait for it in between.
 *
 * @param intermediate true: what is not ready yet simply has no children; else it is an error
 */
export async function* walkResults(root: ResultNode, intermediate: boolean): AsyncGenerator<Dependency> {
  const waiting: Dependency[] = [[null, root]];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    yield next;
    const [, node] = next;
    if (await node.ready()) {
      for (const child of await node.children()) waiting.push([node, child]);
    } else if (!intermediate) {
      const hint = "wait for each result before the next one is asked for, as collect() does, or pass intermediate";
      throw new LovageError("result", `task ${node.id} is not ready: what it starts is not known yet`, { hint });
    }
  }
}

/** Each result of the tree with its value, waited for. */
export async function* collectResults(
  root: ResultNode,
  options: GetOptions & { readonly intermediate?: boolean },
): AsyncGenerator<readonly [result: ResultNode, value: unknown]> {
  const { intermediate = false, ...getting } = options;
  for await (const [, node] of walkResults(root, intermediate)) yield [node, await node.get(getting)];
}
