import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { openBroker } from "../../src/broker/open.ts";
import { readEvents, type TaskEvent } from "../../src/protocol/task-event.ts";
import { waitUntil } from "../helper/wait.ts";

async function heardOf(settings: { readonly taskSendSentEvent: boolean }): Promise<readonly TaskEvent[]> {
  const url = `memory://${randomUUID()}`;
  await using app = new App("proj", { broker: url, ...settings });
  const broker = await openBroker(url);
  const heard: TaskEvent[] = [];
  const listener = await broker.listen("celeryev", (envelope) => void heard.push(...readEvents(envelope)));
  await app.sendTask("proj.add", [2, 3], {}, { queue: "sums", taskId: "one" });
  await waitUntil(async () => (await broker.depth("sums")) === 1, { what: "the task" });
  await new Promise((resolve) => setImmediate(resolve));
  await listener.close();
  await broker.close();
  return heard;
}

describe("the event task-sent", () => {
  it("tells monitors of a call, with where it went", async () => {
    expect(await heardOf({ taskSendSentEvent: true })).toMatchObject([
      {
        type: "task-sent",
        hostname: expect.stringMatching(/^gen\d+@/),
        uuid: "one",
        root_id: "one",
        name: "proj.add",
        args: "[2, 3]",
        kwargs: "{}",
        retries: 0,
        queue: "sums",
        routing_key: "sums",
      },
    ]);
  });

  it("is sent only where the setting asks for it", async () => {
    expect(await heardOf({ taskSendSentEvent: false })).toEqual([]);
  });
});
