import { startRedis } from "../helper/redis.ts";
import { RedisBroker } from "../../src/broker/redis/redis-broker.ts";
import { encodeMessage } from "../../src/protocol/kombu.ts";
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
const N = 10_000;
const envs = Array.from({length: N}, (_, i) => {
  const id = `00000000-0000-4000-8000-${String(i).padStart(12,"0")}`;
  return Object.freeze({ id, task: "proj.hello", body: `[["${"x".repeat(40)}"], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]`, contentType: "application/json", contentEncoding: "utf-8",
    headers: {lang: "js", task: "proj.hello", id}, properties: {correlationId: id, replyTo: "", deliveryMode: 2, priority: 0}, destination: {exchange: "", exchangeType: "direct" as const, routingKey: "celery", queue: "celery"}});
});
await using redis = await startRedis();
const info = redis.client();
const cpu = async () => { const t = await info.info("cpu"); return 1000 * (Number(/used_cpu_user:([\d.]+)/.exec(t)![1]) + Number(/used_cpu_sys:([\d.]+)/.exec(t)![1])); };
async function measure(name: string, f: (r: number) => Promise<void>) {
  for (let r = 0; r < 3; r++) await f(r);
  await info.del("celery");
  const R = 10;
  const c0 = process.cpuUsage(); const r0 = await cpu(); const t = performance.now();
  for (let r = 3; r < 3 + R; r++) await f(r);
  const wall = (performance.now() - t) / R; const c1 = process.cpuUsage(c0); const r1 = await cpu();
  console.log(name.padEnd(30), "per msg us: wall", (wall / N * 1000).toFixed(2), "node cpu", ((c1.user + c1.system) / R / N).toFixed(2), "redis cpu", ((r1 - r0) / R / N * 1000).toFixed(2), " => k/s", Math.round(N / wall));
  await info.del("celery");
}
const b = new RedisBroker(redis.url, {emit: () => undefined, transport: {}});
const got = await b.leases.acquire("bench", {id: "o", label: "o"}, 600_000); if (!("lease" in got)) throw 1;
const term = got.lease.term; 
const marks = (r: number) => envs.map((_, i) => ({entry: `entry-${i}`, dueAt: 1_795_255_200_000 + r}));
await measure("encode", async () => { for (const e of envs) encodeMessage(e, randomUUID()); });
const texts = envs.map((e) => encodeMessage(e, randomUUID()));
const raw = redis.client();
await measure("ioredis lpush pre-encoded", async () => { const p = []; for (let i = 0; i < N; i += 500) p.push(raw.lpush("celery", ...texts.slice(i, i + 500))); await Promise.all(p); });
const sock = connect(redis.port, redis.host); await new Promise((r) => sock.once("connect", r));
await measure("socket string lpush", async () => { const done = new Promise<void>((r) => { let n = 0; sock.removeAllListeners("data"); sock.on("data", (d) => { for (const c of d) if (c === 10) n++; if (n >= N / 500) r(); }); });
  for (let i = 0; i < N; i += 500) { let s = `*502\r\n$5\r\nLPUSH\r\n$6\r\ncelery\r\n`; for (let j = i; j < i + 500; j++) s += `$${texts[j].length}\r\n${texts[j]}\r\n`; sock.write(s, "latin1"); } await done; });
await measure("socket buffer lpush", async () => { const done = new Promise<void>((r) => { let n = 0; sock.removeAllListeners("data"); sock.on("data", (d) => { for (const c of d) if (c === 10) n++; if (n >= N / 500) r(); }); });
  for (let i = 0; i < N; i += 500) { let s = `*502\r\n$5\r\nLPUSH\r\n$6\r\ncelery\r\n`; for (let j = i; j < i + 500; j++) s += `$${texts[j].length}\r\n${texts[j]}\r\n`; sock.write(Buffer.from(s, "latin1")); } await done; });
await measure("unguarded", async () => { await b.publish(envs); });
await measure("guarded", async (r) => { await b.publish(envs, {scope: "bench", term, marks: marks(r)}); });
await measure("guarded all duplicates", async () => { await b.publish(envs, {scope: "bench", term, marks: marks(0)}); });
sock.destroy(); await b.close();
