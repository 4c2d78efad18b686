import { describe, expect, it } from "vitest";
import { readOptions } from "../../../src/result/redis/options.ts";

describe("readOptions", () => {
  it("reads Celery's names in either case, and passes over what it has no use for", () => {
    const options = readOptions({
      global_keyprefix: "app",
      socket_timeout: 2,
      socketConnectTimeout: 3,
      master_name: "primary",
      sentinel_kwargs: { password: "secret" },
      retry_policy: { timeout: 5 },
      ssl: { ssl_cert_reqs: "none" },
      something_of_another_backend: 1,
    });
    expect(options).toMatchObject({
      prefix: "app_",
      timeoutMs: 2000,
      connectTimeoutMs: 3000,
      masterName: "primary",
      sentinelPassword: "secret",
      tls: { rejectUnauthorized: false },
    });
  });

  it("refuses a typo and a value that does not fit", () => {
    expect(() => readOptions({ global_key_prefix: "x" })).toThrow("has no global_key_prefix");
    expect(() => readOptions({ socket_timeout: "5" })).toThrow("must be a number of seconds above 0");
  });
});
