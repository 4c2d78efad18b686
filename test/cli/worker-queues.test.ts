import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { chooseQueues } from "../../src/cli/worker-queues.ts";

const names = (...args: Parameters<typeof chooseQueues>): string[] => chooseQueues(...args).map(({ name }) => name);

describe("the queues of a worker", () => {
  it("are the default one when nobody says anything, bound as Celery binds it", () => {
    expect(chooseQueues(new App("proj"), {})).toEqual([
      { name: "celery", exchange: "celery", exchangeType: "direct", routingKey: "celery" },
    ]);
  });

  it("are those of taskQueues, without those excluded", () => {
    const app = new App("proj", {
      taskQueues: ["a", "b", { name: "c", exchange: "x", routingKey: "c.#", exchangeType: "topic" }],
    });
    expect(names(app, {})).toEqual(["a", "b", "c"]);
    expect(names(app, { excludeQueues: ["b"] })).toEqual(["a", "c"]);
    expect(chooseQueues(app, { queues: ["c"] })).toEqual([
      { name: "c", exchange: "x", exchangeType: "topic", routingKey: "c.#" },
    ]);
  });

  it("are those of -Q, each once and in that order, made where they are not declared", () => {
    const app = new App("proj", { taskQueues: ["a"] });
    expect(names(app, { queues: ["z", "a", "z"] })).toEqual(["z", "a"]);
    expect(chooseQueues(app, { queues: ["z"] })).toEqual([
      { name: "z", exchange: "z", exchangeType: "direct", routingKey: "z" },
    ]);
  });

  it("must be declared where taskCreateMissingQueues is off", () => {
    const app = new App("proj", { taskQueues: ["reports"], taskCreateMissingQueues: false });
    expect(() => chooseQueues(app, { queues: ["report"] })).toThrow("queue report is not in taskQueues");
  });

  it("have the node's own among them with workerDirect", () => {
    const app = new App("proj", { workerDirect: true });
    expect(chooseQueues(app, {}, "w1@host").at(-1)).toEqual({
      name: "w1@host.dq2",
      exchange: "C.dq2",
      exchangeType: "direct",
      routingKey: "w1@host",
    });
    expect(names(app, {})).toEqual(["celery"]);
  });

  it("must be at least one", () => {
    expect(() => chooseQueues(new App("proj"), { excludeQueues: ["celery"] })).toThrow(/no queue is left.*celery/);
  });
});
