import { describe, expect, expectTypeOf, it } from "vitest";
import { App } from "../../src/app/app.ts";
import type { TaskContext } from "../../src/app/task-context.ts";
import { Retry } from "../../src/app/task-errors.ts";

const app = new App("proj", { broker: "memory://" });

describe("a task called as a function", () => {
  it("runs with a request that says so", () => {
    const look = app.task("direct.look", function (this: TaskContext, x: number) {
      const { id, args, calledDirectly, retries } = this.request;
      return [this.name, this.app === app, this.signal.aborted, id, args, calledDirectly, retries, x];
    });
    expect(look(7)).toEqual(["direct.look", true, false, "", [7], true, 0, 7]);
  });

  it("throws its own error instead of a retry, or a Retry where it has none", () => {
    const error = new RangeError("busy");
    const again = app.task("direct.again", function (this: TaskContext, exc?: Error): never {
      return this.retry({ exc });
    });
    expect(() => again(error)).toThrow(error);
    expect(() => again()).toThrow(Retry);
  });

  it("reports no state to anybody", () => {
    const report = app.task("direct.report", function (this: TaskContext) {
      this.updateState("PROGRESS", { done: 1 });
      return "ended";
    });
    expect(report()).toBe("ended");
  });
});

describe("the type of a task's this", () => {
  it("is the context, and retry never comes back", () => {
    const typed = app.task("direct.typed", function (this: TaskContext, x: number) {
      if (x > 1) this.retry();
      return x;
    });
    expectTypeOf(typed).returns.toEqualTypeOf<number>();
    expectTypeOf(typed).parameters.toEqualTypeOf<[x: number]>();
    app.task("direct.check", function (this: TaskContext) {
      expectTypeOf(this.retry()).toEqualTypeOf<never>();
    });
    app.task("direct.kept", function (this: TaskContext) {
      expectTypeOf(this.retry({ throw: false })).toEqualTypeOf<Retry>();
    });
    // @ts-expect-error a task has no other this
    app.task("direct.other", function (this: Map<string, string>) {
      return this.size;
    });
    expect(typed(1)).toBe(1);
  });
});
