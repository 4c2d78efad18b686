import { describe, expect, it } from "vitest";
import { openBroker } from "../../../src/broker/open.ts";
import { readTransport } from "../../../src/broker/sqlite/transport.ts";
import { temporaryFolder } from "../../helper/temporary-folder.ts";

describe("readTransport for SQLite", () => {
  it("takes the visibility timeout in seconds, in both cases, an hour by default", () => {
    expect(readTransport({})).toEqual({ visibilityTimeoutMs: 3_600_000 });
    expect(readTransport({ visibility_timeout: 90 })).toEqual({ visibilityTimeoutMs: 90_000 });
    expect(readTransport({ visibilityTimeout: 0.5 })).toEqual({ visibilityTimeoutMs: 500 });
  });

  it("leaves alone what is meant for other transports", () => {
    expect(readTransport({ socket_timeout: 5, global_keyprefix: "x", pool_recycle: 1 }).visibilityTimeoutMs).toBe(
      3_600_000,
    );
  });

  it.each([
    [{ visibility_timeout: "90" }, "broker_transport_options.visibility_timeout must be a number of seconds above 0"],
    [{ visibility_timeout: 0 }, "broker_transport_options.visibility_timeout must be a number of seconds above 0"],
    [{ visibilty_timeout: 90 }, "broker_transport_options has no visibilty_timeout for SQLite"],
  ])("refuses %j", (options, message) => {
    expect(() => readTransport(options)).toThrow(message);
  });

  it("is what openBroker goes by, before it makes a file", async () => {
    await using folder = temporaryFolder();
    const attempt = openBroker(`sqlite:///${folder.file("b.db")}`, { transportOptions: { visibilityTimout: 1 } });
    await expect(attempt).rejects.toMatchObject({ code: "config", hint: "did you mean visibility_timeout?" });
  });
});
