import { describe, expect, it } from "vitest";
import { requireService } from "../helper/debian.ts";
import { startBeat } from "../helper/beat-process.ts";
import { type FleetBeat, type Fleet, gatherFleet } from "../helper/fleet.ts";
import { faultsOfSeconds, type Sent, sentOnRedis, sentOnSqlite } from "../helper/fleet-messages.ts";
import { startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";
import { projectFolder, startWorker } from "../helper/worker-process.ts";

const leaseMs = 10_000;
const names = Array.from({ length: 20 }, (_, index) => `e${index}`);
/** Due on every second, and all that was missed is made up: whatever is not there was lost. */
const entries = names.map((name) => `  ${name}: {task: proj.t, schedule: "* * * * * *", missed: all}`).join("\n");
const everySecond = `entries:\n${entries}\n`;
const flawless = { doubled: [], lost: [], disordered: [] };

/** What every takeover is judged by: all of it is there, once, and it went on after the takeover. */
async function expectWhole(read: () => Promise<readonly Sent[]> | readonly Sent[], sinceAt: number): Promise<void> {
  const sent = await waitUntil(
    async () => {
      const found = await read();
      const latest = new Map(found.map(({ entry, dueAt }) => [entry, dueAt] as const));
      return names.every((name) => (latest.get(name) ?? 0) > sinceAt + 2000) && found;
    },
    { what: "all entries to run after the takeover", timeoutMs: 20_000, everyMs: 200 },
  );
  expect(faultsOfSeconds(sent)).toEqual(flawless);
}

interface Takeover {
  readonly next: FleetBeat;
  readonly tookMs: number;
}

/** Does something to the leader, and waits for another beat to lead. */
async function takeover(fleet: Fleet, change: () => unknown): Promise<Takeover> {
  const others = fleet.beats.filter((beat) => !beat.leads && beat.isRunning);
  const from = others.map((beat) => beat.log.events().length);
  const startedAt = performance.now();
  const started = others.map(async (beat, index) => {
    await beat.saw("beat-started", { from: from[index] ?? 0, timeoutMs: 40_000 });
    return { next: beat, tookMs: performance.now() - startedAt };
  });
  await change();
  const first = await Promise.any(started);
  // Whoever stands by still waits; that it waits in vain is no failure.
  for (const other of started) other.catch(() => undefined);
  return first;
}

describe
  .skipIf(!requireService("redis"))
  .concurrent("several beats on one Redis, nothing shared but the broker", () => {
    async function onRedis(size: number) {
      const redis = await startRedis();
      const folder = temporaryFolder();
      const schedules = { "all.yaml": everySecond };
      const fleet = await gatherFleet({ folder: folder.path, scope: "proj", size, schedules, broker: redis.port });
      await fleet.startAll();
      await fleet.beat(0).saw("occurrence-sent");
      const client = redis.client();
      return {
        redis,
        fleet,
        read: () => sentOnRedis(client),
        [Symbol.asyncDispose]: async () => {
          await fleet[Symbol.asyncDispose]();
          await redis.stop();
          await folder[Symbol.asyncDispose]();
        },
      };
    }

    it("one leads, and the others say who", async () => {
      await using stage = await onRedis(3);
      const [leader, ...others] = stage.fleet.beats;
      expect(stage.fleet.leaders).toEqual([leader]);
      for (const other of others) {
        const { leader: who, scope } = await other.saw("beat-standby");
        expect(who).toMatch(new RegExp(`\\b${leader?.pid}$`));
        expect(scope).toBe("proj");
        expect(other.log.of("occurrence-sent")).toEqual([]);
      }
      await expectWhole(stage.read, 0);
    });

    it("a clean stop hands over at once, far within the lease; and again", async () => {
      await using stage = await onRedis(3);
      const first = stage.fleet.beat(0);
      const second = await takeover(stage.fleet, () => first.end("SIGTERM"));
      expect(first.exitCode).toBe(0);
      expect(second.tookMs).toBeLessThan(2500);
      const third = await takeover(stage.fleet, () => second.next.end("SIGTERM"));
      expect(third.tookMs).toBeLessThan(2500);
      await expectWhole(stage.read, Date.now());
    });

    it("after SIGKILL another leads within the lease and a second; what was missed is made up from the marks", async () => {
      await using stage = await onRedis(2);
      const { next, tookMs } = await takeover(stage.fleet, () => stage.fleet.beat(0).end("SIGKILL"));
      expect(tookMs).toBeLessThan(leaseMs + 1000);
      await expectWhole(stage.read, Date.now());
      // A beat that comes back stands by.
      const back = stage.fleet.beat(0);
      const from = back.log.events().length;
      await back.start();
      await back.saw("beat-standby", { from });
      expect(stage.fleet.leaders).toEqual([next]);
    });

    it("a leader that is stopped by SIGSTOP loses the lead, and publishes nothing more when it wakes", async () => {
      await using stage = await onRedis(2);
      const sleeper = stage.fleet.beat(0);
      const { tookMs } = await takeover(stage.fleet, () => sleeper.freeze());
      expect(tookMs).toBeLessThan(leaseMs + 1000);
      const from = sleeper.log.events().length;
      const wokenAt = Date.now();
      sleeper.thaw();
      await sleeper.saw("beat-standby", { from });
      await expectWhole(stage.read, wokenAt);
      const after = sleeper.log.events().slice(from);
      expect(after.filter(({ event }) => event === "occurrence-sent")).toEqual([]);
      expect(after.map(({ event }) => event)).toContain("beat-lost-lease");
    });

    for (const how of ["stall", "refuse", "loseAnswers"] as const) {
      it(`a leader that alone loses the network (${how}) is followed by another, and nothing is doubled when it is back`, async () => {
        await using stage = await onRedis(2);
        const lonely = stage.fleet.beat(0);
        const { tookMs } = await takeover(stage.fleet, () => lonely.link?.[how]());
        // A renewal that arrived, and whose answer was lost, counts: so up to a quarter of the lease more.
        expect(tookMs).toBeLessThan((how === "loseAnswers" ? 5 / 4 : 1) * leaseMs + 1000);
        const from = lonely.log.events().length;
        const healedAt = Date.now();
        lonely.link?.heal();
        await lonely.saw("beat-standby", { from });
        await expectWhole(stage.read, healedAt);
      });
    }

    it("worker -B twice and a beat are one schedule: one leads, and the next takes over", async () => {
      await using redis = await startRedis();
      await using folder = await projectFolder({ "schedules/a.yaml": everySecond });
      const args = ["-A", "proj", "-b", redis.url, "-q"];
      const worker = [...args, "-P", "solo", "-Q", "other", "-B", "--without-heartbeat"];
      await using first = await startWorker([...worker, "-n", "w1@%h", "-s", "one"], folder.path);
      await first.saw("leading scope proj");
      await using second = await startWorker([...worker, "-n", "w2@%h", "-s", "two"], folder.path);
      await second.saw(/standing by: \S+ leads scope proj/);
      await using beat = await startBeat([...args, "-s", "three"], folder.path);
      await beat.saw(/standing by: \S+ leads scope proj/);
      await first.stop("SIGTERM");
      await waitUntil(() => /leading scope proj/.test(second.output() + beat.output()), { what: "another to lead" });
      const leading = [second, beat].filter((one) => one.output().includes("leading scope proj"));
      expect(leading).toHaveLength(1);
      await leading[0]?.stop("SIGTERM");
      const last = leading[0] === beat ? second : beat;
      await last.saw("leading scope proj");
      const client = redis.client();
      await expectWhole(() => sentOnRedis(client), Date.now());
    });
  });

describe.concurrent("two beats on one broker file, each with a beat-record of its own", () => {
  async function onSqlite() {
    const folder = temporaryFolder();
    const file = folder.file("broker.sqlite");
    const schedules = { "all.yaml": everySecond };
    const broker = `sqlite:///${file}`;
    const fleet = await gatherFleet({ folder: folder.path, scope: "proj", size: 2, schedules, broker });
    await fleet.startAll();
    await fleet.beat(0).saw("occurrence-sent");
    return {
      fleet,
      read: () => sentOnSqlite(file),
      [Symbol.asyncDispose]: async () => {
        await fleet[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      },
    };
  }

  it("a clean stop hands over at once", async () => {
    await using stage = await onSqlite();
    const { tookMs } = await takeover(stage.fleet, () => stage.fleet.beat(0).end("SIGTERM"));
    expect(tookMs).toBeLessThan(2500);
    await expectWhole(stage.read, Date.now());
  });

  it("after SIGKILL the other leads within the lease and a second", async () => {
    await using stage = await onSqlite();
    const { tookMs } = await takeover(stage.fleet, () => stage.fleet.beat(0).end("SIGKILL"));
    expect(tookMs).toBeLessThan(leaseMs + 1000);
    await expectWhole(stage.read, Date.now());
  });

  it("after SIGSTOP the other leads, and the one that wakes publishes nothing more", async () => {
    await using stage = await onSqlite();
    const sleeper = stage.fleet.beat(0);
    const { tookMs } = await takeover(stage.fleet, () => sleeper.freeze());
    expect(tookMs).toBeLessThan(leaseMs + 1000);
    const from = sleeper.log.events().length;
    const wokenAt = Date.now();
    sleeper.thaw();
    await sleeper.saw("beat-standby", { from });
    await expectWhole(stage.read, wokenAt);
    expect(
      sleeper.log
        .events()
        .slice(from)
        .some(({ event }) => event === "occurrence-sent"),
    ).toBe(false);
  });
});
