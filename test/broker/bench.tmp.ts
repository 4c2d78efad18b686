import { startRedis } from "../helper/redis.ts";
import { RedisBroker } from "../../src/broker/redis/redis-broker.ts";
import { execFileSync } from "node:child_process";
const N = 10_000;
const envs = Array.from({length: N}, (_, i) => {
  const id = `00000000-0000-4000-8000-${String(i).padStart(12,"0")}`;
  return Object.freeze({ id, task: "proj.hello", body: `[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]`, contentType: "application/json", contentEncoding: "utf-8",
    headers: {}, properties: {correlationId: id, replyTo: "", deliveryMode: 2, priority: 0}, destination: {exchange: "", exchangeType: "direct" as const, routingKey: "celery", queue: "celery"}});
});
await using redis = await startRedis();
const info = redis.client();
const cpu = async () => { const t = await info.info("cpu"); return 1000 * (Number(/used_cpu_user:([\d.]+)/.exec(t)![1]) + Number(/used_cpu_sys:([\d.]+)/.exec(t)![1])); };
async function measure(name: string, f: (r: number) => Promise<void>) {
  for (let r = 0; r < 5; r++) await f(r);
  await info.del("celery");
  const R = 15; const walls = [];
  const c0 = process.cpuUsage(); const r0 = await cpu(); 
  for (let r = 5; r < 5 + R; r++) { const t = performance.now(); await f(r); walls.push(performance.now() - t); await info.del("celery"); }
  walls.sort((a, b) => a - b); const wall = walls[7]!; const c1 = process.cpuUsage(c0); const r1 = await cpu();
  console.log(name.padEnd(30), "per msg us: node cpu", ((c1.user + c1.system) / R / N).toFixed(2), "redis cpu", ((r1 - r0) / R / N * 1000).toFixed(2), " => k/s median", Math.round(N / wall), "best", Math.round(N / walls[0]!));
}
const rb = () => console.log(execFileSync("redis-benchmark", ["-p", String(redis.port), "-t", "lpush", "-P", "500", "-n", "200000", "-d", "430", "-q", ...(process.argv[2] ? ["-c", process.argv[2]] : [])]).toString().split("\r").at(-1)!.trim());
rb();
await info.flushall();
const b = new RedisBroker(redis.url, {emit: () => undefined, transport: {}});
const got = await b.leases.acquire("bench", {id: "o", label: "o"}, 600_000); if (!("lease" in got)) throw 1;
const term = got.lease.term; 
const marks = (r: number) => envs.map((_, i) => ({entry: `entry-${i}`, dueAt: 1_795_255_200_000 + r}));
for (const size of [500, 10_000]) {
  await measure(`unguarded, batch ${size}`, async () => { for (let i = 0; i < N; i += size) await b.publish(envs.slice(i, i + size)); });
  await measure(`guarded, batch ${size}`, async (r) => { const m = marks(r); for (let i = 0; i < N; i += size) await b.publish(envs.slice(i, i + size), {scope: "bench", term, marks: m.slice(i, i + size)}); });
}
await b.publish(envs.slice(0, 1)); console.log("bytes", (await info.lindex("celery", 0))!.length);
const one = []; for (let r = 0; r < 2000; r++) { const t = performance.now(); await b.publish([envs[0]!], {scope: "bench", term, marks: [{entry: "one", dueAt: 2e12 + r}]}); one.push(performance.now() - t); }
one.sort((a, b) => a - b); console.log("one guarded: p50", one[1000]!.toFixed(3), "p99", one[1980]!.toFixed(3), "ms");
await info.flushall(); rb();
await b.close();
