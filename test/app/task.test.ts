import { describe, expect, expectTypeOf, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { AsyncResult } from "../../src/app/async-result.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";

function newApp(settings: object = {}): App {
  return new App("proj", { broker: "memory://", ...settings });
}

async function sent(app: App, queue = "celery") {
  const broker = await app.broker();
  if (!(broker instanceof MemoryBroker)) throw new TypeError("not the memory broker");
  return broker
    .messages(queue)
    .map(({ task, body, headers, id }) => ({ id, task, headers, body: JSON.parse(String(body)) }));
}

describe("registering a task", () => {
  it("names it after the app and the function, or as told", () => {
    const app = newApp();
    function add(x: number, y: number): number {
      return x + y;
    }
    expect(app.task(add).name).toBe("proj.add");
    expect(app.task("sums.add", add).name).toBe("sums.add");
    expect(app.task(add, { name: "third.add" }).name).toBe("third.add");
    expect([...app.tasks.keys()].filter((name) => !name.startsWith("celery."))).toEqual([
      "proj.add",
      "sums.add",
      "third.add",
    ]);
  });

  it("gives the same task for the same function, and refuses another under its name, naming both places", () => {
    const app = newApp();
    const run = (): number => 1;
    expect(app.task("a", run)).toBe(app.task("a", run));
    expect(() => app.task("a", () => 2)).toThrow(
      /^test\/app\/task\.test\.ts:\d+:\d+: task a is registered already at test\/app\/task\.test\.ts:\d+:\d+ \(give/,
    );
  });

  it("wants a name for a function that has none, and a function for a name", () => {
    const app = newApp();
    expect(() => app.task(() => 1)).toThrow("a task needs a name");
    expect(() => app.task("a", undefined as never)).toThrow("task a has no function");
  });

  it("checks its options, all at once, and takes Celery's spelling", () => {
    const app = newApp();
    const wrong: object = { quue: "q", max_retries: "x", acksLat: true };
    expect(() => app.task("a", () => 1, wrong)).toThrow(
      /task a has no option quue \(did you mean queue\?\)\ntask a has no option acksLat \(did you mean acksLate\?\)\ntask a: maxRetries: /,
    );
    expect(() => app.task("a", () => 1, { priority: -1 })).toThrow("priority -1");
    expect(() => app.task("a", () => 1, { rateLimit: "often" })).toThrow("task a: rateLimit: ");
    const snake: object = { acks_late: true, max_retries: null, autoretry_for: [TypeError], rate_limit: "10/m" };
    expect(app.task("a", () => 1, snake).options).toEqual({
      acksLate: true,
      maxRetries: null,
      autoretryFor: [TypeError],
      rateLimit: "10/m",
    });
  });
});

describe("a task", () => {
  it("runs its function when it is called, with itself as this", () => {
    const app = newApp();
    const add = app.task("proj.add", (x: number, y: number) => x + y);
    const self = app.task("proj.self", function (this: { readonly name: string }) {
      return this.name;
    });
    expect(add(2, 2)).toBe(4);
    expect(Reflect.apply(self, null, [])).toBe("proj.self");
  });

  it("keeps the types of its function", () => {
    const app = newApp();
    const add = app.task("proj.add", async (x: number, label: string) => `${label}${x}`);
    expectTypeOf(add).parameters.toEqualTypeOf<[x: number, label: string]>();
    expectTypeOf(add).returns.toEqualTypeOf<Promise<string>>();
    expectTypeOf(add.delay).parameters.toEqualTypeOf<[x: number, label: string]>();
    expectTypeOf(add.delay(1, "a")).resolves.toEqualTypeOf<AsyncResult<string>>();
    // The missing first argument is the result of the task before it.
    expect(add.s("only the last").args).toEqual(["only the last"]);
    // @ts-expect-error a number is wanted first
    expect(add.s("one", "two").args).toEqual(["one", "two"]);
  });

  it("is sent by delay and applyAsync", async () => {
    const app = newApp();
    const add = app.task("proj.add", (x: number, y: number) => x + y, { queue: "sums" });
    const first = await add.delay(1, 2);
    await add.applyAsync([3, 4], { countdown: 10, queue: "other" });
    await add.applyAsync([5], { y: 6 }, {});
    const [one, two] = await sent(app, "sums");
    expect(first).toBeInstanceOf(AsyncResult);
    expect(first).toMatchObject({ id: one?.id, taskName: "proj.add" });
    expect(one?.body).toMatchObject([[1, 2], {}, {}]);
    expect(two?.body).toMatchObject([[5], { y: 6 }, {}]);
    const [other] = await sent(app, "other");
    expect(other?.headers["eta"]).not.toBeNull();
  });

  it("takes options in Celery's spelling", async () => {
    const app = newApp();
    const options: object = { time_limit: 5, ignore_result: true };
    await app.task("a", () => 1).applyAsync([], options);
    const [message] = await sent(app);
    expect(message?.headers).toMatchObject({ timelimit: [5, null], ignore_result: true });
  });

  it("rejects a call that is wrong, and sends nothing", async () => {
    const app = newApp();
    const add = app.task("proj.add", (x: number) => x);
    await expect(add.applyAsync([1], { que: "q" } as object)).rejects.toThrow("no option que");
    await expect(add.applyAsync(1 as never)).rejects.toThrow("the args of proj.add should be a list");
    expect(await sent(app)).toEqual([]);
  });

  it("makes signatures that can be sent", async () => {
    const app = newApp();
    const add = app.task("proj.add", (x: number, y: number) => x + y, { queue: "sums" });
    expect(add.s(1, 2).repr()).toBe("proj.add(1, 2)");
    expect(add.si(1, 2).immutable).toBe(true);
    await add.s(2).delay(1);
    await add.si(3, 4).delay(9);
    await add.signature([5, 6], {}, { priority: 3 }).applyAsync();
    const bodies = (await sent(app, "sums")).map(({ body }) => body[0]);
    expect(bodies).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
  });
});
