import { describe, expect, it } from "vitest";
import { createDump } from "../../src/cli/events.ts";
import { controlCommand } from "../../src/cli/control.ts";
import { inspectCommand } from "../../src/cli/inspect.ts";
import { controlMethods, inspectMethods, readArguments } from "../../src/cli/remote-methods.ts";
import { formatReply } from "../../src/cli/remote-reply.ts";

const options = { color: false };

describe("the words after inspect and control", () => {
  it("become the arguments that Celery's command would send", () => {
    expect(readArguments(controlMethods, "rate_limit", ["proj.add", "10/m"])).toEqual({
      task_name: "proj.add",
      rate_limit: "10/m",
    });
    expect(readArguments(controlMethods, "time_limit", ["proj.add", "1.5"])).toEqual({
      task_name: "proj.add",
      soft: 1.5,
    });
    expect(readArguments(controlMethods, "terminate", ["KILL", "a", "b"])).toEqual({
      signal: "KILL",
      task_id: ["a", "b"],
    });
    expect(readArguments(controlMethods, "pool_grow", [])).toEqual({});
    expect(readArguments(inspectMethods, "conf", ["yes"])).toEqual({ with_defaults: true });
    expect(readArguments(inspectMethods, "registered", [])).toEqual({ taskinfoitems: [] });
  });

  it.each([
    ["rate_limit", ["proj.add"], "rate_limit takes: <task_name> <rate_limit"],
    ["shutdown", ["now"], "shutdown takes no arguments"],
    ["revoke", [], "revoke takes: <id1>"],
    ["pool_grow", ["two"], "pool_grow: two is no whole number from 0 on"],
    ["autoscale", ["1", "2", "3"], "autoscale takes: [max [min]]"],
    ["constructor", [], "unknown method constructor"],
  ])("are refused where they make no sense: %s %j", async (method, args, message) => {
    await expect(controlCommand(method, args, options)).rejects.toThrow(message);
  });

  it("are refused with a guess at what was meant, before anything is sent", async () => {
    const meant = { code: "usage", message: "unknown method registred", hint: "did you mean registered?" };
    await expect(inspectCommand("registred", [], options)).rejects.toMatchObject(meant);
    const timeout = { ...options, timeout: "soon" };
    await expect(inspectCommand("ping", [], timeout)).rejects.toThrow("--timeout soon is no number of seconds above 0");
  });
});

describe("an answer on the terminal", () => {
  it("says who, how it went, and what", () => {
    expect(formatReply({ "w1@h": { error: "unknown task" } })).toBe("->  w1@h: ERROR\n        unknown task\n");
    expect(formatReply({ "w1@h": [] })).toBe("->  w1@h: OK\n    - empty -\n");
    expect(formatReply({ "w1@h": null }, true)).toBe(" w1@h: OK\n    None\n");
    expect(formatReply({ "w1@h": { b: [1], a: {} } })).toBe(
      '->  w1@h: OK\n    {\n        "a": {},\n        "b": [\n            1\n        ]\n    }\n',
    );
  });

  it("moves no cursor", () => {
    expect(formatReply({ "w1\u001b[2J": ["a\u001b[31m"] })).not.toContain("\u001b");
  });
});

describe("the dump of events", () => {
  it("names a task in all its events, once its first was seen", () => {
    const dump = createDump();
    const event = { hostname: "w1@h", timestamp: 1_795_252_739.655385, uuid: "id" };
    const received = { ...event, type: "task-received", name: "proj.add", args: "[2]", kwargs: "{}", eta: null };
    expect(dump(received)).toBe(
      "w1@h [2026-11-21 09:18:59.655385] task received: proj.add(id) args=[2] kwargs={} eta=None",
    );
    expect(dump({ ...event, type: "task-succeeded", result: "5", loadavg: [1.5, 2] })).toBe(
      "w1@h [2026-11-21 09:18:59.655385] task succeeded: proj.add(id) args=[2] kwargs={} loadavg=[1.5, 2], result=5",
    );
    expect(dump({ ...event, uuid: "other", type: "task-failed", traceback: "a\nb" })).toContain("traceback=a\\nb");
    expect(dump({ hostname: "w1@h", timestamp: 0, type: "worker-online" })).toBe("w1@h [1970-01-01 00:00:00] started ");
  });
});
