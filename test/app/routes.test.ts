import { describe, expect, it } from "vitest";
import { createRouter, type RoutingSettings, type TaskRoutes } from "../../src/app/routes.ts";
import type { Destination } from "../../src/protocol/envelope.ts";
import type { TaskOptions } from "../../src/protocol/task-options.ts";

const settings: RoutingSettings = {
  taskRoutes: null,
  taskQueues: null,
  taskCreateMissingQueues: true,
  taskCreateMissingQueueExchangeType: null,
  taskDefaultQueue: "celery",
  taskDefaultExchange: null,
  taskDefaultExchangeType: "direct",
  taskDefaultRoutingKey: null,
  taskDefaultDeliveryMode: 2,
};

function routed(more: Partial<RoutingSettings>, options: TaskOptions = {}, name = "proj.add") {
  return createRouter({ ...settings, ...more }).route({ name, args: [1], kwargs: { x: 2 }, options });
}

function destination(more: Partial<RoutingSettings>, options?: TaskOptions, name?: string): Destination {
  return routed(more, options, name).destination;
}

function queueOf(taskRoutes: TaskRoutes, name: string, options?: TaskOptions): string | undefined {
  return destination({ taskRoutes }, options, name).queue;
}

const direct = (queue: string): Destination => ({ exchange: "", exchangeType: "direct", routingKey: queue, queue });

describe("the destination of a call without routes", () => {
  it("is the default queue, straight through the default exchange", () => {
    expect(destination({})).toEqual(direct("celery"));
    expect(destination({ taskDefaultQueue: "mine" })).toEqual(direct("mine"));
  });

  it("is the queue it names", () => {
    expect(destination({}, { queue: "q1" })).toEqual(direct("q1"));
  });

  it("is still the default queue when it only says a routing key, as in Celery", () => {
    expect(destination({}, { routingKey: "rk.x" })).toEqual(direct("celery"));
  });

  it("is the exchange it names, and no queue", () => {
    expect(destination({}, { exchange: "ex1", routingKey: "rk1" })).toEqual({
      exchange: "ex1",
      exchangeType: "direct",
      routingKey: "rk1",
    });
  });

  it("is the queue that the routing key names in the default exchange", () => {
    expect(destination({}, { exchange: "", routingKey: "q9" })).toEqual(direct("q9"));
  });

  it("goes through the exchange of the default queue when that is a topic", () => {
    const topic = {
      taskDefaultExchangeType: "topic",
      taskDefaultExchange: "tasks",
      taskDefaultRoutingKey: "task.default",
    } as const;
    expect(destination(topic)).toEqual({
      exchange: "tasks",
      exchangeType: "topic",
      routingKey: "task.default",
      queue: "celery",
    });
  });
});

describe("the destination of a call to declared queues", () => {
  const taskQueues = [
    { name: "feeds", exchange: "feeds", exchangeType: "topic" as const, routingKey: "feed.#" },
    { name: "plain", deliveryMode: 1 as const },
  ];

  it("is their exchange, under the call's routing key or the queue's", () => {
    const feeds = { exchange: "feeds", exchangeType: "topic", queue: "feeds" };
    expect(destination({ taskQueues }, { queue: "feeds" })).toEqual({ ...feeds, routingKey: "feed.#" });
    expect(destination({ taskQueues }, { queue: "feeds", routingKey: "feed.import" })).toEqual({
      ...feeds,
      routingKey: "feed.import",
    });
  });

  it("knows the type of an exchange that a queue is bound to", () => {
    expect(destination({ taskQueues }, { exchange: "feeds", routingKey: "feed.x" }).exchangeType).toBe("topic");
  });

  it("takes the queue's delivery mode unless the call says another", () => {
    expect(routed({ taskQueues }, { queue: "plain" }).options.deliveryMode).toBe(1);
    expect(routed({ taskQueues }, { queue: "plain", deliveryMode: 2 }).options.deliveryMode).toBe(2);
    expect(routed({ taskQueues, taskDefaultDeliveryMode: 1 }, { queue: "other" }).options.deliveryMode).toBe(1);
  });

  it("is an error when the queue is unknown and may not be made", () => {
    const strict = { taskQueues, taskCreateMissingQueues: false };
    expect(() => destination(strict, { queue: "feds" })).toThrow("queue feds is not in taskQueues");
    try {
      destination(strict, { queue: "feds" });
    } catch (error) {
      expect(error).toMatchObject({ hint: expect.stringContaining("did you mean feeds? known are feeds, plain") });
    }
  });
});

