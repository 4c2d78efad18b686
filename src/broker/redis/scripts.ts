// The atomic steps, as Lua that Redis runs whole. For scope S, Redis holds:
//
//   lovage:S:term    string  the newest term given out. Missing means Redis lost its memory: every term is then over
//   lovage:S:lease   hash    id, label and term of the leader; expires with the lease
//   lovage:S:marks   hash    entry -> epoch milliseconds of the newest occurrence that is settled
//   lovage:S:notes   hash    name -> text that whoever leads has to know: pauses, backfills
//
// All writes of a script come after all its checks, so that an error never leaves half of them: Redis takes nothing back.
// A script that finds a key of another kind answers {"type", key, kind it is, kind it should be} and has done nothing.
import { define } from "../../redis/script.ts";

export interface ScopeKeys {
  readonly term: string;
  readonly lease: string;
  readonly marks: string;
  readonly notes: string;
}

export function scopeKeys(prefix: string, scope: string): ScopeKeys {
  const stem = `${prefix}lovage:${scope}`;
  return { term: `${stem}:term`, lease: `${stem}:lease`, marks: `${stem}:marks`, notes: `${stem}:notes` };
}

/** A key that holds something else than it should. */
export interface Misfit {
  readonly key: string;
  readonly kind: string;
  readonly wanted: string;
}

/** What a script answers when it found one; null for any other answer. */
export function readMisfit(reply: unknown): Misfit | null {
  if (!Array.isArray(reply) || reply[0] !== "type") return null;
  const [, key, kind, wanted] = reply.map(String);
  return { key: key ?? "", kind: kind ?? "", wanted: wanted ?? "" };
}

const misfit = `
  local function misfit(key, wanted)
    local kind = redis.call('TYPE', key).ok
    if kind ~= wanted and kind ~= 'none' then return {'type', key, kind, wanted} end
  end`;
const checkKinds = `${misfit}
  local wrong = misfit(KEYS[1], 'string') or misfit(KEYS[2], 'hash')
  if wrong then return wrong end`;

/**
 * KEYS: term, marks, then every list. ARGV: term, count n, "1" if an entry comes more than once, the channel that all
 * of it goes to ("" where it goes to lists), n entries, n due times, n messages and, where there are several lists, n
 * lists of their numbers ("1" or "1,3"). A mark that is no number counts as none.
 * Answers "stale", or what is said above, or the positions (from 1) of the duplicates.
 */
// SET comes before PUBLISH, which no lack of memory or of a disk stops: a server that takes no writes must say so first.
export const publishScript = define(`${checkKinds}
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'stale' end
  local count, repeats, channel = tonumber(ARGV[2]), ARGV[3] == '1', ARGV[4]
  local lists = #KEYS - 2
  for i = 1, lists do
    wrong = misfit(KEYS[2 + i], 'list')
    if wrong then return wrong end
  end
  local entries, dues, messages, routes = 4, 4 + count, 4 + 2 * count, 4 + 3 * count
  local marks = redis.call('HMGET', KEYS[2], unpack(ARGV, entries + 1, entries + count))
  local sent, moves, newest, duplicates = {}, {}, {}, {}
  local total = 0
  for i = 1, count do
    local entry, due = ARGV[entries + i], tonumber(ARGV[dues + i])
    local mark = newest[entry]
    if not mark and marks[i] and string.find(marks[i], '^-?%d+%.?%d*$') then mark = tonumber(marks[i]) end
    if mark and mark < math.huge and due <= mark then
      duplicates[#duplicates + 1] = i
    else
      if repeats then newest[entry] = due end
      total = total + 1
      sent[total] = i
      moves[2 * total - 1] = entry
      moves[2 * total] = ARGV[dues + i]
    end
  end
  if total == 0 then return duplicates end
  if channel ~= '' then
    redis.call('SET', KEYS[1], ARGV[1])
    for _, i in ipairs(sent) do redis.call('PUBLISH', channel, ARGV[messages + i]) end
  elseif total == count and lists == 1 then
    redis.call('LPUSH', KEYS[3], unpack(ARGV, messages + 1, messages + count))
  else
    local pushes = {}
    for list = 1, lists do pushes[list] = {} end
    for _, i in ipairs(sent) do
      for number in string.gmatch(ARGV[routes + i] or '1', '%d+') do
        local push = pushes[tonumber(number)]
        push[#push + 1] = ARGV[messages + i]
      end
    end
    for list = 1, lists do
      if #pushes[list] > 0 then redis.call('LPUSH', KEYS[2 + list], unpack(pushes[list])) end
    end
  end
  redis.call('HSET', KEYS[2], unpack(moves))
  return duplicates
`);

