import { describe, expect, it } from "vitest";
import { optionName, optionsFromWire, optionsToWire, wireName } from "../../src/protocol/option-names.ts";
import { signature } from "../../src/protocol/signature.ts";

describe("option names", () => {
  it("change case both ways, and only where Celery knows them", () => {
    expect(wireName("softTimeLimit")).toBe("soft_time_limit");
    expect(optionName("soft_time_limit")).toBe("softTimeLimit");
    expect(wireName("argsrepr")).toBe("argsrepr");
    expect(optionName("softTimeLimit")).toBeNull();
    expect(optionName("toString")).toBeNull();
  });

  it("carry every value over and back", () => {
    const options = {
      taskId: "t",
      countdown: 5,
      expires: 60,
      exchangeType: "topic",
      headers: { someHeader: 1 },
      retry: true,
      retryPolicy: { maxRetries: 3, intervalStart: 0 },
      stamps: { monitoring_id: "m-1" },
      extra: { add_to_parent: false },
    } as const;
    const wire = optionsToWire(options);
    expect(wire).toEqual({
      add_to_parent: false,
      task_id: "t",
      countdown: 5,
      expires: 60,
      exchange_type: "topic",
      headers: { someHeader: 1 },
      retry: true,
      retry_policy: { max_retries: 3, interval_start: 0 },
      stamped_headers: ["monitoring_id"],
      monitoring_id: "m-1",
    });
    expect(optionsFromWire(wire)).toEqual(options);
  });

  it("turn instants into text that every version of Celery reads", () => {
    const at = new Date("2030-01-02T03:04:05.006Z");
    const text = "2030-01-02T03:04:05.006000+00:00";
    expect(optionsToWire({ eta: at, expires: at })).toEqual({ eta: text, expires: text });
    expect(optionsToWire({ eta: at.getTime(), expires: 60 })).toEqual({ eta: text, expires: 60 });
    expect(optionsToWire({ eta: "2030-01-02T03:04" })).toEqual({ eta: "2030-01-02T03:04" });
  });

  it("give linked signatures their wire shape", () => {
    const log = signature("proj.log", [], {}, { timeLimit: 5 });
    const json = { ...log.toJSON(), options: { time_limit: 5 } };
    expect(optionsToWire({ link: log, linkError: [{ task: "proj.log" }], chord: log })).toEqual({
      link: [json],
      link_error: [{ ...json, options: {} }],
      chord: json,
    });
  });
});
