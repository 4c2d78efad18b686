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
      unackedKey: "p:u",
      unackedIndexKey: "p:unacked_index",
      visibilityTimeoutMs: 90_000,
    };
    const consuming = { unacked_key: "u", visibility_timeout: 90 };
    const snake = { master_name: "main", global_keyprefix: "p:", socket_timeout: 2.5, socket_connect_timeout: 1 };
    expect(readTransport({ ...snake, ...consuming, sentinel_kwargs: { password: "pw" } })).toEqual(expected);
    const camel = { masterName: "main", globalKeyprefix: "p:", socketTimeout: 2.5, socketConnectTimeout: 1 };
    expect(readTransport({ ...camel, ...consuming, sentinelKwargs: { password: "pw" } })).toEqual(expected);
  });

  it("leaves alone what we have no use for", () => {
    expect(
      readTransport({ unacked_mutex_expire: 300, confirm_publish: true, priority_steps: [0, 3, 6, 9] }).prefix,
    ).toBe("");
  });

  it.each([
    [{ socket_timeout: "5" }, "socket_timeout must be a number of seconds above 0"],
    [{ visibility_timeout: 0 }, "visibility_timeout must be a number of seconds above 0"],
    [{ unacked_key: 1 }, "unacked_key must be a string"],
    [{ master_name: 1 }, "master_name must be a string"],
    [{ priority_steps: [0, 5] }, "priority_steps must be kombu's default"],
    [{ global_keyprefx: "x" }, "has no global_keyprefx for Redis"],
  ])("refuses %j", (options, message) => {
    expect(() => readTransport(options)).toThrow(
      `broker_transport_options${message.startsWith("has") ? " " : "."}${message}`,
    );
  });
});
