// The one step that writes a beat-record in Redis. For scope S, Redis holds:
//
//   lovage:S:record             hash   entry -> its state, as JSON
//   lovage:S:record-meta        hash   term: the newest that anything was written under
//   lovage:S:history:<entry>    list   the entry's runs as JSON, newest first; expires some time after the entry went
import { define } from "../../redis/script.ts";

export interface RecordKeys {
  readonly record: string;
  readonly meta: string;
  /** To be followed by the entry's name. */
  readonly history: string;
}

export function recordKeys(prefix: string, scope: string): RecordKeys {
  const stem = `${prefix}lovage:${scope}`;
  return { record: `${stem}:record`, meta: `${stem}:record-meta`, history: `${stem}:history:` };
}

/** What may stand in place of a state: it goes, or it stays as it is. */
export const forgotten = "forget";
export const unchanged = "";

/**
 * KEYS: record, meta, the stem of the histories. ARGV: term ("0": of a broker that gives none), how many runs are kept per
 * entry, how many in all, milliseconds for which the history of what went is kept, "1" if these runs may be there already;
 * then for each entry its name, its state or one of the words above, how many runs, and the runs, oldest first.
 * Answers 1; or the newest term, when that of the caller is over: then nothing was done.
 */
// HLEN and HGET come first, so that a key of another kind is found before anything is written. Runs come in order: where one
// is there already, so were those before it, though they may have been trimmed since.
export const writeScript = define(`
  local record, meta = KEYS[1], KEYS[2]
  local count = redis.call('HLEN', record)
  local term, newest = tonumber(ARGV[1]), tonumber(redis.call('HGET', meta, 'term') or '0') or 0
  if term > 0 and term < newest then return string.format('%.0f', newest) end
  if term > newest then redis.call('HSET', meta, 'term', ARGV[1]) end
  local kept = tonumber(ARGV[2])
  if count > 0 then kept = math.min(kept, math.max(10, math.floor(tonumber(ARGV[3]) / count))) end
  local function firstNew(history, from, to)
    if ARGV[5] ~= '1' then return from end
    local known = {}
    for _, run in ipairs(redis.call('LRANGE', history, 0, -1)) do known[run] = true end
    for at = to, from, -1 do
      if known[ARGV[at]] then return at + 1 end
    end
    return from
  end
  local function append(entry, from, to)
    local history, length, added = KEYS[3] .. entry, 0, 0
    for at = firstNew(history, from, to), to do
      length = redis.call('LPUSH', history, ARGV[at])
      added = added + 1
    end
    if length > kept then redis.call('LTRIM', history, 0, kept - 1) end
    -- The first runs of an entry that is gone already: they, too, must end some day.
    if added > 0 and length == added and redis.call('HEXISTS', record, entry) == 0 then
      redis.call('PEXPIRE', history, ARGV[4])
    end
  end
  local states, at = {}, 6
  while at <= #ARGV do
    local entry, state = ARGV[at], ARGV[at + 1]
    if state == '${forgotten}' then
      redis.call('HDEL', record, entry)
      redis.call('PEXPIRE', KEYS[3] .. entry, ARGV[4])
    elseif state ~= '${unchanged}' then
      states[#states + 1] = entry
      states[#states + 1] = state
    end
    at = at + 3 + ARGV[at + 2]
  end
  if #states > 0 and redis.call('HSET', record, unpack(states)) > 0 then
    -- Some are new, and may have been here before.
    for i = 1, #states, 2 do redis.call('PERSIST', KEYS[3] .. states[i]) end
  end
  at = 6
  while at <= #ARGV do
    local runs = tonumber(ARGV[at + 2])
    if runs > 0 then append(ARGV[at], at + 3, at + 2 + runs) end
    at = at + 3 + runs
  end
  return 1
`);
