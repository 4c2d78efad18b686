// The atomic steps of consuming. A message is in its list or in kombu's `unacked`, never in neither: whoever dies, and when,
// somebody can put it back. Beside kombu's keys, Redis holds:
//
//   lovage:consumers   zset   consumer id -> epoch seconds until which it counts as alive
//
// What a script reads with a read-only command is tracked, and somebody's change of it wakes the consumer. So the lists are
// read that way, and nothing else: HDEL and ZREM of "" find a key of another kind, and ZADD XX INCR 0 gives a score.
import { define } from "../../redis/script.ts";

const now = `
  local time = redis.call('TIME')
  local now = string.format('%d.%06d', time[1], time[2])`;

/**
 * Takes messages: of the first priority before the next, and of each queue in turn.
 *
 * KEYS: unacked, its index, consumers, then the lists: all queues' of the first priority, all queues' of the next ...
 * ARGV: consumer id, its score, number of the first tag, how many at most, how many bytes, the queue that comes first (from
 * 0), the number of queues, then for each queue what stands after the message in unacked.
 * Answers "unknown" when the consumer is not registered with that score, and has done nothing. Else whether there is more,
 * then for each message the position of its list (from 1) and its text.
 */
// The lists are read once more after the pops, since our own writes end the tracking of what we read before.
export const fetchScript = define(`
  redis.call('HDEL', KEYS[1], '')
  redis.call('ZREM', KEYS[2], '')
  if redis.call('ZADD', KEYS[3], 'XX', 'INCR', '0', ARGV[1]) ~= ARGV[2] then return 'unknown' end
  local tag, room, bytes, start, queues = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
  ${now}
  local lengths, reply, touched = {}, {0}, {}
  for list = 4, #KEYS do lengths[list] = redis.call('LLEN', KEYS[list]) end
  local function take(list, queue)
    local text = redis.call('RPOP', KEYS[list])
    local name = ARGV[1] .. ':' .. string.format('%.0f', tag)
    redis.call('HSET', KEYS[1], name, '[' .. text .. ARGV[7 + queue])
    redis.call('ZADD', KEYS[2], now, name)
    reply[#reply + 1] = list - 3
    reply[#reply + 1] = text
    lengths[list] = lengths[list] - 1
    touched[list] = true
    tag, room, bytes = tag + 1, room - 1, bytes - #text
  end
  local function takeInTurn(base)
    local left = true
    while left do
      left = false
      for offset = 0, queues - 1 do
        local queue = (start + offset) % queues + 1
        if lengths[base + queue] > 0 then
          if room == 0 or bytes <= 0 then return true end
          take(base + queue, queue)
          left = left or lengths[base + queue] > 0
        end
      end
    end
  end
  for base = 3, #KEYS - 1, queues do
    if takeInTurn(base) then
      reply[1] = 1
      break
    end
  end
  for list in pairs(touched) do redis.call('LLEN', KEYS[list]) end
  return reply
`);

/** KEYS: unacked, its index. ARGV: tags. Answers for each tag 1, or 0 when it was not there any more. */
export const ackScript = define(`
  local answers = {}
  for i, tag in ipairs(ARGV) do answers[i] = redis.call('HDEL', KEYS[1], tag) end
  redis.call('ZREM', KEYS[2], unpack(ARGV))
  return answers
`);

/**
 * KEYS: unacked. ARGV: how many bytes, then tags. Answers what stands under them, null for what is not there, and stops
 * when it is more than so many bytes.
 */
export const readScript = define(`
  local values, bytes = {}, tonumber(ARGV[1])
  for i = 2, #ARGV do
    if bytes <= 0 then break end
    local value = redis.call('HGET', KEYS[1], ARGV[i])
    values[i - 1] = value
    if value then bytes = bytes - #value end
  end
  return values
`);

/**
 * Puts messages back, as the next ones out; the last one is the very next.
 *
 * KEYS: unacked, its index, then for each message its list. ARGV: tag, text, tag, text ... A tag that follows itself goes to
 * several lists. Answers for each 1, or 0 when it was not there any more, or -1 when its list cannot take it.
 */
