// The atomic steps of a chord on Redis, on the keys that Celery's own workers count with.
import { define } from "../../redis/script.ts";

// KEYS: the parts, how many more there are than planned, how many were planned, who was told to go on, the tree of ids.
// ARGV: the part's score, how its text begins (which names the task), its text, the task, milliseconds until all of it
// expires ("0": never), "1" where parts are a sorted set and "0" where they are a list (result_chord_ordered = False).
// A part that is there already, whatever its result, is not counted again: a Python worker would take another result of
// the same task for another part. Where the tree of ids is kept, it says how many parts there are: a Celery 5.2 that sends
// a group at the end of a chain in a header writes the size of that group over the size of the header.
export const joinScript = define(`
  local parts, head, text, task, span = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
  local ordered = ARGV[6] == '1'
  local found
  local near = ordered and redis.call('ZRANGEBYSCORE', parts, ARGV[1], ARGV[1]) or redis.call('LRANGE', parts, 0, -1)
  for _, part in ipairs(near) do
    if string.sub(part, 1, #head) == head then found = part end
  end
  local stands = found and string.sub(found, #head + 1, #head + 9) == '"SUCCESS"'
  if not stands then
    if found then redis.call(ordered and 'ZREM' or 'LREM', parts, unpack(ordered and { found } or { 0, found })) end
    if ordered then redis.call('ZADD', parts, ARGV[1], text) else redis.call('RPUSH', parts, text) end
  end
  if span ~= '0' then
    for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], span) end
  end
  local planned = tonumber(redis.call('GET', KEYS[3]) or '')
  if not planned then return false end
  local function leaves(node)
    if type(node) ~= 'table' or type(node[2]) ~= 'table' then return 1 end
    local sum = 0
    for _, child in ipairs(node[2]) do sum = sum + leaves(child) end
    return sum
  end
  local tree = redis.call('GET', KEYS[5])
  local known, kept = pcall(cjson.decode, tree or '')
  local size = known and type(kept) == 'table' and kept.result and leaves(kept.result) or planned
  if size > planned then
    planned = size
    redis.call('SET', KEYS[3], size)
    if span ~= '0' then redis.call('PEXPIRE', KEYS[3], span) end
  end
  local ready = redis.call(ordered and 'ZCARD' or 'LLEN', parts)
  if ready < planned + tonumber(redis.call('GET', KEYS[2]) or '0') then return false end
  local finisher = redis.call('GET', KEYS[4])
  if finisher and finisher ~= task then return false end
  redis.call('SET', KEYS[4], task)
  if span ~= '0' then redis.call('PEXPIRE', KEYS[4], span) end
  return { redis.call(ordered and 'ZRANGE' or 'LRANGE', parts, 0, -1), tree }
`);
