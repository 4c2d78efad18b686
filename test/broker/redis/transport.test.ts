import { describe, expect, it } from "vitest";
import { readTransport } from "../../../src/broker/redis/transport.ts";

describe("readTransport", () => {
  it("takes Celery's names in both cases", () => {
    const expected = {
      masterName: "main",
      prefix: "p:",
      timeoutMs: 2500,
      connectTimeoutMs: 1000,
      sentinelPassword: "pw",
    };
    const snake = { master_name: "main", global_keyprefix: "p:", socket_timeout: 2.5, socket_connect_timeout: 1 };
    expect(readTransport({ ...snake, sentinel_kwargs: { password: "pw" } })).toEqual(expected);
    const camel = { masterName: "main", globalKeyprefix: "p:", socketTimeout: 2.5, socketConnectTimeout: 1 };
    expect(readTransport({ ...camel, sentinelKwargs: { password: "pw" } })).toEqual(expected);
  });

  it("leaves alone what a publisher has no use for", () => {
    expect(
      readTransport({ visibility_timeout: 3600, confirm_publish: true, priority_steps: [0, 3, 6, 9] }).prefix,
    ).toBe("");
  });

  it.each([
    [{ socket_timeout: "5" }, "socket_timeout must be a number of seconds above 0"],
    [{ master_name: 1 }, "master_name must be a string"],
    [{ priority_steps: [0, 5] }, "priority_steps must be kombu's default"],
    [{ global_keyprefx: "x" }, "has no global_keyprefx for Redis"],
  ])("refuses %j", (options, message) => {
    expect(() => readTransport(options)).toThrow(
      `broker_transport_options${message.startsWith("has") ? " " : "."}${message}`,
    );
  });
});
