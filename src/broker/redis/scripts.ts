// The atomic steps, as Lua that Redis runs whole. For scope S, Redis holds:
//
//   lovage:S:term    string  the newest term given out. Missing means Redis lost its memory: every term is then over
//   lovage:S:lease   hash    id, label and term of the leader; expires with the lease
//   lovage:S:marks   hash    entry -> epoch milliseconds of the newest occurrence that is settled
//
// All writes of a script come after all its checks, so that an error never leaves half of them.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { sendBulk } from "./bulk.ts";
import { isNoScript } from "./failure.ts";

export interface Script {
  readonly text: string;
  readonly sha: string;
}

export function scopeKeys(prefix: string, scope: string): { term: string; lease: string; marks: string } {
  const stem = `${prefix}lovage:${scope}`;
  return { term: `${stem}:term`, lease: `${stem}:lease`, marks: `${stem}:marks` };
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

/**
 * KEYS: term, marks, then every target. ARGV: term, count n, how many of the targets are lists (the rest are channels),
 * "1" if an entry comes more than once, n entries, n due times, n messages and, where there are several targets, n lists
 * of their numbers ("1" or "1,3").
 * Answers "stale", or {"type", key, type} for a key that is no list, or the positions (from 1) of the duplicates.
 */
export const publishScript = define(`
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'stale' end
  local count, lists, repeats = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
  for i = 1, lists do
    local kind = redis.call('TYPE', KEYS[2 + i]).ok
    if kind ~= 'list' and kind ~= 'none' then return {'type', KEYS[2 + i], kind} end
  end
  local entries, dues, messages, routes = 4, 4 + count, 4 + 2 * count, 4 + 3 * count
  local marks = redis.call('HMGET', KEYS[2], unpack(ARGV, entries + 1, entries + count))
  local sent, moves, newest, duplicates = {}, {}, {}, {}
  local total = 0
  for i = 1, count do
    local entry, due = ARGV[entries + i], ARGV[dues + i]
    local mark = newest[entry] or marks[i]
    if mark and tonumber(due) <= tonumber(mark) then
      duplicates[#duplicates + 1] = i
    else
      if repeats then newest[entry] = due end
      total = total + 1
      sent[total] = i
      moves[2 * total - 1] = entry
      moves[2 * total] = due
    end
  end
  if total == 0 then return duplicates end
  if total == count and lists == 1 and #KEYS == 3 then
    redis.call('LPUSH', KEYS[3], unpack(ARGV, messages + 1, messages + count))
  else
    local pushes = {}
    for target = 1, lists do pushes[target] = {} end
    for _, i in ipairs(sent) do
      for number in string.gmatch(ARGV[routes + i] or '1', '%d+') do
        local target = tonumber(number)
        if target > lists then
          redis.call('PUBLISH', KEYS[2 + target], ARGV[messages + i])
        else
          local push = pushes[target]
          push[#push + 1] = ARGV[messages + i]
        end
      end
    end
    for target = 1, lists do
      if #pushes[target] > 0 then redis.call('LPUSH', KEYS[2 + target], unpack(pushes[target])) end
    end
  end
  redis.call('HSET', KEYS[2], unpack(moves))
  return duplicates
`);

/** KEYS: term, lease. ARGV: id, label, span. Answers {1, term}, or {0, label of the holder, milliseconds it still has}. */
export const acquireScript = define(`
  local holder = redis.call('HGET', KEYS[2], 'id')
  if holder and holder ~= ARGV[1] then
    return {0, redis.call('HGET', KEYS[2], 'label'), redis.call('PTTL', KEYS[2])}
  end
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  local term = string.format('%.0f', math.max(tonumber(redis.call('GET', KEYS[1]) or '0') + 1, now))
  redis.call('SET', KEYS[1], term)
  redis.call('HSET', KEYS[2], 'id', ARGV[1], 'label', ARGV[2], 'term', term)
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
  return {1, term}
`);

/** KEYS: term, lease. ARGV: term, id, label, span. */
export const renewScript = define(`
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  redis.call('HSET', KEYS[2], 'id', ARGV[2], 'label', ARGV[3], 'term', ARGV[1])
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
  return 1
`);

/** KEYS: term, lease. ARGV: term. */
export const releaseScript = define(`
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  redis.call('INCR', KEYS[1])
  redis.call('DEL', KEYS[2])
  return 1
`);

/** KEYS: term, marks. ARGV: term, then entry, due time, entry, due time ... */
export const setMarksScript = define(`
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  redis.call('HSET', KEYS[2], unpack(ARGV, 2))
  return 1
`);

/** KEYS: term, marks. ARGV: term, then entries. */
export const dropMarksScript = define(`
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  redis.call('HDEL', KEYS[2], unpack(ARGV, 2))
  return 1
`);

function define(text: string): Script {
  return Object.freeze({ text, sha: createHash("sha1").update(text).digest("hex") });
}
