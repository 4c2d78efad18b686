// The atomic step of a batch that has to be judged, or is small: checks term and marks, pushes, moves the marks.
import { define } from "../../redis/script.ts";
import { checkKinds, numberFunction } from "./scripts.ts";

/**
 * KEYS: term, marks, journal, link, then every list. ARGV: term, id of the connection, count n, "1" if an entry comes more
 * than once, "1" if all is known to be newer than what the journal says, the channel that all of it goes to ("" where it
 * goes to lists), n entries, n due times, n messages and, where there are several lists, n lists of their numbers ("1" or
 * "1,3"). A mark that is no number counts as none. Answers "stale", or "link" where another connection has published
 * since, or "journal" where marks are still to be folded in, or what scripts.ts says of a misfit, or the positions (from 1)
 * of the duplicates.
 */
// SET comes before PUBLISH, which no lack of memory or of a disk stops: a server that takes no writes must say so first.
export const publishScript = define(`${checkKinds} ${numberFunction}
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'stale' end
  if redis.call('GET', KEYS[4]) ~= ARGV[2] then return 'link' end
  local count, repeats, known, channel = tonumber(ARGV[3]), ARGV[4] == '1', ARGV[5] == '1', ARGV[6]
  if not known and redis.call('EXISTS', KEYS[3]) == 1 then return 'journal' end
  local lists = #KEYS - 4
  for i = 1, lists do
    wrong = misfit(KEYS[4 + i], 'list')
    if wrong then return wrong end
  end
  local entries, dues, messages, routes = 6, 6 + count, 6 + 2 * count, 6 + 3 * count
  local marks = redis.call('HMGET', KEYS[2], unpack(ARGV, entries + 1, entries + count))
  local sent, moves, newest, duplicates = {}, {}, {}, {}
  local total = 0
  for i = 1, count do
    local entry, due = ARGV[entries + i], tonumber(ARGV[dues + i])
    local mark = newest[entry] or number(marks[i])
    if mark and due <= mark then
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
    redis.call('LPUSH', KEYS[5], unpack(ARGV, messages + 1, messages + count))
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
      if #pushes[list] > 0 then redis.call('LPUSH', KEYS[4 + list], unpack(pushes[list])) end
    end
  end
  redis.call('HSET', KEYS[2], unpack(moves))
  return duplicates
`);