export const giveBackScript = define(`
  local answers = {}
  for i = 1, #ARGV / 2 do
    local tag = ARGV[2 * i - 1]
    if tag == ARGV[2 * i - 3] then
      answers[i] = answers[i - 1]
      if answers[i] == 1 then redis.pcall('RPUSH', KEYS[2 + i], ARGV[2 * i]) end
    elseif redis.call('HEXISTS', KEYS[1], tag) == 0 then
      redis.call('ZREM', KEYS[2], tag)
      answers[i] = 0
    elseif type(redis.pcall('RPUSH', KEYS[2 + i], ARGV[2 * i])) == 'table' then
      answers[i] = -1
    else
      redis.call('HDEL', KEYS[1], tag)
      redis.call('ZREM', KEYS[2], tag)
      answers[i] = 1
    end
  end
  return answers
`);

/**
 * Moves messages to where they are set aside, byte for byte.
 *
 * KEYS: unacked, its index, then for each message the list. ARGV: how many to keep there, then tag and the length of what
 * stands after the message in unacked, tag, length ... Answers as {@link giveBackScript}.
 */
export const setAsideScript = define(`
  local answers = {}
  for i = 1, (#ARGV - 1) / 2 do
    local tag, rest = ARGV[2 * i], tonumber(ARGV[2 * i + 1])
    local value = redis.call('HGET', KEYS[1], tag)
    if not value then
      redis.call('ZREM', KEYS[2], tag)
      answers[i] = 0
    elseif type(redis.pcall('LPUSH', KEYS[2 + i], string.sub(value, 2, #value - rest))) == 'table' then
      answers[i] = -1
    else
      redis.call('LTRIM', KEYS[2 + i], 0, ARGV[1] - 1)
      redis.call('HDEL', KEYS[1], tag)
      redis.call('ZREM', KEYS[2], tag)
      answers[i] = 1
    end
  end
  return answers
`);

/**
 * Registers a consumer, or renews its registration.
 *
 * KEYS: consumers. ARGV: id, seconds, "" or the score it must still have. Answers whether it was there, and its new score;
 * null when it did not have that score any more.
 */
export const registerScript = define(`
  redis.call('ZREM', KEYS[1], '')
  local before = redis.call('ZADD', KEYS[1], 'XX', 'INCR', '0', ARGV[1])
  if ARGV[3] ~= '' and before ~= ARGV[3] then return false end
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[1], string.format('%.6f', time[1] + time[2] / 1000000 + ARGV[2]), ARGV[1])
  return {before and 1 or 0, redis.call('ZADD', KEYS[1], 'XX', 'INCR', '0', ARGV[1])}
`);

/** KEYS: consumers. ARGV: id, its score. Forgets a consumer, unless it has registered anew. */
export const forgetScript = define(`
  if redis.call('ZADD', KEYS[1], 'XX', 'INCR', '0', ARGV[1]) ~= ARGV[2] then return 0 end
  return redis.call('ZREM', KEYS[1], ARGV[1])
`);

/** KEYS: consumers. Answers the server's time in epoch seconds, then each consumer and its score. */
export const consumersScript = define(`${now}
  local reply = {now}
  for _, part in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')) do reply[#reply + 1] = part end
  return reply
`);

/** KEYS: the index of unacked. ARGV: tags. Says of messages in hand that they were taken just now. */
export const refreshScript = define(`
  ${now}
  for _, tag in ipairs(ARGV) do redis.call('ZADD', KEYS[1], 'XX', now, tag) end
`);

/** KEYS: the index of unacked. ARGV: seconds, how many. Answers the tags that were taken longer ago, oldest first. */
export const overdueScript = define(`
  local time = redis.call('TIME')
  local before = string.format('%.6f', time[1] + time[2] / 1000000 - ARGV[1])
  return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', before, 'LIMIT', 0, ARGV[2])
`);

/** KEYS: the lists of a queue. Answers how many messages it threw away. */
export const purgeScript = define(`
  local count = 0
  for _, list in ipairs(KEYS) do count = count + redis.call('LLEN', list) end
  redis.call('DEL', unpack(KEYS))
  return count
`);
