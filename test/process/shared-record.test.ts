import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import { openStoreReadOnly } from "../../src/store/open.ts";
import { type BeatProcess, runBeat, startBeat, writeFiles } from "../helper/beat-process.ts";
import { requireService } from "../helper/debian.ts";
import { freePort } from "../helper/port.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const schedule = "entries:\n  tick: {task: proj.t, schedule: '* * * * * *', missed: all}\n";

/** The due times of what is on the queue, in seconds, in order. */
async function dueSeconds(server: RedisServer): Promise<readonly number[]> {
  const texts = (await server.client().lrange("celery", 0, -1)).reverse();
  return texts.map((text) => Date.parse(String(decodeMessage(text).envelope.headers["scheduled_at"])) / 1000);
}

async function sendsMore(server: RedisServer): Promise<void> {
  const before = (await dueSeconds(server)).length;
  await waitUntil(async () => (await dueSeconds(server)).length >= before + 3, {
    what: "more ticks",
    timeoutMs: 30_000,
  });
}

describe.skipIf(!requireService("redis"))("a beat-record in Redis", () => {
  it("is waited for, and goes from beat to beat: kept whole over a leader that wakes too late and one that is killed", async () => {
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/a.yaml": schedule });
    const port = await freePort();
    const url = `redis://127.0.0.1:${port}/0`;
    const args = ["-q", "-b", url, "-s", url, "--scope", "fleet"];
    const start = (): Promise<BeatProcess> => startBeat(args, folder.path);

    await using first = await start();
    await first.saw("connection refused");
    await using server = await startRedis({ port });
    await first.saw("leading scope fleet");
    await using second = await start();
    await second.saw("standing by");
    await sendsMore(server);

    first.signal("SIGSTOP");
    await second.saw("leading scope fleet", 30_000);
    await sendsMore(server);
    first.signal("SIGCONT");
    await first.saw("standing by");
    await sendsMore(server);

    await second.stop("SIGKILL");
    await waitUntil(() => first.output().split("leading scope fleet").length === 3, {
      what: "the first beat to lead again",
      timeoutMs: 30_000,
      detail: first.output,
    });
    await sendsMore(server);
    await first.stop();

    const seconds = await dueSeconds(server);
    expect(seconds).toEqual(seconds.map((_, index) => (seconds[0] ?? 0) + index));
    const store = await openStoreReadOnly(url, { scope: "fleet" });
    const { runs = 0, lastDueAt } = (await store.load()).entries.get("tick") ?? {};
    expect(lastDueAt).toBe((seconds.at(-1) ?? 0) * 1000);
    expect(runs).toBeGreaterThanOrEqual(seconds.length - 2);
    expect(runs).toBeLessThanOrEqual(seconds.length);
    const recorded = (await store.history("tick", 100)).filter(({ outcome }) => outcome === "sent");
    const known = recorded.map(({ dueAt }) => dueAt / 1000).reverse();
    expect(known.length).toBeGreaterThanOrEqual(seconds.length - 2);
    expect(known).toEqual(seconds.filter((second) => known.includes(second)));
    await store.close();
    const listed = await runBeat(["list", ...args.slice(1)], folder.path);
    expect(listed.output).toMatch(new RegExp(`tick +proj\\.t .* ${runs} `));
    expect(readdirSync(folder.path)).toEqual(["schedules"]);
    expect(existsSync(`${folder.path}/redis:`)).toBe(false);
  });
});
