import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";

function newApp(taskAnnotations?: unknown): App {
  return new App("proj", {
    broker: "memory://",
    ...(taskAnnotations === undefined ? {} : { taskAnnotations }),
  } as object);
}

describe("taskAnnotations", () => {
  it("lay options over those of a task, the exact name over globs and globs over *", () => {
    const app = newApp({
      "proj.add": { rate_limit: "1/s" },
      "*": { rateLimit: "9/s", timeLimit: 30, maxRetries: null },
      "proj.*": { rateLimit: "5/s", acksLate: true },
    });
    const add = app.task("proj.add", () => 1, { priority: 3, timeLimit: 5 });
    const other = app.task("other", () => 1);
    expect(add.options).toEqual({ priority: 3, rateLimit: "1/s", timeLimit: 30, maxRetries: null, acksLate: true });
    expect(other.options).toEqual({ rateLimit: "9/s", timeLimit: 30, maxRetries: null });
  });

  it("may be a list, of which the last counts", () => {
    const app = newApp([{ "proj.add": { timeLimit: 5, acksLate: true } }, { "*": { timeLimit: 9 } }]);
    expect(app.task("proj.add", () => 1).options).toEqual({ timeLimit: 9, acksLate: true });
  });

  it("may come after the task, and change", () => {
    const app = newApp();
    const add = app.task("proj.add", () => 1);
    expect(add.options).toEqual({});
    app.conf.taskAnnotations = { "*": { timeLimit: 9 } };
    expect(add.options).toEqual({ timeLimit: 9 });
    app.conf.taskAnnotations = null;
    expect(add.options).toEqual({});
  });

  it("reach the messages of a task", async () => {
    const app = newApp({ "proj.add": { queue: "sums", timeLimit: 9 } });
    app.task("proj.add", () => 1);
    const { destination, headers } = app.createEnvelope({ task: "proj.add", args: [], kwargs: {}, options: {} });
    expect([destination.queue, headers["timelimit"]]).toEqual(["sums", [9, null]]);
  });

  it("are refused when the app is completed, if an option is unknown", async () => {
    const app = newApp({ "*": { rateLimt: "1/s" } });
    app.task("proj.add", () => 1);
    await expect(app.finalize()).rejects.toThrow("has no option rateLimt (did you mean rateLimit?)");
  });
});

describe("a base of options", () => {
  it("is shared by tasks, whose own options win", () => {
    const app = newApp();
    const base = { acks_late: true, timeLimit: 5, maxRetries: null, base: { priority: 3, timeLimit: 1 } } as object;
    expect(app.task("proj.one", () => 1, { base }).options).toEqual({
      acksLate: true,
      timeLimit: 5,
      maxRetries: null,
      priority: 3,
    });
    expect(app.task("proj.two", () => 1, { base, timeLimit: 9, maxRetries: 2 }).options).toMatchObject({
      acksLate: true,
      timeLimit: 9,
      maxRetries: 2,
    });
  });

  it("is checked like any options", () => {
    expect(() => newApp().task("proj.one", () => 1, { base: { timeLimt: 5 } as object })).toThrow(
      "task proj.one has no option timeLimt (did you mean timeLimit?)",
    );
  });

  it("refuses hooks that are no functions", () => {
    const options: object = { onSuccess: "print" };
    expect(() => newApp().task("proj.one", () => 1, options)).toThrow("onSuccess: expected a function");
  });
});
