import { startRedis } from "../helper/redis.ts";
import { publishScript } from "../../src/broker/redis/scripts.ts";
const N = 10_000, C = Number(process.argv[2] ?? 500);
await using redis = await startRedis();
const info = redis.client();
const cpu = async () => { const t = await info.info("cpu"); return 1000 * (Number(/used_cpu_user:([\d.]+)/.exec(t)![1]) + Number(/used_cpu_sys:([\d.]+)/.exec(t)![1])); };
const text = "m".repeat(600);
const texts = Array.from({length: N}, (_, i) => text + i);
async function measure(name: string, f: (r: number) => Promise<unknown>) {
  for (let r = 0; r < 3; r++) await f(r);
  await info.del("celery");
  const R = 30;
  const c0 = process.cpuUsage(); const r0 = await cpu(); const t = performance.now();
  for (let r = 3; r < 3 + R; r++) { await f(r); await info.del("celery"); }
  const wall = (performance.now() - t) / R; const c1 = process.cpuUsage(c0); const r1 = await cpu();
  console.log(name.padEnd(30), "per msg us: wall", (wall / N * 1000).toFixed(2), "node cpu", ((c1.user + c1.system) / R / N).toFixed(2), "redis cpu", ((r1 - r0) / R / N * 1000).toFixed(2), " => k/s", Math.round(N / wall));
}
await info.set("t", "1");
const chunksOf = <T>(make: (i: number) => T) => { const out: T[] = []; for (let i = 0; i < N; i += C) out.push(make(i)); return out; };
const entry = (i: number) => `entry-${i}`;
const due = (r: number) => String(1_795_255_200_000 + r);
const range = (i: number) => Array.from({length: C}, (_, j) => i + j);
await measure("lpush only", async () => Promise.all(chunksOf((i) => info.lpush("celery", ...texts.slice(i, i + C)))));
const evals = (s: string, args: (i: number, r: number) => (string | Buffer)[]) => (r: number) => Promise.all(chunksOf((i) => info.eval(s, 3, "t", "marks", "celery", ...args(i, r))));
await measure("A current", evals(publishScript.text, (i, r) => ["1", String(C), "1", ...range(i).map(entry), ...range(i).map(() => due(r)), ...texts.slice(i, i + C)]));
await info.del("marks");
const B = `
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'stale' end
  local count = tonumber(ARGV[2])
  local names = {}
  for i = 1, count do names[i] = ARGV[1 + 2*i + 1] end
  local marks = redis.call('HMGET', KEYS[2], unpack(names))
  local fresh = true
  for i = 1, count do local m = marks[i]; if m and tonumber(ARGV[1+2*i+2]) <= tonumber(m) then fresh = false break end end
  if fresh then
    redis.call('LPUSH', KEYS[3], unpack(ARGV, 3 + 2*count + 1 , 2+ 3*count))
    redis.call('HSET', KEYS[2], unpack(ARGV, 3, 2 + 2*count))
  end
  return fresh`;
await measure("B interleaved fast path", evals(B, (i, r) => ["1", String(C), ...range(i).flatMap((k) => [entry(k), due(r)]), ...texts.slice(i, i + C)]));
await info.del("marks");
const D = `
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'stale' end
  local x = cjson.decode(ARGV[2])
  local names, dues = x[1], x[2]
  local marks = redis.call('HMGET', KEYS[2], unpack(names))
  local fresh = true
  local moves = {}
  for i = 1, #names do local m = marks[i]; if m and dues[i] <= tonumber(m) then fresh = false break end moves[2*i-1]=names[i] moves[2*i]=dues[i] end
  if fresh then
    redis.call('LPUSH', KEYS[3], unpack(ARGV, 3))
    redis.call('HSET', KEYS[2], unpack(moves))
  end
  return fresh`;
await measure("D json marks", evals(D, (i, r) => ["1", JSON.stringify([range(i).map(entry), range(i).map(() => 1_795_255_200_000 + r)]), ...texts.slice(i, i + C)]));
await info.del("marks");
const E = D.replace("unpack(ARGV, 3)", "unpack(cmsgpack.unpack(ARGV[3]))");
function pack(list: string[]) { let n = 3; for (const t of list) n += 3 + t.length; const b = Buffer.allocUnsafe(n); b[0] = 0xdc; b.writeUInt16BE(list.length, 1); let o = 3; for (const t of list) { b[o] = 0xda; b.writeUInt16BE(t.length, o + 1); o += 3; o += b.latin1Write(t, o); } return b; }
await measure("E json marks, msgpack", evals(E, (i, r) => ["1", JSON.stringify([range(i).map(entry), range(i).map(() => 1_795_255_200_000 + r)]), pack(texts.slice(i, i + C))]));
await info.del("marks");
const F = B.replace(/LPUSH.*/, "LPUSH', KEYS[3], 'x')").replace("unpack(ARGV, 3, 2 + 2*count)", "'x', '1'");
await measure("F = B w/o LPUSH+HSET", evals(F, (i, r) => ["1", String(C), ...range(i).flatMap((k) => [entry(k), due(r)]), ...texts.slice(i, i + C)]));
const G = B.replace(/redis.call\('HSET.*/, "");
await measure("G = B w/o HSET", evals(G, (i, r) => ["1", String(C), ...range(i).flatMap((k) => [entry(k), due(r)]), ...texts.slice(i, i + C)]));
await measure("H = only eval w args", evals("return 1", (i, r) => ["1", String(C), ...range(i).flatMap((k) => [entry(k), due(r)]), ...texts.slice(i, i + C)]));
await measure("I = hmget+hset native", async (r) => Promise.all(chunksOf((i) => [info.hmget("marks", ...range(i).map(entry)), info.hset("marks", ...range(i).flatMap((k) => [entry(k), due(r)]))]).flat()));
