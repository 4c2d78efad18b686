import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import type { TaskContext } from "../../src/app/task-context.ts";
import { Ignore, Reject } from "../../src/app/task-errors.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";

function newApp(settings: object = {}): App {
  return new App("proj", { broker: "memory://", taskAlwaysEager: true, ...settings });
}

async function sent(app: App): Promise<readonly string[]> {
  const broker = await app.broker();
  if (!(broker instanceof MemoryBroker)) throw new TypeError("not the memory broker");
  return broker.messages("celery").map(({ task }) => task);
}

describe("under taskAlwaysEager", () => {
  it("a call runs at once, nothing is sent, and its result is known", async () => {
    const app = newApp();
    const add = app.task("proj.add", async (x: number, y: number) => x + y);
    const result = await add.delay(2, 3);
    expect([await result.state(), await result.get(), result.taskName]).toEqual(["SUCCESS", 5, "proj.add"]);
    expect(await sent(app)).toEqual([]);
  });

  it("a task sees the request that a worker would show it", async () => {
    const app = newApp();
    const look = app.task("proj.look", function (this: TaskContext) {
      const { id, args, isEager, calledDirectly, deliveryInfo, headers } = this.request;
      return { id, args, isEager, calledDirectly, queue: deliveryInfo.queue, trace: headers["trace"] };
    });
    const result = await look.applyAsync([], { taskId: "one", queue: "q", headers: { trace: "t" } });
    expect(await result.get()).toEqual({
      id: "one",
      args: [],
      isEager: true,
      calledDirectly: false,
      queue: "q",
      trace: "t",
    });
  });

  it("an argument arrives as a worker would get it, and one that is no data is refused", async () => {
    const app = newApp();
    const type = app.task("proj.type", (value: unknown) => Object.prototype.toString.call(value));
    expect(await (await type.delay(new Date(0))).get()).toBe("[object Date]");
    expect(await (await type.delay({ toJSON: () => "text" })).get()).toBe("[object String]");
    await expect(type.delay(new Map())).rejects.toThrow("args[0] is a Map");
  });

  it("a failure is the result's to tell, or the caller's with taskEagerPropagates", async () => {
    const fail = (app: App) =>
      app.task("proj.fail", (): number => {
        throw new RangeError("too far");
      });
    const result = await fail(newApp()).delay();
    expect([await result.state(), await result.failed()]).toEqual(["FAILURE", true]);
    await expect(result.get()).rejects.toThrow(RangeError);
    await expect(fail(newApp({ taskEagerPropagates: true })).delay()).rejects.toThrow("too far");
  });

  it("retries run at once, with what they say anew, until there were enough", async () => {
    const app = newApp();
    const seen: unknown[] = [];
    const again = app.task("proj.again", function (this: TaskContext, x: number): number {
      seen.push([x, this.request.retries]);
      if (x < 3) this.retry({ args: [x + 1], countdown: 3600 });
      return x;
    });
    expect(await (await again.delay(1)).get()).toBe(3);
    expect(seen).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ]);
    const result = await again.delay(-10);
    expect(String(await result.result())).toContain("Can't retry proj.again");
  });

  it("a task that speaks for itself has the state Celery gives it", async () => {
    const app = newApp();
    const give = app.task("proj.give", (up: boolean) => {
      throw up ? new Ignore() : new Reject("no");
    });
    expect(await (await give.delay(true)).state()).toBe("IGNORED");
    expect(await (await give.delay(false)).state()).toBe("REJECTED");
  });

  it("what follows it runs as well, and what this project does not know is sent", async () => {
    const app = newApp();
    const seen: number[] = [];
    const add = app.task("proj.add", (x: number, y: number) => x + y);
    const note = app.task("proj.note", (x: number) => void seen.push(x));
    await add.s(1, 2).link(note.s()).applyAsync();
    await add.applyAsync([1, 2], { link: app.signature("python.note") });
    expect(seen).toEqual([3]);
    expect(await sent(app)).toEqual(["python.note"]);
  });

  it("a result is kept with taskStoreEagerResult", async () => {
    const app = newApp({ taskStoreEagerResult: true, resultBackend: "memory://eager-test" });
    const add = app.task("proj.add", (x: number, y: number) => x + y);
    const { id } = await add.delay(2, 3);
    expect(await app.asyncResult<number>(id).get({ timeout: 5 })).toBe(5);
    await app.close();
  });

  it("a task by name alone is sent", async () => {
    const app = newApp();
    app.task("proj.add", () => 1);
    await app.sendTask("proj.add");
    expect(await sent(app)).toEqual(["proj.add"]);
  });
});
