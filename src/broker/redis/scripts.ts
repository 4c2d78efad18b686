// The atomic steps, as Lua that Redis runs whole. For scope S, Redis holds:
//
//   lovage:S:term    string  the newest term given out. Missing means Redis lost its memory: every term is then over
//   lovage:S:lease   hash    id, label and term of the leader; expires with the lease
//   lovage:S:marks   hash    entry -> epoch milliseconds of the newest occurrence that is settled
//   lovage:S:link    string  the connection that may publish: what comes late over an older one is refused; see link.ts
//   lovage:S:journal list    marks of large batches, oldest first, on their way into the hash; see journal.ts
//   lovage:S:notes   hash    name -> text that whoever leads has to know: pauses, backfills
//
// All writes of a script come after all its checks, so that an error never leaves half of them: Redis takes nothing back.
// A script that finds a key of another kind answers {"type", key, kind it is, kind it should be} and has done nothing.
import { define } from "../../redis/script.ts";

export interface ScopeKeys {
  readonly term: string;
  readonly lease: string;
  readonly marks: string;
  readonly journal: string;
  readonly link: string;
  readonly notes: string;
}

export function scopeKeys(prefix: string, scope: string): ScopeKeys {
  const stem = `${prefix}lovage:${scope}`;
  return {
    term: `${stem}:term`,
    lease: `${stem}:lease`,
    marks: `${stem}:marks`,
    journal: `${stem}:journal`,
    link: `${stem}:link`,
    notes: `${stem}:notes`,
  };
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

/** Defines `misfit(key, kind it should be)`. */
export const misfitFunction = `
  local function misfit(key, wanted)
    local kind = redis.call('TYPE', key).ok
    if kind ~= wanted and kind ~= 'none' then return {'type', key, kind, wanted} end
  end`;
/** For scripts whose first keys are a string and a hash. */
export const checkKinds = `${misfitFunction}
  local wrong = misfit(KEYS[1], 'string') or misfit(KEYS[2], 'hash')
  if wrong then return wrong end`;

/** Defines `number(text)`: null for what is no number of ours, such as `inf`, `nan` and `0x1`. */
export const numberFunction = `
  local function number(text)
    if type(text) ~= 'string' or not string.find(text, '^-?%d+%.?%d*$') then return nil end
    local value = tonumber(text)
    if value < math.huge and value > -math.huge then return value end
  end`;

/** Defines `raise(marks, {entry, due, entry, due ...})`: sets what is newer than its mark, and skips what makes no sense. */
const raiseFunction = `${numberFunction}
  local function raise(marks, pairs)
    local moves, newest = {}, {}
    for i = 1, #pairs, 2 do
      local due = type(pairs[i]) == 'string' and number(pairs[i + 1])
      local mark = due and (newest[pairs[i]] or number(redis.call('HGET', marks, pairs[i])))
      if due and (not mark or mark < due) then
        newest[pairs[i]] = due
        moves[#moves + 1] = pairs[i]
        moves[#moves + 1] = pairs[i + 1]
      end
    end
    for from = 1, #moves, 4000 do
      redis.call('HSET', marks, unpack(moves, from, math.min(from + 3999, #moves)))
    end
  end`;

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
export const raiseMarksScript = define(`${checkKinds} ${raiseFunction}
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  raise(KEYS[2], {unpack(ARGV, 2)})
  return 1
`);

/**
 * Takes the oldest record of the journal into the marks. KEYS: term, marks, journal. ARGV: term. Answers how many records
 * are left, or "stale".
 */
export const foldScript = define(`${checkKinds} ${raiseFunction}
  wrong = misfit(KEYS[3], 'list')
  if wrong then return wrong end
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'stale' end
  local record = redis.call('LINDEX', KEYS[3], 0)
  if not record then return 0 end
  local isRecord, pairs = pcall(cjson.decode, record)
  -- What is no record of ours tells nothing.
  if isRecord and type(pairs) == 'table' then raise(KEYS[2], pairs) end
  redis.call('LPOP', KEYS[3])
  return redis.call('LLEN', KEYS[3])
`);

/** KEYS: term, link. ARGV: the connection's id. A scope that nobody leads needs none. */
export const linkScript = define(`
  if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('SET', KEYS[2], ARGV[1]) end
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
