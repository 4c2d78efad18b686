import { describe, expect, it } from "vitest";
import { checkTaskOptions } from "../../src/protocol/task-options.ts";
import { signature } from "../../src/protocol/signature.ts";

const check =
  (options: object): (() => void) =>
  (): void =>
    checkTaskOptions(options);

describe("checkTaskOptions", () => {
  it("takes all that Celery takes", () => {
    const log = signature("proj.log");
    expect(
      check({
        taskId: "t",
        countdown: -1.5,
        expires: new Date(),
        retries: 0,
        priority: 255,
        queue: "q",
        exchange: "",
        exchangeType: "fanout",
        routingKey: "",
        headers: {},
        serializer: "json",
        compression: "zlib",
        timeLimit: 1.5,
        softTimeLimit: 1.5,
        ignoreResult: false,
        shadow: "s",
        deliveryMode: 1,
        replyTo: "",
        argsrepr: "",
        kwargsrepr: "",
        groupId: "g",
        groupIndex: 0,
        rootId: "r",
        parentId: "p",
        link: log,
        linkError: [log, log.toJSON()],
        chain: [],
        chord: log,
        stamps: {},
        replacedTaskNesting: 1,
        retry: false,
        retryPolicy: { maxRetries: null },
        extra: {},
      }),
    ).not.toThrow();
  });

  it("counts what is undefined as not given", () => {
    expect(check({ countdown: undefined, eta: undefined, priority: undefined, nothing: undefined })).not.toThrow();
  });

  it.each([
    [{ priority: 256 }, "priority 256 should be a whole number from 0 to 255"],
    [{ priority: 1.5 }, "priority 1.5 should be a whole number from 0 to 255"],
    [{ priority: "3" }, 'priority "3" should be a whole number'],
    [{ countdown: Number.NaN }, "countdown NaN should be a number of seconds"],
    [{ countdown: "5" }, 'countdown "5" should be a number of seconds'],
    [{ timeLimit: 0 }, "timeLimit 0 should be a number of seconds above 0"],
    [{ timeLimit: 5, softTimeLimit: 6 }, "softTimeLimit 6 is above timeLimit 5"],
    [{ countdown: 5, eta: new Date() }, "countdown and eta are both given"],
    [{ eta: 10 }, "eta 10 should be an instant in epoch milliseconds (for seconds from now write countdown)"],
    [{ eta: "soon" }, 'eta "soon" should be epoch milliseconds, a Date, or ISO 8601'],
    [{ eta: new Date(Number.NaN) }, "eta Invalid Date should be"],
    [{ expires: "next" }, 'expires "next" should be seconds from now, a Date, or ISO 8601'],
    [{ expires: 1_795_254_018_000 }, "for an instant write new Date(...)"],
    [{ expires: Infinity }, "expires Infinity should be seconds from now"],
    [{ deliveryMode: 3 }, "deliveryMode 3 should be 1 or 2"],
    [{ exchangeType: "headers" }, 'exchangeType "headers" should be direct, topic or fanout'],
    [{ queue: "" }, 'queue "" should be a text'],
    [{ ignoreResult: 1 }, "ignoreResult 1 should be true or false"],
    [{ headers: [1] }, "should be a mapping"],
    [{ headers: { when: new Map() } }, "headers.when is a Map"],
    [{ stamps: { a: undefined } }, "stamps.a is undefined"],
    [{ serializer: "pickle" }, "serializer pickle is not spoken here"],
    [{ compression: "bzip2" }, "compression bzip2 is not spoken here"],
    [{ link: [signature("proj.log"), "proj.log"] }, "link[1] is not a signature"],
    [{ linkError: { args: [] } }, "linkError is not a signature"],
    [{ chain: signature("proj.log") }, "should be a list of signatures"],
    [{ chord: "proj.sum" }, "chord is not a signature"],
    [{ task_id: "t" }, "no option task_id"],
    [{ toString: 1 }, "no option toString"],
  ])("refuses %j", (options, message) => {
    expect(check(options)).toThrow(message);
  });

  it("guesses what a mistyped option was meant to be", () => {
    const hint = (options: object): unknown => {
      try {
        checkTaskOptions(options);
        return "none";
      } catch (error) {
        return (error as { hint?: string }).hint;
      }
    };
    expect(hint({ soft_time_limit: 5 })).toBe("did you mean softTimeLimit?");
    expect(hint({ routing_ky: "x" })).toBe("did you mean routingKey?");
    expect(hint({ zzzzzzzz: 1 })).toBeUndefined();
  });
});
