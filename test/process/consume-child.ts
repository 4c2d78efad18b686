// A process that consumes and writes down what it gets and what it has acknowledged, until it is killed.
import { closeSync, openSync, writeSync } from "node:fs";
import { RedisBroker } from "../../src/broker/redis/redis-broker.ts";
import type { Delivery } from "../../src/broker/consumer.ts";

const [url = "", file = ""] = process.argv.slice(2);
const output = openSync(file, "a");
const note = (what: string, id: string): void => void writeSync(output, `${process.pid} ${what} ${id}\n`);
const broker = new RedisBroker(url, { emit: () => undefined, transport: {} });

async function work(delivery: Delivery): Promise<void> {
  const { id } = delivery.envelope;
  note("got", id);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
  if (Math.random() < 0.05 && !delivery.redelivered) {
    // Before it is: it may be here again sooner than the answer.
    note("returned", id);
    await delivery.reject(true);
    return;
  }
  if (await delivery.ack()) note("done", id);
  else note("lost", id);
}

await broker.consume([{ name: "celery", exchange: "celery", exchangeType: "direct", routingKey: "celery" }], {
  label: "child",
  prefetch: 20,
  onDelivery: (delivery) => void work(delivery),
  onUnreadable: () => note("unreadable", "-"),
});
note("ready", "-");
process.once("SIGTERM", () => void broker.close().then(() => closeSync(output)));
