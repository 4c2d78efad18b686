import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { Door } from "../../../src/beat/reach/door.ts";
import { openDoor } from "../../../src/beat/reach/door-bell.ts";
import { doorPlace } from "../../../src/beat/reach/door-place.ts";
import { type Ask, createRemoteSteering } from "../../../src/beat/reach/remote-steering.ts";
import type { RemoteSteering } from "../../../src/beat/steer/steering.ts";
import { systemClock } from "../../../src/clock.ts";
import type { LovageEvent } from "../../../src/event.ts";
import { type SteeringStub, stubSteering } from "../../helper/steering-stub.ts";
import { waitUntil } from "../../helper/wait.ts";
import { type TemporaryFolder, temporaryFolder } from "../../helper/temporary-folder.ts";

const bell = { clock: systemClock, timeoutMs: 20_000 };
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Stage {
  readonly folder: TemporaryFolder;
  readonly record: string;
  readonly steering: SteeringStub;
  readonly log: LovageEvent[];
  readonly open: (idleMs?: number) => Promise<Door>;
}

function createStage(name = "beat-record", steering = stubSteering()): Stage {
  const folder = temporaryFolder();
  cleanups.push(() => folder[Symbol.asyncDispose]());
  const record = folder.file(name);
  mkdirSync(join(record, ".."), { recursive: true });
  writeFileSync(record, "");
  const log: LovageEvent[] = [];
  const open = async (idleMs = 60_000): Promise<Door> => {
    const door = new Door({ record, steering, emit: (event) => void log.push(event), idleMs });
    cleanups.push(() => door.stop());
    await door.start();
    return door;
  };
  return { folder, record, steering, log, open };
}

async function knock(record: string, timeoutMs = bell.timeoutMs): Promise<RemoteSteering> {
  return createRemoteSteering(await ring(record, timeoutMs), { scope: null, label: null });
}

async function ring(record: string, timeoutMs = bell.timeoutMs): Promise<Ask> {
  const ask = await openDoor(record, { ...bell, timeoutMs });
  if (ask === null) throw new Error("nobody is there");
  return ask;
}

async function connected(record: string): Promise<Socket> {
  const socket = connect(doorPlace(record)?.path ?? "");
  await once(socket, "connect");
  return socket.on("error", () => undefined).resume();
}

/** What a client gets that writes what it likes. */
async function rawAnswers(record: string, sent: string | Buffer): Promise<readonly unknown[]> {
  const socket = connect(doorPlace(record)?.path ?? "");
  socket.on("error", () => undefined);
  socket.end(sent);
  const lines = (await text(socket)).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as unknown);
}

