// What others have left behind goes back to its queues: of consumers that are dead, and what was taken too long ago.
import type { ConsumerKeys } from "./consumer-keys.ts";
import { isGone, isHere } from "./consumer-id.ts";
import type { ConsumerLink } from "./consumer-link.ts";
import { consumersScript, forgetScript, overdueScript, refreshScript } from "./consume-scripts.ts";
import { giveBack } from "./give-back.ts";
import { byNumber } from "./settling.ts";

const tagsPerCall = 500;

/** Gives back what dead consumers had: their process is gone from this machine, or they have not shown up in time. */
export async function sweepDead(link: ConsumerLink, keys: ConsumerKeys, self: string): Promise<void> {
  const [now = "0", ...parts] = (await link.call(consumersScript, [keys.consumers], [])) as string[];
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const [id = "", score = ""] = parts.slice(i, i + 2);
    // A process that lives on this machine may be busy for long; if it hangs, the visibility timeout decides.
    if (id === self || isHere(id) || (Number(score) > Number(now) && !isGone(id))) continue;
    await giveBack(link, keys, (await tagsOf(link, keys, id)).sort(byNumber));
    // At the end, so that somebody goes on with it should we die too.
    await link.call(forgetScript, [keys.consumers], [id, score]);
  }
}

/**
 * Gives back what was taken longer ago than the visibility timeout, by whomever; kombu's workers do the same. What is in our
 * own hands stays there.
 */
export async function sweepOverdue(
  link: ConsumerLink,
  keys: ConsumerKeys,
  timeoutMs: number,
  inHand: ReadonlySet<string>,
): Promise<void> {
  const args = [String(timeoutMs / 1000), String(tagsPerCall)];
  const tags = (await link.call(overdueScript, [keys.index], args)) as string[];
  await refresh(
    link,
    keys,
    tags.filter((tag) => inHand.has(tag)),
  );
  await giveBack(
    link,
    keys,
    tags.filter((tag) => !inHand.has(tag)),
  );
}

/** Keeps kombu, and us, from giving away what is only taking long. */
export async function refresh(link: ConsumerLink, keys: ConsumerKeys, tags: readonly string[]): Promise<void> {
  for (let start = 0; start < tags.length; start += tagsPerCall) {
    await link.call(refreshScript, [keys.index], tags.slice(start, start + tagsPerCall));
  }
}

/** Those of the tags that are not ours any more. */
export async function goneOf(
  link: ConsumerLink,
  { index }: ConsumerKeys,
  tags: readonly string[],
): Promise<readonly string[]> {
  const gone: string[] = [];
  for (let start = 0; start < tags.length; start += tagsPerCall) {
    const some = tags.slice(start, start + tagsPerCall);
    const scores = await link.run((client) => client.zmscore(index, ...some));
    gone.push(...some.filter((_, at) => scores[at] === null));
  }
  return gone;
}

async function tagsOf(link: ConsumerLink, { index }: ConsumerKeys, id: string): Promise<string[]> {
  const tags: string[] = [];
  let cursor = "0";
  do {
    const [next, found] = await link.run((client) => client.zscan(index, cursor, "MATCH", `${id}:*`, "COUNT", 1000));
    for (let i = 0; i < found.length; i += 2) tags.push(found[i] ?? "");
    cursor = next;
  } while (cursor !== "0");
  // A scan may give the same twice.
  return [...new Set(tags)];
}
