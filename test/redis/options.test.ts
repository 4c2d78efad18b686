import { describe, expect, it } from "vitest";
import { readOptions, seconds, text, unused } from "../../src/redis/options.ts";

const kinds = { label: text, patienceSeconds: seconds, ...unused("oldName otherName") };
const read = (options: Readonly<Record<string, unknown>>) => readOptions("queue_options", options, kinds);

describe("readOptions", () => {
  it("reads what is about the connection, in either case, with Celery's defaults", () => {
    expect(read({}).link).toEqual({ timeoutMs: 5000, connectTimeoutMs: 5000, masterName: "mymaster" });
    const written = {
      socket_timeout: 2.5,
      socketConnectTimeout: 1,
      socket_keepalive: true,
      master_name: "main",
      sentinel_kwargs: { username: "u", password: "p", ssl: true },
      ssl: { ssl_cert_reqs: "CERT_NONE" },
    };
    expect(read(written).link).toEqual({
      timeoutMs: 2500,
      connectTimeoutMs: 1000,
      keepAliveMs: 30_000,
      masterName: "main",
      sentinelUsername: "u",
      sentinelPassword: "p",
      tls: { ssl_cert_reqs: "CERT_NONE", rejectUnauthorized: false },
    });
  });

  it("reads the options of who asks, seconds as milliseconds", () => {
    const { textOf, msOf } = read({ label: "x", patience_seconds: 1.5 });
    expect([textOf("label", "y"), msOf("patienceSeconds", 9)]).toEqual(["x", 1500]);
    const { textOf: text, msOf: ms } = read({});
    expect([text("label", "y"), ms("patienceSeconds", 9)]).toEqual(["y", 9000]);
  });

  it("passes over what Celery knows and nobody here uses, and what is like nothing known", () => {
    expect(() => read({ old_name: 1, max_connections: "many", confirm_publish: true, toString: 1 })).not.toThrow();
  });

  it.each([
    [{ label: 1 }, "queue_options.label must be a string"],
    [{ patience_seconds: 0 }, "queue_options.patience_seconds must be a number of seconds above 0"],
    [{ sentinel_kwargs: 1 }, "queue_options.sentinel_kwargs must be a map"],
    [{ socket_timeuot: 1 }, "queue_options has no socket_timeuot for Redis"],
  ])("refuses %j", (options, message) => {
    expect(() => read(options)).toThrow(message);
  });
});