describe("the door of a beat-record", () => {
  it("leads to the beat that runs on it, for one request after the other", async () => {
    const { record, steering, open, log } = createStage();
    await open();
    const remote = await knock(record);
    const [status, paused] = await Promise.all([
      remote.status(),
      createRemoteSteering(await ring(record), { scope: "proj", label: null }).pause({
        entries: ["tick"],
        by: "alice@here",
        reason: "Grüße, \u2028 und\nmehr",
      }),
    ]);
    expect(status).toEqual(steering.status());
    expect(paused).toMatchObject([{ entry: "tick" }]);
    await expect(remote.show("tack")).rejects.toMatchObject({ code: "usage", hint: "did you mean tick?" });
    expect(await remote.upcoming(2)).toEqual([]);
    expect(steering.told[0]).toEqual({
      method: "pause",
      with: { entries: ["tick"], by: "alice@here", reason: "Grüße, \u2028 und\nmehr" },
    });
    expect(log).toEqual([]);
  });

  it("is open to its own user only, and goes when beat does", async () => {
    const { record, open } = createStage();
    const door = await open();
    await door.start();
    expect(statSync(`${record}-socket`).mode & 0o777).toBe(0o600);
    expect(lstatSync(`${record}-socket`).isSocket()).toBe(true);
    await door.stop();
    await door.stop();
    expect(existsSync(`${record}-socket`)).toBe(false);
    expect(await openDoor(record, bell)).toBeNull();
  });

  it("is not there for records in memory, on a server, or without a beat, and that is known at once", async () => {
    const { folder, log } = createStage();
    for (const record of [":memory:", "redis://127.0.0.1:1/0", folder.file("nothing"), folder.path]) {
      const door = new Door({ record, steering: stubSteering(), emit: (event) => void log.push(event) });
      await door.start();
      await door.stop();
      expect(await openDoor(record, bell)).toBeNull();
    }
    expect(log).toEqual([]);
    expect(readdirSync(folder.path)).toEqual(["beat-record"]);
  });

  it("takes the place of one that a killed beat has left", async () => {
    const { record, open, log } = createStage();
    const left = createServer();
    left.listen(`${record}-left`);
    await once(left, "listening");
    // A socket that nobody listens to any more, as after a kill.
    const { linkSync } = await import("node:fs");
    linkSync(`${record}-left`, `${record}-socket`);
    left.close();
    expect(await openDoor(record, bell)).toBeNull();
    await open();
    expect(await (await knock(record)).status()).toMatchObject({ leads: true });
    expect(log).toEqual([]);
  });

  it("leaves a file alone that has its name, and says that there is no door", async () => {
    const { record, open, log } = createStage();
    writeFileSync(`${record}-socket`, "mine");
    const door = await open();
    await door.stop();
    expect(statSync(`${record}-socket`).size).toBe(4);
    expect(await openDoor(record, bell)).toBeNull();
    expect(log).toEqual([
      { type: "failure", where: "door of the beat-record", reason: expect.stringContaining("is no socket") as unknown },
    ]);
  });

  it("of a record with a long path is in a folder of its own, which strangers cannot have made", async () => {
    const { record, open, log } = createStage(`${"d".repeat(90)}/beat-record`);
    const place = doorPlace(record);
    expect(place?.path.startsWith(tmpdir())).toBe(true);
    const door = await open();
    expect(statSync(place?.folder ?? "").mode & 0o777).toBe(0o700);
    expect(await (await knock(record)).status()).toMatchObject({ label: "here:1" });
    await door.stop();
    expect(existsSync(place?.folder ?? "")).toBe(false);
    mkdirSync(place?.folder ?? "");
    chmodSync(place?.folder ?? "", 0o777);
    cleanups.push(async () => (await import("node:fs")).rmSync(place?.folder ?? "", { recursive: true }));
    await open();
    expect(log).toMatchObject([{ type: "failure", reason: expect.stringContaining("open to other users") as unknown }]);
  });

  it("is found through a link to the record", async () => {
    const { folder, record, open } = createStage();
    await open();
    symlinkSync(record, folder.file("link"));
    expect(await (await knock(folder.file("link"))).status()).toMatchObject({ label: "here:1" });
  });

  it("tells who asks for another schedule which one this is", async () => {
    const { record, open, steering } = createStage();
    await open();
    const other = createRemoteSteering(await ring(record), { scope: "other", label: null });
    const message = "the beat of this record is here:1, of scope proj";
    const run = { entry: "tick", by: "a@b", reason: null };
    await expect(other.run(run)).rejects.toMatchObject({ code: "usage", message });
    const before = createRemoteSteering(await ring(record), { scope: "proj", label: "here:0" });
    await expect(before.run(run)).rejects.toMatchObject({ code: "standby", message });
    expect(steering.told).toEqual([]);
  });

  it("answers nonsense with what is wrong, and goes on", async () => {
    const { record, open, log } = createStage();
    await open();
    const nonsense = ["", "{", "null", "[]", '{"method": 5}', '{"method": "toString"}', '{"method": "beat_list"}'];
    const good = '{"method": "beat_status", "arguments": {}}';
    const answers = await rawAnswers(record, `${[...nonsense, good].join("\n")}\n`);
    expect(answers).toHaveLength(nonsense.length + 1);
    for (const answer of answers.slice(0, -1)) expect(answer).toMatchObject({ error: expect.any(String) as unknown });
    expect(answers[5]).toMatchObject({ hint: expect.stringContaining("beat_status, beat_list") as unknown });
    expect(answers.at(-1)).toHaveProperty("ok.leads", true);
    expect(await (await knock(record)).status()).toMatchObject({ leads: true });
    expect(log).toEqual([]);
  });

  it("takes lines of a megabyte at most", async () => {
    const { record, open } = createStage();
    await open();
    const padded = (bytes: number): string => '{"method": "beat_status"}'.padEnd(bytes, " ");
    expect(await rawAnswers(record, `${padded(1_048_576)}\n`)).toMatchObject([{ ok: { leads: true } }]);
    expect(await rawAnswers(record, `${padded(1_048_577)}\n`)).toMatchObject([
      { error: "a line of more than 1048576 bytes" },
    ]);
    const endless = await rawAnswers(record, Buffer.alloc(5_000_000, "x"));
    expect(endless).toMatchObject([{ error: "a line of more than 1048576 bytes" }]);
    expect(await (await knock(record)).status()).toMatchObject({ leads: true });
  });

  it("is not kept by who is connected when beat stops, and who waits for an answer learns that none will come", async () => {
    let release: () => void = () => undefined;
    const slow = {
      ...stubSteering(),
      history: () => new Promise<never>((_, reject) => (release = () => reject(new Error("over")))),
    };
    const { record, open } = createStage("beat-record", slow);
    const door = await open();
    const waiting = (await knock(record)).history("tick", 5);
    const idle: Socket = connect(`${record}-socket`);
    await once(idle, "connect");
    await knock(record).then((remote) => remote.status());
    const [, told] = await Promise.allSettled([door.stop(), waiting]);
    expect(told).toMatchObject({ reason: { message: expect.stringContaining("ended before it answered") as unknown } });
    release();
    idle.destroy();
  });

  it("does not leave who asks waiting when beat hangs", async () => {
    const hanging = { ...stubSteering(), history: () => new Promise<never>(() => undefined) };
    const { record, open } = createStage("beat-record", hanging);
    await open();
    const remote = await knock(record, 50);
    await expect(remote.history("tick", 5)).rejects.toThrow("has not answered for 0.05 s");
    expect(await remote.status()).toMatchObject({ leads: true });
  });

  it("serves 256 clients at once, and the next when one of them has gone", async () => {
    const { record, open } = createStage();
    await open();
    const idle = await Promise.all(Array.from({ length: 256 }, () => connected(record)));
    await expect((await knock(record)).status()).rejects.toMatchObject({
      code: "store",
      message: expect.stringContaining("ended before it answered") as unknown,
    });
    for (const socket of idle) socket.destroy();
    const status = await waitUntil(async () => (await knock(record)).status(), { what: "an answer" });
    expect(status).toMatchObject({ leads: true });
  });

  it("lets go who says nothing, answers who has nothing more to say, and does not take one for idle whose answer takes its time", async () => {
    let answer: () => void = () => undefined;
    const slow = { ...stubSteering(), history: () => new Promise<never[]>((resolve) => (answer = () => resolve([]))) };
    const { record, open } = createStage("beat-record", slow);
    await open(20);
    const idle = await connected(record);
    const asked = rawAnswers(record, '{"method": "beat_history", "arguments": {"entry": "tick", "limit": 5}}\n');
    await once(idle, "close");
    answer();
    expect(await asked).toEqual([{ ok: [] }]);
  });

  it("is knocked at anew for each request, so that nobody loses his place by thinking", async () => {
    const { record, open } = createStage();
    await open(20);
    const remote = await knock(record);
    await once(await connected(record), "close");
    expect(await remote.status()).toMatchObject({ leads: true });
    await once(await connected(record), "close");
    expect(await remote.upcoming(1)).toEqual([]);
  });
});
