import { describe, expect, it } from "vitest";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { maskUrl, openBroker } from "../../src/broker/open.ts";
import { parseRedisUrl } from "../../src/broker/redis/url.ts";
import { readTransport } from "../../src/broker/redis/transport.ts";
import { parseSqliteUrl } from "../../src/broker/sqlite/url.ts";

describe("openBroker", () => {
  it("opens by the scheme", async () => {
    expect(await openBroker("memory://")).toBeInstanceOf(MemoryBroker);
    const broker = await openBroker("REDIS://:secret@127.0.0.1:1/0");
    expect(broker.url).toBe("REDIS://:***@127.0.0.1:1/0");
    await broker.close();
  });

  it.each([
    ["reddis://host", "broker reddis://host: reddis:// is not a broker we know", "did you mean redis://?"],
    [
      "sqla+sqlite:///x.db",
      "broker sqla+sqlite:///x.db: sqla+sqlite:// is not a broker we know",
      "did you mean sqlite://?",
    ],
    [
      "kafka://:pw@host",
      "broker kafka://:***@host: kafka:// is not a broker we know",
      "write one of redis://host:6379/0",
    ],
    ["localhost:6379", 'broker "localhost:6379" is not a URL', "write one of redis://host:6379/0"],
    ["amqp://u:pw@host//", "broker amqp://u:***@host//: RabbitMQ comes in a later version", "write one of redis://"],
  ])("refuses %s", async (url, message, hint) => {
    await expect(openBroker(url)).rejects.toMatchObject({
      code: "config",
      message,
      hint: expect.stringContaining(hint),
    });
  });
});

describe("maskUrl", () => {
  it.each([
    ["redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"],
    ["redis://:secret@host:6379/0", "redis://:***@host:6379/0"],
    ["redis://user:secret@host", "redis://user:***@host"],
    ["redis://user@host", "redis://user@host"],
    ["redis://user:p@ss:w/rd#1@host/0", "redis://user:***@host/0"],
    ["sentinel://:one@a:1;sentinel://:two@b:2/0", "sentinel://:***@a:1;sentinel://:***@b:2/0"],
    ["sentinel://a:1;:secret@b:2/0", "sentinel://a:***@b:2/0"],
    ["redis://host/0?password=secret&x=1", "redis://host/0?password=***&x=1"],
    ["sqlite:///relative.db", "sqlite:///relative.db"],
    ["memory://", "memory://"],
    ["not a url", "not a url"],
  ])("shows %s as %s", (url, shown) => {
    expect(maskUrl(url)).toBe(shown);
  });
});

describe("parseRedisUrl", () => {
  it.each([
    ["redis://", { host: "localhost", port: 6379, db: 0 }],
    ["redis://host:7000/3", { host: "host", port: 7000, db: 3 }],
    ["redis://[::1]:7000", { host: "::1", port: 7000, db: 0 }],
    ["redis://us%40er:p%2Fw%3A%25@host/", { host: "host", port: 6379, username: "us@er", password: "p/w:%", db: 0 }],
    ["redis://:100%@host", { host: "host", port: 6379, password: "100%", db: 0 }],
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
    expect(parseRedisUrl(url)).toEqual(address);
  });

  it.each([
    ["redis://host:port/0", "it is not a URL"],
    ["redis://host/main", 'database "main" is not a number'],
    ["redis+socket://redis.sock", "it has no absolute path to a socket"],
    ["redis://a:1;redis://b:2", "it names several servers"],
    ["rediss://host?ssl_cert_reqs=maybe", "ssl_cert_reqs=maybe is not known"],
    ["rediss://host?ssl_ca_certs=/no/such.pem", "ssl_ca_certs cannot be read"],
  ])("refuses %s", (url, reason) => {
    expect(() => parseRedisUrl(url)).toThrow(`broker URL ${url}: ${reason}`);
  });
});

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

describe("parseSqliteUrl", () => {
  it("reads a path as SQLAlchemy does: three slashes relative, four absolute", () => {
    expect(parseSqliteUrl("sqlite:////var/lib/app/broker.db")).toBe("/var/lib/app/broker.db");
    expect(parseSqliteUrl("sqlite:///dir/broker.db")).toBe(`${process.cwd()}/dir/broker.db`);
  });

  it.each(["sqlite://", "sqlite:///", "sqlite://broker.db"])("refuses %s, which names no file", (url) => {
    expect(() => parseSqliteUrl(url)).toThrow(`broker URL ${url} names no file`);
  });

  it("refuses a database in memory, which no other process could reach", () => {
    expect(() => parseSqliteUrl("sqlite:///:memory:")).toThrow("other processes could not reach it");
  });
});
