// The one step that keeps results: a SUCCESS stands, everything else is replaced, and whoever listens is told.
import type { Redis } from "ioredis";
import { define, runScript } from "../../redis/script.ts";

// KEYS: one for each record, which is also its channel. ARGV: milliseconds until they expire ("0": never), then a text
// for each key. What other programs wrote may have its status elsewhere than first, or be no JSON, or no text at all;
// the last two are written over, as Celery does.
const putScript = define(`
  local function stands(key)
    local head = redis.pcall('GETRANGE', key, 0, 31)
    if type(head) ~= 'string' or head == '' then return false end
    if string.find(head, '^{ ?"status": ?"') then return string.find(head, '^{ ?"status": ?"SUCCESS"') ~= nil end
    local known, meta = pcall(cjson.decode, redis.call('GET', key))
    return known and type(meta) == 'table' and meta['status'] == 'SUCCESS'
  end
  for i, key in ipairs(KEYS) do
    if not stands(key) then
      if ARGV[1] == '0' then
        redis.call('SET', key, ARGV[i + 1])
      else
        redis.call('SET', key, ARGV[i + 1], 'PX', ARGV[1])
      end
      redis.call('PUBLISH', key, ARGV[i + 1])
    end
  end
`);

/** @param expiresMs null: never */
export async function putTexts(
  client: Redis,
  texts: ReadonlyMap<string, string>,
  expiresMs: number | null,
): Promise<void> {
  const span = expiresMs === null ? "0" : String(Math.max(1, Math.round(expiresMs)));
  await runScript(client, putScript, [...texts.keys()], [span, ...texts.values()]);
}
