import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRedisUrl } from "../../src/redis/address.ts";
import { type ConnectionOptions, RedisConnection } from "../../src/redis/connection.ts";
import { readOptions } from "../../src/redis/options.ts";
import { requireService } from "../helper/debian.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { waitUntil } from "../helper/wait.ts";
import { words } from "./words.ts";

describe.skipIf(!requireService("redis"))("RedisConnection", () => {
  let server: RedisServer;
  const open = (more: Partial<ConnectionOptions> = {}, written: object = {}, url = server.url): RedisConnection => {
    const { link } = readOptions("queue_options", { ...written }, {});
    return new RedisConnection({ url, address: parseRedisUrl(url, words), transport: link, words, ...more });
  };

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it("opens when it is needed, under its name, and speaks in the words of who uses it", async () => {
    const connection = open({ name: "under-test" });
    expect(await server.client().client("LIST")).not.toContain("under-test");
    expect(await connection.run((client) => client.ping())).toBe("PONG");
    expect(await server.client().client("LIST")).toContain("name=under-test");
    await connection.close();
    await connection.close();
    await expect(connection.run((client) => client.ping())).rejects.toMatchObject({
      code: "broker",
      message: `the connection to the queue ${server.url} is closed`,
    });
  });

  it("tells when it stands and when it is lost, opens anew for the next command, and forgets what it had declared", async () => {
    const told: string[] = [];
    const connection = open({
      name: "short-lived",
      onOpen: () => {
        told.push("open");
        return (reason) => told.push(`lost: ${reason}`);
      },
      onLost: () => told.push("lost"),
    });
    await connection.run((client) => client.ping());
    connection.declared.add("a queue");
    const id = await connection.run((client) => client.client("ID"));
    await server.client().client("KILL", "ID", id);
    await waitUntil(() => told.includes("lost"), { what: "the loss to be told" });
    expect(connection.declared.size).toBe(0);
    await connection.run((client) => client.ping());
    await connection.close();
    expect(told).toEqual(["open", "lost: the connection was lost", "lost", "open"]);
  });

  it("goes to no other database when the one it is for does not exist", async () => {
    const connection = open({}, {}, server.url.replace(/\/?\d*$/, "/99"));
    await expect(connection.run((client) => client.set("k", "v"))).rejects.toThrow("it has no such database");
    expect(await server.client().exists("k")).toBe(0);
    await connection.close();
  });

  it("hears for longer than a command may take, and subscribes to nothing by itself when it is back", async () => {
    const heard: string[] = [];
    let isLost = false;
    const onLost = (): void => {
      isLost = true;
    };
    const more = {
      name: "hearing",
      onLost,
      onMessage: (channel: string, text: string) => void heard.push(`${channel}: ${text}`),
    };
    const connection = open(more, { socket_timeout: 0.2 });
    await connection.run((client) => client.subscribe("news"));
    const client = server.client();
    const idle = async (): Promise<boolean> => /name=hearing .*\bidle=[1-9]/.test(String(await client.client("LIST")));
    await waitUntil(idle, { what: "a second of silence" });
    await client.publish("news", "one");
    await waitUntil(() => heard.length === 1, { what: "the message" });
    expect(heard).toEqual(["news: one"]);
    await client.call("CLIENT", "KILL", "TYPE", "pubsub");
    await waitUntil(() => isLost, { what: "the loss to be told" });
    await connection.run((one) => one.ping());
    expect(await client.pubsub("NUMSUB", "news")).toEqual(["news", 0]);
    await connection.close();
  });
});
