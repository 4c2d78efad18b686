import { describe, expect, it } from "vitest";
import { readOptions } from "../../../src/result/redis/options.ts";
import { readPlace } from "../../../src/result/redis/url.ts";

describe("readPlace", () => {
  it.each([
    ["redis://", { host: "localhost", port: 6379, db: 0 }],
    ["redis://host:1/2", { host: "host", port: 1, db: 2 }],
    ["redis://:p%40ss@host", { host: "host", port: 6379, password: "p@ss", db: 0 }],
    ["redis://user:pass@[::1]:7/3", { host: "::1", port: 7, username: "user", password: "pass", db: 3 }],
    ["redis://host/?virtual_host=4", { host: "host", port: 6379, db: 4 }],
    ["redis+socket:///run/redis.sock?virtual_host=5", { path: "/run/redis.sock", db: 5 }],
    ["redis+socket://:pass@/run/redis.sock", { path: "/run/redis.sock", password: "pass", db: 0 }],
    [
      "rediss://host/1?ssl_cert_reqs=CERT_NONE",
      { host: "host", port: 6379, db: 1, tls: { rejectUnauthorized: false } },
    ],
    [
      "sentinel://:pass@a:1;sentinel://b/2",
      {
        sentinels: [
          { host: "a", port: 1 },
          { host: "b", port: 26_379 },
        ],
        password: "pass",
        db: 2,
      },
    ],
  ])("reads %s", (url, place) => {
    expect(readPlace(url)).toEqual(place);
  });

  it.each([
    ["redis://host/one", 'database "one" is not a number'],
    ["redis://:se/cret@host", "result backend URL redis://:***@host: it is not a URL"],
    ["redis://a;redis://b", "it names several servers"],
    ["redis+socket://host", "it has no absolute path to a socket"],
    ["rediss://host?ssl_cert_reqs=maybe", "ssl_cert_reqs=maybe is not known"],
    ["rediss://host?ssl_ca_certs=/no/such.pem", "ssl_ca_certs cannot be read"],
  ])("refuses %s", (url, message) => {
    expect(() => readPlace(url)).toThrow(message);
  });
});

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
