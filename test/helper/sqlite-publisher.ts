// One of several processes that open the same broker file at the same instant: fifty messages of its own, and fifty
// occurrences that all of them try to settle.
import { openBroker } from "../../src/broker/open.ts";
import { envelopeOf } from "./envelope.ts";

const [path = "", own = ""] = process.argv.slice(2);
const broker = await openBroker(`sqlite:///${path}`);
for (let index = 0; index < 50; index += 1) {
  await broker.publish([envelopeOf(`${own}-${index}`)]);
  // All share one owner, so that the terms overtake each other all the time.
  for (;;) {
    const acquired = await broker.leases?.acquire("app", { id: "all", label: own }, 60_000);
    if (acquired === undefined || !("lease" in acquired)) throw new Error("no lease");
    const guard = { scope: "app", term: acquired.lease.term, marks: [{ entry: "shared", dueAt: index }] };
    const done = await broker.publish([envelopeOf(`shared-${index}`)], guard).catch((error: { code?: string }) => {
      if (error.code !== "stale-term") throw error;
    });
    if (done !== undefined) break;
  }
}
await broker.close();
