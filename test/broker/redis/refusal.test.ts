import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Guard, RefusedError, UndeliverableError } from "../../../src/broker/broker.ts";
import { RedisBroker } from "../../../src/broker/redis/redis-broker.ts";
import { commandFailure } from "../../../src/broker/redis/failure.ts";
import { messageOf } from "../../../src/error.ts";
import { leaseOf } from "../../contract/lease-contract.ts";
import { requireService } from "../../helper/debian.ts";
import { envelopeOf, idOf } from "../../helper/envelope.ts";
import { type RedisServer, startRedis } from "../../helper/redis.ts";

const owner = { id: "one", label: "host-1:100" };

function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: "ReplyError" });
}

describe("commandFailure", () => {
  const sha = "44eaba79bfd4c73942fba9406f1c106b3b4b6a3e";
  it.each([
    [
      `ERR user_script:1: attempt to compare nil with number script: ${sha}, on @user_script:1.`,
      "attempt to compare nil with number",
    ],
    [`ERR Error running script (call to f_${sha}): @user_script:15: user_script:15: out of range`, "out of range"],
    [`WRONGTYPE wrong kind script: ${sha}, on @user_script:15.`, "WRONGTYPE wrong kind"],
    [`ERR Error running script (call to f_${sha}): @user_script:1: WRONGTYPE wrong kind`, "WRONGTYPE wrong kind"],
    [
      `ERR ACL failure in script: User u has no permissions to run the 'lpush' command script: ${sha}, on @user_script:1.`,
      "User u has no permissions to run the 'lpush' command",
    ],
  ])("shows nothing of our script: %s", (reply, reason) => {
    expect(commandFailure("redis://h/0", replyError(reply)).message).toBe(`redis://h/0 refused: ${reason}`);
  });

  it("finds no memory within a script to be no memory", () => {
    const reply = `OOM command not allowed when used memory > 'maxmemory'. script: ${sha}, on @user_script:15.`;
    expect(commandFailure("redis://h/0", replyError(reply)).message).toContain("it is out of memory");
  });

  it("names a few of many keys", () => {
    const reply = replyError("NOPERM this user has no permissions to access one of the keys used as arguments");
    const keys = Array.from({ length: 7 }, (_, index) => `q${index}`);
    expect(commandFailure("redis://h/0", reply, keys).message).toBe(
      "redis://h/0 refused: this user has no permission for one of the keys q0, q1, q2, q3, q4 and 2 more",
    );
  });
});