describe("task routes", () => {
  it("go by exact name before globs, and by the first glob that matches", () => {
    const routes = { "feeds.*": "a", "feeds.import": "exact", "*.import": "b" };
    expect(queueOf(routes, "feeds.import")).toBe("exact");
    expect(queueOf(routes, "feeds.export")).toBe("a");
    expect(queueOf(routes, "other.import")).toBe("b");
    expect(queueOf(routes, "other.export")).toBe("celery");
  });

  it("have globs that match the whole name, as Python's do", () => {
    expect(queueOf({ "a.*": "q" }, "xa.b")).toBe("celery");
    expect(queueOf({ "a?c": "q" }, "abc")).toBe("q");
    expect(queueOf({ "a[!x]c": "q" }, "axc")).toBe("celery");
    expect(queueOf({ "a[!x]c": "q" }, "abc")).toBe("q");
    expect(queueOf({ "a.b": "q" }, "aXb")).toBe("celery");
    expect(queueOf({ "a.b*": "q" }, "aXb1")).toBe("celery");
  });

  it("are pairs too, with regular expressions", () => {
    const pairs: TaskRoutes = [
      [/^(video|image)\./g, "media"],
      ["proj.*", { queue: "proj" }],
    ];
    for (const name of ["video.make", "video.make", "image.cut"]) expect(queueOf(pairs, name)).toBe("media");
    expect(queueOf(pairs, "proj.add")).toBe("proj");
    expect(queueOf([pairs, { "x.*": "x" }] as TaskRoutes, "x.y")).toBe("x");
  });

  it("are asked in turn, functions among them", () => {
    const routes: TaskRoutes = [
      (name, args, kwargs) =>
        name === "proj.add" && args[0] === 1 && kwargs["x"] === 2 ? { queue: "by function" } : null,
      { "proj.*": "by name" },
    ];
    expect(queueOf(routes, "proj.add")).toBe("by function");
    expect(queueOf(routes, "proj.other")).toBe("by name");
    expect(queueOf(() => "always", "any")).toBe("always");
  });

  it("bring options along, in camel or snake case, which the call's own win over", () => {
    const taskRoutes = { "proj.add": { queue: "q", priority: 3, time_limit: 60 } };
    expect(routed({ taskRoutes }).options).toEqual({ queue: "q", priority: 3, timeLimit: 60, deliveryMode: 2 });
    expect(routed({ taskRoutes }, { priority: 0 }).options.priority).toBe(0);
  });

  it("do not mix their destination into one that the call names", () => {
    const taskRoutes = { "proj.add": { exchange: "media", routing_key: "media.video", priority: 5 } };
    expect(destination({ taskRoutes }, { queue: "q1" })).toEqual(direct("q1"));
    expect(routed({ taskRoutes }, { queue: "q1" }).options.priority).toBe(5);
    expect(
      destination({ taskRoutes: { "proj.add": "q" } }, { exchange: "ex", routingKey: "rk" }).queue,
    ).toBeUndefined();
  });

  it("are the same for all calls of a task to a queue, unless a function has a say", () => {
    expect(createRouter({ ...settings, taskRoutes: [{ "a.*": "q" }] }).isStatic).toBe(true);
    expect(createRouter({ ...settings, taskRoutes: [{ "a.*": "q" }, () => null] }).isStatic).toBe(false);
  });

  it("are all checked, with each mistake in its place", () => {
    const taskRoutes = { "a.*": { queu: "q" }, b: 5, c: { priority: "high" } };
    expect(() => createRouter({ ...settings, taskRoutes })).toThrow(
      /^taskRoutes: a\.\*: no option queu \(did you mean queue\?\)\ntaskRoutes: b: not a route .*\ntaskRoutes: c: priority "high"/,
    );
    expect(() => createRouter({ ...settings, taskRoutes: ["proj.routers.Router"] })).toThrow("is no router");
  });
});
