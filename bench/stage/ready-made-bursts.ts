// A process that does nothing but push ready-made messages at given instants: the burst that no scheduler can beat.
import { Redis } from "ioredis";
import { pushReadyMade, readyMade } from "../../test/helper/ready-made.ts";
import type { ReadyMadeBursts } from "./limits.ts";
import { fineClock, sleepUntil } from "./wall-clock.ts";

const { port, key, message, count, dueAts } = JSON.parse(process.argv[2] ?? "") as ReadyMadeBursts;
const client = new Redis({ host: "127.0.0.1", port });
const ready = readyMade(key, message);
await client.ping();
console.log("ready");
for (const dueAt of dueAts) {
  await sleepUntil(dueAt - 10);
  const now = fineClock();
  while (now() < dueAt) continue;
  await pushReadyMade(client, ready, count);
}
client.disconnect();