describe.skipIf(!requireService("redis"))("Redis that refuses", () => {
  let server: RedisServer;
  let broker: RedisBroker;
  let term: number;
  const open = (user = ""): RedisBroker =>
    new RedisBroker(server.url.replace("//", user === "" ? "//" : `//${user}:secret@`), {
      emit: () => undefined,
      transport: {},
    });

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.client().flushall();
    broker = open();
    term = leaseOf(await broker.leases.acquire("app", owner, 60_000)).term;
  });
  afterEach(() => broker.close());

  const guardOf = (...entries: string[]): Guard => ({
    scope: "app",
    term,
    marks: entries.map((entry) => ({ entry, dueAt: 1000 })),
  });
  const fanout = (exchange: string) => ({
    destination: { exchange, exchangeType: "fanout" as const, routingKey: "" },
  });
  const problemOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => "no problem",
      (error: unknown) => error,
    );

  describe("a mark that is no number", () => {
    it.each(["garbage", "", "nan", "inf", "0x7fffffffffff", "9".repeat(400)])("counts as none: %j", async (text) => {
      await server.client().hset("lovage:app:marks", "e0", text, "e1", "1000");
      expect(Object.fromEntries(await broker.leases.marks("app"))).toEqual({ e1: 1000 });
      const batch = [envelopeOf("a"), envelopeOf("b"), envelopeOf("c")];
      expect(await broker.publish(batch, guardOf("e0", "e1", "e2"))).toEqual(["sent", "duplicate", "sent"]);
      expect(Object.fromEntries(await broker.leases.marks("app"))).toEqual({ e0: 1000, e1: 1000, e2: 1000 });
    });

    it("is written over by setMarks and forgotten by dropMarks", async () => {
      await server.client().hset("lovage:app:marks", "e0", "garbage", "e1", "garbage");
      const lease = { scope: "app", owner, term };
      await broker.leases.setMarks(lease, [{ entry: "e0", dueAt: 7 }]);
      await broker.leases.dropMarks(lease, ["e1"]);
      expect(await server.client().hgetall("lovage:app:marks")).toEqual({ e0: "7" });
    });
  });

  describe("a key of another kind", () => {
    const lease = () => ({ scope: "app", owner, term });
    const line = (key: string, kind: string, wanted: string): string =>
      `redis key lovage:app:${key} holds a ${kind}, not a ${wanted}: delete it (DEL) and beat goes on`;
    const spoil = async (key: string): Promise<void> => {
      const client = server.client();
      await client.del(`lovage:app:${key}`);
      await client.lpush(`lovage:app:${key}`, "x");
    };

    it("is named with its repair, whatever is done with the marks", async () => {
      await spoil("marks");
      const attempts = [
        broker.leases.marks("app"),
        broker.leases.setMarks(lease(), [{ entry: "x", dueAt: 1 }]),
        broker.leases.dropMarks(lease(), ["x"]),
        broker.publish([envelopeOf("a")], guardOf("x")),
      ];
      for (const problem of await Promise.all(attempts.map(problemOf))) {
        expect(messageOf(problem)).toBe(line("marks", "list", "hash"));
        expect(problem).not.toBeInstanceOf(RefusedError);
      }
      expect(await broker.depth("celery")).toBe(0);
      await server.client().del("lovage:app:marks");
      expect(await broker.publish([envelopeOf("a")], guardOf("x"))).toEqual(["sent"]);
    });

    it.each([
      ["term", "string"],
      ["lease", "hash"],
    ])("is named with its repair by acquire, renew and release: %s", async (key, wanted) => {
      await spoil(key);
      const attempts = [
        broker.leases.acquire("app", owner, 1000),
        broker.leases.renew(lease(), 1000),
        broker.leases.release(lease()),
      ];
      for (const problem of await Promise.all(attempts.map(problemOf))) {
        expect(messageOf(problem)).toBe(line(key, "list", wanted));
      }
      await server.client().del(`lovage:app:${key}`);
      leaseOf(await broker.leases.acquire("app", owner, 1000));
    });

    it.each(["garbage", "", "inf", "9".repeat(30), "-5"])(
      "takes a term that is no number for none: %j",
      async (text) => {
        await server.client().set("lovage:app:term", text);
        const next = leaseOf(await broker.leases.acquire("app", owner, 60_000));
        expect(next.term).toBeGreaterThan(1_600_000_000_000);
        expect(await broker.leases.renew(next, 60_000)).toBe(true);
      },
    );

    it("under a queue's binding is the fault of that queue's messages alone, and of no others", async () => {
      await server.client().set("_kombu.binding.bad", "x");
      await server.client().set("_kombu.binding.ex", "x");
      const named = { destination: { exchange: "ex", exchangeType: "direct" as const, routingKey: "k" } };
      const batch = [envelopeOf("a"), envelopeOf("b", { queue: "bad" }), envelopeOf("c", named)];
      const first = await problemOf(broker.publish(batch, guardOf("a", "b", "c")));
      expect(first).toBeInstanceOf(UndeliverableError);
      expect(first).toMatchObject({
        ids: [idOf("b")],
        message: "redis key _kombu.binding.bad holds a string, not a set of bindings",
      });
      const second = await problemOf(broker.publish([envelopeOf("a"), envelopeOf("c", named)], guardOf("a", "c")));
      expect(second).toBeInstanceOf(UndeliverableError);
      expect(second).toMatchObject({ ids: [idOf("c")] });
      expect(await broker.depth("celery")).toBe(0);
      expect(await broker.publish([envelopeOf("a")], guardOf("a"))).toEqual(["sent"]);
    });
  });

  describe("a user without permission", () => {
    const as = async (rules: string, use: (limited: RedisBroker) => Promise<void>): Promise<void> => {
      await server.client().call("ACL", "SETUSER", "limited", "reset", "on", ">secret", ...rules.split(" "));
      const limited = open("limited");
      try {
        await use(limited);
      } finally {
        await limited.close();
      }
    };
    const all = "+@all ~lovage:* ~_kombu.binding.* ~celery* &*";

    it("for one queue: refuses the batch whole, names the keys, and takes the others singly", async () => {
      await as(all, async (limited) => {
        const batch = [envelopeOf("a"), envelopeOf("b", { queue: "secret" }), envelopeOf("c")];
        const problem = await problemOf(limited.publish(batch, guardOf("a", "b", "c")));
        expect(problem).toBeInstanceOf(RefusedError);
        expect(messageOf(problem)).toContain("no permission for one of the keys");
        expect(messageOf(problem)).toMatch(/ secret$/);
        expect(await broker.depth("celery")).toBe(0);
        expect((await broker.leases.marks("app")).size).toBe(0);
        for (const name of ["a", "b", "c"]) {
          const queue = name === "b" ? "secret" : "celery";
          const outcome = await problemOf(limited.publish([envelopeOf(name, { queue })], guardOf(name)));
          if (name === "b") expect(outcome).toBeInstanceOf(RefusedError);
          else expect(outcome).toBe("no problem");
        }
        expect(await broker.depth("celery")).toBe(2);
        expect(Object.fromEntries(await broker.leases.marks("app"))).toEqual({ a: 1000, c: 1000 });
      });
    });

    it("for one binding: names its key, and the other queues work", async () => {
      await as("+@all ~lovage:* ~_kombu.binding.celery ~celery* ~secret* &*", async (limited) => {
        const problem = await problemOf(limited.publish([envelopeOf("b", { queue: "secret" })], guardOf("b")));
        expect(problem).toBeInstanceOf(RefusedError);
        expect(messageOf(problem)).toMatch(/no permission for the key _kombu\.binding\.secret$/);
        expect(await limited.publish([envelopeOf("a")], guardOf("a"))).toEqual(["sent"]);
      });
    });

    it("for one channel: leaves nothing of the batch half done, and needs no key of its name", async () => {
      await as("+@all ~lovage:* ~_kombu.binding.* ~celery* &/0.open", async (limited) => {
        const batch = [envelopeOf("a"), envelopeOf("b", fanout("closed")), envelopeOf("c", fanout("open"))];
        const problem = await problemOf(limited.publish(batch.slice(1, 2), guardOf("b")));
        expect(problem).toBeInstanceOf(RefusedError);
        expect(messageOf(problem)).not.toMatch(/script:|@user_script/);
        expect((await broker.leases.marks("app")).size).toBe(0);
        expect(await problemOf(limited.publish(batch, guardOf("a", "b", "c")))).toBeInstanceOf(RefusedError);
        const waiting = await broker.depth("celery");
        expect((await broker.leases.marks("app")).has("a")).toBe(waiting === 1);
        expect(await limited.publish(batch.slice(0, 1), guardOf("a"))).toEqual([waiting === 1 ? "duplicate" : "sent"]);
        expect(await problemOf(limited.publish(batch.slice(2), guardOf("c")))).toBe("no problem");
        expect(await broker.depth("celery")).toBe(1);
      });
    });

    it("for a command of the script: has done nothing, and shows nothing of the script", async () => {
      await as(`${all} -lpush`, async (limited) => {
        const problem = await problemOf(limited.publish([envelopeOf("a")], guardOf("a")));
        expect(problem).toBeInstanceOf(RefusedError);
        expect(messageOf(problem)).not.toMatch(/[0-9a-f]{40}|user_script/);
        expect((await broker.leases.marks("app")).size).toBe(0);
      });
    });
  });

  it("does not publish on a channel while it takes no writes, since the mark could not move", async () => {
    const client = server.client();
    const heard: string[] = [];
    client.on("message", (_, text) => heard.push(text));
    await client.subscribe("/0.news");
    await broker.publish([envelopeOf("a", fanout("news"))], guardOf("a"));
    const settings = server.client();
    await settings.config("SET", "maxmemory", "1");
    const problem = await problemOf(broker.publish([envelopeOf("b", fanout("news"))], guardOf("b")));
    await settings.config("SET", "maxmemory", "0");
    expect(messageOf(problem)).toContain("out of memory");
    await broker.publish([envelopeOf("c", fanout("news"))], guardOf("c"));
    await client.unsubscribe("/0.news");
    expect(heard).toHaveLength(2);
  });
});
