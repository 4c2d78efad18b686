// One run from its seed: everything breaks for a while, then everything heals, and then it is counted.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { systemClock } from "../../src/clock.ts";
import { sentOnRedis } from "../helper/fleet-messages.ts";
import { audit, type Findings, faultsOf } from "./audit.ts";
import { longestSpanMs, makeBurst, makeEntries } from "./entries.ts";
import { randomFrom } from "./random.ts";
import { type Action, describeAction, leaseMs, writeScript } from "./script.ts";
import { scope, Stage } from "./stage.ts";
import { watchSilence } from "./silence.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly beats: number;
  readonly entries: number;
  /** So many entries more, all due on the same second, every ten of them. */
  readonly burst: number;
  /** How long misfortunes happen, in milliseconds; healing and counting come on top. */
  readonly lengthMs: number;
  /** Between two misfortunes, on average. */
  readonly gapMs: number;
  /** How far a clock may be off, in milliseconds. */
  readonly skewMs: number;
  /** Logs, records, the script and the Redis data stay in it. */
  readonly folder: string;
  readonly say: (line: string) => void;
}

export interface ChaosReport extends Findings {
  readonly actions: readonly Action[];
  readonly messages: number;
  readonly longestSilenceMs: number;
  readonly faults: readonly string[];
}

const recoveryMs = 90_000;
/** Time for the beats to be on time again. */
const settlingMs = 3000;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, folder, say } = options;
  const actions = writeScript(options, randomFrom(seed));
  const entries = [...makeEntries(options.entries, randomFrom(seed + 1)), ...makeBurst(options.burst)];
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "script.txt"), `seed ${seed}\n${actions.map(describeAction).join("\n")}\n`);
  await using stage = await Stage.open({ ...options, entries, random: randomFrom(seed + 2) });
  await stage.fleet.startAll();
  await stage.fleet.beat(0).saw("occurrence-sent");
  const client = new Redis({
    port: stage.redis.port,
    host: "127.0.0.1",
    retryStrategy: () => 100,
    maxRetriesPerRequest: 0,
  });
  client.on("error", () => undefined);
  const silence = watchSilence(client);
  await play(stage, actions, say);
  await stage.heal();
  say("healing");
  const recovered = await recover(stage, client);
  await stage.close();
  const longestSilenceMs = silence.stop();
  const sent = await sentOnRedis(client);
  client.disconnect();
  const logs = new Map(stage.fleet.beats.map((beat) => [beat.name, beat.log.events()]));
  const findings = audit({ entries: stage.entries, sent, logs, untilAt: recovered.untilAt });
  const faults = [...stage.surprises, ...recovered.faults, ...faultsOf(findings)];
  if (faults.length > 0) await writeFile(join(folder, "faults.txt"), `${faults.join("\n")}\n`);
  await writeFile(join(folder, "sent.json"), JSON.stringify(sent));
  return { ...findings, actions, messages: sent.length, longestSilenceMs, faults };
}

async function play(stage: Stage, actions: readonly Action[], say: (line: string) => void): Promise<void> {
  const startedAt = systemClock.monotonic();
  for (const action of actions) {
    await systemClock.sleep(action.atMs - (systemClock.monotonic() - startedAt));
    say(describeAction(action));
    stage.begin(action);
  }
}

/**
 * Until the marks of all entries are as far as the true time: clocks that ran ahead are caught up with, the rest made up. Not
 * before each entry was due by clocks that are right: what went by a wrong one until just now may look stuck, and is only late.
 */
async function recover(stage: Stage, client: Redis): Promise<{ faults: readonly string[]; untilAt: number }> {
  await systemClock.sleep(leaseMs + Math.max(...stage.entries.map(longestSpanMs)));
  const limitAt = systemClock.monotonic() + recoveryMs;
  for (;;) {
    const marks = await client.hgetall(`lovage:${scope}:marks`).catch((): Record<string, string> => ({}));
    const now = systemClock.now();
    const behind = stage.entries.filter((entry) => {
      const markAt = Number(marks[entry.name] ?? 0);
      return markAt > now || markAt < now - longestSpanMs(entry) - settlingMs / 2;
    });
    if (behind.length === 0) {
      await systemClock.sleep(settlingMs);
      return { faults: [], untilAt: systemClock.now() - settlingMs / 2 };
    }
    if (systemClock.monotonic() > limitAt) {
      const names = behind.slice(0, 5).map(({ name }) => `${name} marked ${marks[name]}`);
      const fault = `${behind.length} entries had not recovered after ${recoveryMs} ms: ${names.join(", ")}`;
      return { faults: [fault], untilAt: now };
    }
    await systemClock.sleep(250);
  }
}
