import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { parseRedisUrl } from "../../src/redis/address.ts";
import { errorOf, words } from "./words.ts";

describe("parseRedisUrl", () => {
  it.each([
    ["redis://", { host: "localhost", port: 6379, db: 0 }],
    ["redis://host:7000/3", { host: "host", port: 7000, db: 3 }],
    ["redis://[::1]:7000", { host: "::1", port: 7000, db: 0 }],
    ["redis://us%40er:p%2Fw%3A%25@host/", { host: "host", port: 6379, username: "us@er", password: "p/w:%", db: 0 }],
    ["redis://:100%@host", { host: "host", port: 6379, password: "100%", db: 0 }],
    ["redis://:p%40ss@host", { host: "host", port: 6379, password: "p@ss", db: 0 }],
    ["redis://user:pass@[::1]:7/3", { host: "::1", port: 7, username: "user", password: "pass", db: 3 }],
    ["redis://host/?virtual_host=4", { host: "host", port: 6379, db: 4 }],
    ["redis+socket:///run/redis.sock?virtual_host=2", { path: "/run/redis.sock", db: 2 }],
    ["redis+socket://:pw@/run/redis.sock", { path: "/run/redis.sock", password: "pw", db: 0 }],
    [
      "sentinel://:pw@a:1;sentinel://b/4",
      {
        sentinels: [
          { host: "a", port: 1 },
          { host: "b", port: 26_379 },
        ],
        password: "pw",
        db: 4,
      },
    ],
    [
      "sentinel://a:1;b:2/4",
      {
        sentinels: [
          { host: "a", port: 1 },
          { host: "b", port: 2 },
        ],
        db: 4,
      },
    ],
    [
      "rediss://host/1?ssl_cert_reqs=CERT_NONE",
      { host: "host", port: 6379, db: 1, tls: { rejectUnauthorized: false } },
    ],
    ["rediss://host", { host: "host", port: 6379, db: 0, tls: { rejectUnauthorized: true } }],
  ])("reads %s", (url, address) => {
    expect(parseRedisUrl(url, words)).toEqual(address);
  });

  it.each([
    ["redis://host:port/0", "it is not a URL"],
    ["redis://host/main", 'database "main" is not a number'],
    ["redis+socket://redis.sock", "it has no absolute path to a socket"],
    ["redis://a:1;redis://b:2", "it names several servers"],
    ["rediss://host?ssl_cert_reqs=maybe", "ssl_cert_reqs=maybe is not known"],
    ["rediss://host?ssl_ca_certs=/no/such.pem", "ssl_ca_certs cannot be read"],
  ])("refuses %s", (url, reason) => {
    expect(() => parseRedisUrl(url, words)).toThrow(`queue URL ${url}: ${reason}`);
  });

  it("gives nothing of a password away that no parser can read", () => {
    const attempt = (): unknown => parseRedisUrl("redis://:se/cret@host", words);
    expect(attempt).toThrow("queue URL redis://:***@host: it is not a URL");
    expect(inspect(errorOf(attempt))).not.toContain("se/cret");
  });
});