/**
 * KEYS: term, lease. ARGV: id, label, span, "1" if a scope that is not known is not to be taken. Answers {1, term}, or {0,
 * label of the holder, milliseconds it still has}, or {2} for a scope that is not known.
 */
export const acquireScript = define(`${checkKinds}
  local holder = redis.call('HGET', KEYS[2], 'id')
  if holder and holder ~= ARGV[1] then
    return {0, redis.call('HGET', KEYS[2], 'label') or '', redis.call('PTTL', KEYS[2])}
  end
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  local before = redis.call('GET', KEYS[1]) or ''
  if before == '' and ARGV[4] == '1' then return {2} end
  -- What is no number of ours counts as none.
  if not string.find(before, '^%d+$') or #before > 15 then before = '0' end
  local term = string.format('%.0f', math.max(tonumber(before) + 1, now))
  redis.call('SET', KEYS[1], term)
  redis.call('HSET', KEYS[2], 'id', ARGV[1], 'label', ARGV[2], 'term', term)
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
  return {1, term}
`);

/** KEYS: term, lease. ARGV: term, id, label, span. */
export const renewScript = define(`${checkKinds}
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  redis.call('HSET', KEYS[2], 'id', ARGV[2], 'label', ARGV[3], 'term', ARGV[1])
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
  return 1
`);

/** KEYS: term, lease. ARGV: term. */
export const releaseScript = define(`${checkKinds}
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  redis.call('INCR', KEYS[1])
  redis.call('DEL', KEYS[2])
  return 1
`);

/** KEYS: term, marks. ARGV: term, then entry, due time, entry, due time ... */
export const setMarksScript = define(`${checkKinds}
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  redis.call('HSET', KEYS[2], unpack(ARGV, 2))
  return 1
`);

/** The same, but no mark goes back. */
export const raiseMarksScript = define(`${checkKinds}
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  local moves = {}
  for i = 2, #ARGV, 2 do
    local mark = tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or '')
    if not mark or mark < tonumber(ARGV[i + 1]) then
      moves[#moves + 1] = ARGV[i]
      moves[#moves + 1] = ARGV[i + 1]
    end
  end
  if #moves > 0 then redis.call('HSET', KEYS[2], unpack(moves)) end
  return 1
`);

/** KEYS: term, marks. ARGV: term, then entries. */
export const dropMarksScript = define(`${checkKinds}
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  redis.call('HDEL', KEYS[2], unpack(ARGV, 2))
  return 1
`);

/**
 * KEYS: term, notes. ARGV: term, the number of values to write, name, text, name, text ..., then names to remove. However
 * many there are, they are one step; `unpack` takes some 8,000 values at a time.
 */
export const setNotesScript = define(`${checkKinds}
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  local last = 2 + tonumber(ARGV[2])
  for from = 3, last, 4000 do redis.call('HSET', KEYS[2], unpack(ARGV, from, math.min(from + 3999, last))) end
  for from = last + 1, #ARGV, 4000 do redis.call('HDEL', KEYS[2], unpack(ARGV, from, math.min(from + 3999, #ARGV))) end
  return 1
`);
