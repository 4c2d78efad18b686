// What must hold of the list of revoked tasks: its bounds, and that its file outlives any death of the worker.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { LovageEvent } from "../../src/event.ts";
import { RevokedTasks, openRevoked, revokedLimits } from "../../src/worker/revoked.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const startAt = Date.UTC(2026, 10, 21, 9);

function stage(): { clock: ManualClock; events: LovageEvent[]; emit: (event: LovageEvent) => void } {
  const events: LovageEvent[] = [];
  return { clock: new ManualClock(startAt), events, emit: (event) => void events.push(event) };
}

interface Child {
  readonly process: ChildProcess;
  readonly said: () => string;
}

function startChild(path: string, user: { uid?: number; gid?: number } = {}): Child {
  const script = fileURLToPath(new URL("revoked-child.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, path], {
    stdio: ["ignore", "pipe", "inherit"],
    ...user,
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  return { process: child, said: () => said };
}

function lastSaved(said: string): number {
  return Number([...said.matchAll(/^saved (\d+)\n/gm)].at(-1)?.[1] ?? 0);
}

describe("RevokedTasks", () => {
  it("knows what was revoked, newest last", () => {
    const revoked = new RevokedTasks();
    revoked.add(["a", "b"], 1);
    revoked.add(["a"], 2);
    expect([revoked.has("a"), revoked.has("b"), revoked.has("c")]).toEqual([true, true, false]);
    expect(revoked.ids).toEqual(["b", "a"]);
  });

  it("keeps the newest 50,000", () => {
    const revoked = new RevokedTasks();
    revoked.add(
      Array.from({ length: 50_010 }, (_, index) => `task ${index}`),
      1,
    );
    expect(revoked.ids).toHaveLength(50_000);
    expect([revoked.has("task 9"), revoked.has("task 10"), revoked.has("task 50009")]).toEqual([false, true, true]);
  });

  it("forgets after three hours, counted from the last time it was revoked", () => {
    const revoked = new RevokedTasks();
    const hourMs = 3_600_000;
    revoked.add(["a", "b"], 0);
    revoked.add(["a"], 2 * hourMs);
    revoked.add([], 3 * hourMs - 1);
    expect(revoked.ids).toEqual(["b", "a"]);
    revoked.add(["c"], 3 * hourMs);
    expect(revoked.ids).toEqual(["a", "c"]);
  });

  it("takes its limits from Celery's names in the environment", () => {
    expect(revokedLimits({})).toEqual({ maxCount: 50_000, expiresMs: 10_800_000 });
    const environment = { CELERY_WORKER_REVOKES_MAX: "2", CELERY_WORKER_REVOKE_EXPIRES: "60" };
    const revoked = new RevokedTasks(revokedLimits(environment));
    revoked.add(["a"], 0);
    revoked.add(["b", "c", "d"], 60_000);
    expect(revoked.ids).toEqual(["c", "d"]);
    expect(() => revokedLimits({ CELERY_WORKER_REVOKES_MAX: "many" })).toThrow("CELERY_WORKER_REVOKES_MAX=many");
  });
});

describe("openRevoked", () => {
  it("keeps nothing on disk without a file", async () => {
    const { clock, emit, events } = stage();
    const revoked = await openRevoked(null, clock, { emit });
    revoked.add(["a"], clock.now());
    await revoked.save();
    expect(clock.sleepers).toBe(0);
    expect(events).toEqual([]);
    expect(revoked.has("a")).toBe(true);
  });

  it("has what was saved when it is opened again, but for what expired meanwhile", async () => {
    await using folder = temporaryFolder();
    const { clock, emit, events } = stage();
    const first = await openRevoked(folder.file("state"), clock, { emit });
    first.add(["a", "é ☃"], clock.now());
    clock.jump(60_000);
    first.add(["b"], clock.now());
    await first.save();
    const second = await openRevoked(folder.file("state"), clock, { emit });
    expect(second.ids).toEqual(["a", "é ☃", "b"]);
    clock.jump(10_800_000 - 60_000);
    expect((await openRevoked(folder.file("state"), clock, { emit })).ids).toEqual(["b"]);
    expect(events).toEqual([]);
    expect(await readdir(folder.path)).toEqual(["state"]);
  });

  it("writes a second after a change, once for many changes, and no later for more of them", async () => {
    await using folder = temporaryFolder();
    const { clock, emit } = stage();
    const revoked = await openRevoked(folder.file("state"), clock, { emit });
    revoked.add(["a"], clock.now());
    await clock.advance(600);
    revoked.add(["b"], clock.now());
    expect(clock.sleepers).toBe(1);
    await clock.advance(399);
    expect(await readFile(folder.file("state"), "utf8")).not.toContain('"a"');
    await clock.advance(1);
    await waitUntil(async () => (await readFile(folder.file("state"), "utf8")).includes('"b"'), { what: "the file" });
    expect((await openRevoked(folder.file("state"), clock, { emit })).ids).toEqual(["a", "b"]);
  });

  it("leaves no timer behind when it has saved", async () => {
    await using folder = temporaryFolder();
    const { clock, emit } = stage();
    const revoked = await openRevoked(folder.file("state"), clock, { emit });
    revoked.add(["a"], clock.now());
    await revoked.save();
    expect(clock.sleepers).toBe(0);
  });

  it("ends with the newest state when saves overlap", async () => {
    await using folder = temporaryFolder();
    const { clock, emit } = stage();
    const revoked = await openRevoked(folder.file("state"), clock, { emit });
    const saves: Promise<void>[] = [];
    for (let index = 0; index < 20; index += 1) {
      revoked.add([`task ${index}`], clock.now());
      saves.push(revoked.save());
    }
    await Promise.all(saves);
    expect((await openRevoked(folder.file("state"), clock, { emit })).ids).toHaveLength(20);
    expect(await readdir(folder.path)).toEqual(["state"]);
  });

  it.each(["{", "null", "[]", "SQLite format 3\0", "buy milk"])(
    "refuses a file with %j, which is none of its own, and leaves it as it is",
    async (content) => {
      await using folder = temporaryFolder();
      await writeFile(folder.file("state"), content);
      const { clock, emit } = stage();
      await expect(openRevoked(folder.file("state"), clock, { emit })).rejects.toThrow("it is left as it is");
      expect(await readFile(folder.file("state"), "utf8")).toBe(content);
      expect(await readdir(folder.path)).toEqual(["state"]);
    },
  );

  it("takes an empty file for a new one", async () => {
    await using folder = temporaryFolder();
    await writeFile(folder.file("state"), "");
    const { clock, emit } = stage();
    expect((await openRevoked(folder.file("state"), clock, { emit })).ids).toEqual([]);
  });

  it.each(['{"revoked"', '{"revoked": ', '{"revoked": [["a"]]}'])(
    "moves a file with %j aside, says so once, and begins anew",
    async (content) => {
      await using folder = temporaryFolder();
      await writeFile(folder.file("state"), content);
      const { clock, emit, events } = stage();
      const revoked = await openRevoked(folder.file("state"), clock, { emit });
      expect(revoked.ids).toEqual([]);
      expect(await readFile(folder.file("state.corrupt-20261121T090000Z"), "utf8")).toBe(content);
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject({ type: "failure", where: "--statedb" });
      expect(JSON.stringify(events[0])).toContain(folder.file("state.corrupt-20261121T090000Z"));
    },
  );

  it("names the folder that does not exist, or the folder in the file's place, before any task is revoked", async () => {
    await using folder = temporaryFolder();
    const { clock, emit } = stage();
    const away = openRevoked(folder.file("none/state"), clock, { emit });
    await expect(away).rejects.toThrow(`the folder ${folder.file("none")} of --statedb does not exist`);
    await expect(openRevoked(folder.path, clock, { emit })).rejects.toThrow(`${folder.path} of --statedb is a folder`);
  });

  it("names path and user when it may not write", async () => {
    await using folder = temporaryFolder();
    // Root may write anywhere.
    await chmod(folder.path, 0o555);
    const child = startChild(folder.file("state"), process.geteuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {});
    await once(child.process, "close");
    expect(child.said()).toMatch(/^cannot write .*state of --statedb: permission denied for (user|uid) \S+$/m);
    expect(child.said()).toContain(folder.file("state"));
  });

  it("is whole whenever it is killed, and has all that was saved", async () => {
    await using folder = temporaryFolder();
    const { clock, emit, events } = stage();
    let saved = 0;
    for (const saves of [1, 3, 10]) {
      const child = startChild(folder.file("state"));
      await waitUntil(() => lastSaved(child.said()) >= saved + saves, { what: "saves", detail: child.said });
      child.process.kill("SIGKILL");
      await once(child.process, "close");
      const known = await openRevoked(folder.file("state"), clock, { emit });
      saved = lastSaved(child.said());
      expect([saved, saved + 1]).toContain(known.ids.length);
      expect(known.has(`task ${saved}`)).toBe(true);
      saved = known.ids.length;
    }
    expect(events).toEqual([]);
  });

  it("tells of a write that fails while it runs, and writes all of it when it can", async () => {
    await using folder = temporaryFolder();
    const { clock, emit, events } = stage();
    const revoked = await openRevoked(folder.file("state"), clock, { emit });
    const temporary = folder.file(`state.${process.pid}.tmp`);
    await mkdir(`${temporary}/in-the-way`, { recursive: true });
    revoked.add(["a"], clock.now());
    await revoked.save();
    expect(events).toMatchObject([{ type: "failure", where: "--statedb" }]);
    expect(revoked.has("a")).toBe(true);
    await rm(temporary, { recursive: true });
    await revoked.save();
    expect((await openRevoked(folder.file("state"), clock, { emit })).ids).toEqual(["a"]);
  });
});
