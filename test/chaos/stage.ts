// Where it happens: beats on hosts of their own, a Redis that keeps what it has acknowledged, and hands to break them.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import { type Fleet, type FleetBeat, gatherFleet } from "../helper/fleet.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { type ChaosEntry, reschedule, scheduleFile } from "./entries.ts";
import type { Random } from "./random.ts";
import type { Action, BeatMisfortune, Target } from "./script.ts";

export const scope = "chaos";
/** What was acknowledged is on the disk. */
const durable = ["--appendonly", "yes", "--appendfsync", "always"];
const scheduleName = "all.yaml";

export interface StageOptions {
  readonly folder: string;
  readonly beats: number;
  readonly entries: readonly ChaosEntry[];
  /** For what an edit changes. */
  readonly random: Random;
  readonly say: (line: string) => void;
}

export class Stage implements AsyncDisposable {
  readonly fleet: Fleet;
  /** Beats that ended without being asked to. */
  readonly surprises: string[] = [];
  /** The entries as edited last. */
  entries: readonly ChaosEntry[];
  redis: RedisServer;
  readonly #options: StageOptions;
  /** What happens to one and the same happens in turns. */
  readonly #turns = new Map<FleetBeat | "redis" | "files", Promise<void>>();
  #edition = 0;

  private constructor(options: StageOptions, redis: RedisServer, fleet: Fleet) {
    this.#options = options;
    this.entries = options.entries;
    this.redis = redis;
    this.fleet = fleet;
  }

  static async open(options: StageOptions): Promise<Stage> {
    const { folder, beats: size, entries } = options;
    const redis = await openRedis(folder);
    const schedules = { [scheduleName]: scheduleFile(entries, 0) };
    return new Stage(options, redis, await gatherFleet({ folder, scope, size, schedules, broker: redis.port }));
  }

  /** Returns at once; what takes its time goes on in the background. */
  begin(action: Action): void {
    if ("target" in action) {
      const beat = this.#find(action.target);
      this.#takeTurn(beat, () => this.#harm(beat, action));
    } else if (action.kind === "edit") this.#takeTurn("files", () => this.#edit());
    else this.#takeTurn("redis", () => this.#restartRedis(action.kind === "redis-kill", action.forMs));
  }

  /** Everything whole again: all that was begun has ended, links pass, clocks are right, all beats run. */
  async heal(): Promise<void> {
    await Promise.all(this.#turns.values());
    for (const beat of this.fleet.beats) {
      beat.link?.heal();
      beat.setClock(0);
      if (!beat.isRunning) await this.#revive(beat, 0);
    }
  }

  /** A clean end for all; the standbys first, so that nobody takes over any more. */
  async close(): Promise<void> {
    const inTurn = [...this.fleet.beats].sort((left, right) => Number(left.leads) - Number(right.leads));
    for (const beat of inTurn) {
      await this.#end(beat, "SIGTERM");
      if (beat.exitCode !== 0) this.surprises.push(`${beat.name} ended with ${beat.exitCode} on SIGTERM`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#turns.values());
    await this.fleet[Symbol.asyncDispose]();
    await this.redis.stop();
  }

  #takeTurn(who: FleetBeat | "redis" | "files", act: () => Promise<void>): void {
    const turn = (this.#turns.get(who) ?? Promise.resolve()).then(act).catch((error: unknown) => {
      this.surprises.push(`the stage itself failed: ${String(error)}`);
    });
    this.#turns.set(who, turn);
  }

  /** Of several that believe to lead, the one who began last. */
  #find(target: Target): FleetBeat {
    if (target !== "leader") return this.fleet.beat(target);
    const termOf = (beat: FleetBeat): number => Number(beat.log.of("beat-started").at(-1)?.["term"] ?? 0);
    const leaders = [...this.fleet.leaders].sort((left, right) => termOf(right) - termOf(left));
    return leaders[0] ?? this.fleet.beat(0);
  }

  async #harm(beat: FleetBeat, action: BeatMisfortune): Promise<void> {
    switch (action.kind) {
      case "kill":
      case "stop":
        await this.#end(beat, action.kind === "kill" ? "SIGKILL" : "SIGTERM");
        return this.#revive(beat, action.forMs);
      case "freeze":
        beat.freeze();
        await systemClock.sleep(action.forMs);
        return beat.thaw();
      case "clock":
        return beat.setClock(action.byMs);
      case "cut":
        return beat.link?.cut();
      case "stall":
      case "refuse":
      case "loseAnswers":
        beat.link?.[action.kind]();
        await systemClock.sleep(action.forMs);
        return beat.link?.heal();
    }
  }

  async #end(beat: FleetBeat, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (!beat.isRunning) this.surprises.push(`${beat.name} ended by itself with ${beat.exitCode}: ${beat.output}`);
    await beat.end(signal);
  }

  async #revive(beat: FleetBeat, forMs: number): Promise<void> {
    await systemClock.sleep(forMs);
    await beat.start();
  }

  async #restartRedis(isKilled: boolean, forMs: number): Promise<void> {
    await (isKilled ? this.redis.kill() : this.redis.stop());
    await systemClock.sleep(forMs);
    this.redis = await openRedis(this.#options.folder, this.redis.port);
  }

  /** Other arguments for all, which moves nothing in time, and another schedule for one of those that may be edited. */
  async #edit(): Promise<void> {
    const { random, folder } = this.#options;
    this.#edition += 1;
    const edited = random.pick(this.entries.filter(({ mayLack }) => mayLack === "edited"));
    this.entries = this.entries.map((entry) => (entry === edited ? reschedule(entry, random) : entry));
    const fresh = join(folder, "edited.yaml");
    await writeFile(fresh, scheduleFile(this.entries, this.#edition));
    await rename(fresh, join(this.fleet.schedules, scheduleName));
  }
}

async function openRedis(folder: string, port?: number): Promise<RedisServer> {
  const dir = join(folder, "redis");
  await mkdir(dir, { recursive: true });
  return startRedis({ dir, args: durable, ...(port === undefined ? {} : { port }) });
}
