// Steps that Redis runs whole, as Lua: known by their hash, and sent in full only to a server that does not know them.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { sendBulk } from "./bulk.ts";
import { isNoScript } from "./failure.ts";

export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** A script under the name that Redis knows it by. */
export function define(text: string): Script {
  return Object.freeze({ text, sha: createHash("sha1").update(text).digest("hex") });
}

/** EVALSHA, for a script that was loaded. */
export async function callScript(
  client: Redis,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  return sendBulk(client, "evalsha", [script.sha, String(keys.length), ...keys, ...args]);
}

/** EVALSHA; the text itself goes when Redis does not know it yet. */
export async function runScript(
  client: Redis,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  try {
    return await callScript(client, script, keys, args);
  } catch (error) {
    // NOSCRIPT is an answer: nothing of it was done.
    if (!isNoScript(error)) throw error;
    return sendBulk(client, "eval", [script.text, String(keys.length), ...keys, ...args]);
  }
}
