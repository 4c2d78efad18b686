// A worker to be killed: it writes down what it gets and what it has acknowledged, each before it does anything else.
import { appendFileSync } from "node:fs";
import type { Delivery } from "../../src/broker/consumer.ts";
import { openBroker } from "../../src/broker/open.ts";

const [path = "", journal = ""] = process.argv.slice(2);
const note = (what: "got" | "acked", { envelope, redelivered }: Delivery): void =>
  appendFileSync(journal, `${what} ${envelope.id} ${redelivered ? "again" : "first"}\n`);

const broker = await openBroker(`sqlite:///${path}`);
await broker.consume([{ name: "celery", exchange: "", exchangeType: "direct", routingKey: "celery" }], {
  label: `child-${process.pid}`,
  prefetch: 20,
  onUnreadable: ({ reason }) => {
    throw new Error(reason);
  },
  onDelivery: (delivery) => {
    note("got", delivery);
    setTimeout(() => {
      void delivery.ack().then((isOurs) => {
        if (isOurs) note("acked", delivery);
      });
    }, Math.random() * 20);
  },
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
