// A day of beat in about a minute: real Redis, real beat-records, simulated time. Prints one JSON object: what there was every
// hour of memory and keys, and whether every occurrence was sent once. Run with --expose-gc; see soak.test.ts.
import { statSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { App } from "../../src/app/app.ts";
import { Beat } from "../../src/beat/beat.ts";
import { createBeatEnvelope } from "../../src/beat/envelope.ts";
import { openBroker } from "../../src/broker/open.ts";
import type { Entry } from "../../src/schedule/entry.ts";
import { crontab } from "../../src/schedule/crontab.ts";
import { every } from "../../src/schedule/interval.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { entryOf, startAt } from "../helper/beat-stage.ts";
import { sentOnRedis } from "../helper/fleet-messages.ts";
import { BusyClock } from "./busy-clock.ts";

export interface Hour {
  readonly hour: number;
  readonly heapBytes: number;
  readonly redisBytes: number;
  /** Of Redis: every key, with the number of its members. */
  readonly keys: Readonly<Record<string, number>>;
  readonly recordBytes: number;
  readonly sent: number;
}

export interface Day {
  readonly hours: readonly Hour[];
  readonly entries: number;
  readonly sent: number;
  /** In words: what was not the next occurrence of its entry. */
  readonly faults: readonly string[];
  readonly events: Readonly<Record<string, number>>;
  readonly tookMs: number;
}

const hourMs = 3_600_000;
const drainMs = 600_000;
const scope = "soak";
const handoverHour = 12;

/** Some hundred, of the usual kinds: a minute to a day apart. */
function makeEntries(): readonly Entry[] {
  const schedules: Schedule[] = [
    ...Array.from({ length: 10 }, (_, index) => every(60 + index)),
    ...Array.from({ length: 60 }, (_, index) => every(600 + 60 * index)),
    ...Array.from({ length: 60 }, () => crontab("*/5 * * * *")),
    ...Array.from({ length: 120 }, (_, index) => crontab(`${index % 60} * * * *`)),
    ...Array.from({ length: 40 }, (_, index) => crontab(`30 ${index % 24} * * *`, { timezone: "Europe/Berlin" })),
    ...Array.from({ length: 10 }, () => crontab("* * * * *")),
  ];
  return schedules.map((schedule, index) =>
    entryOf({ name: `e${index}`, task: "proj.t", args: [index], schedule, missed: "all" }),
  );
}

/** Every occurrence of every entry is expected in turn. */
class Tally {
  readonly faults: string[] = [];
  sent = 0;
  readonly #expected = new Map<string, { readonly schedule: Schedule; nextAt: number | null }>();

  constructor(entries: readonly Entry[]) {
    for (const { name, schedule } of entries) {
      const grid = schedule.bind?.({ anchorAt: startAt, timezone: "UTC" }) ?? schedule;
      this.#expected.set(name, { schedule: grid, nextAt: grid.next(startAt) });
    }
  }

  add(entry: string, dueAt: number): void {
    const expected = this.#expected.get(entry);
    this.sent += 1;
    if (expected?.nextAt !== dueAt) this.faults.push(`${entry}: ${dueAt} came, ${expected?.nextAt} was next`);
    if (expected !== undefined) expected.nextAt = expected.schedule.next(dueAt);
  }

  /** What should have come by then. */
  close(at: number): void {
    for (const [entry, { nextAt }] of this.#expected) {
      if (nextAt !== null && nextAt <= at) this.faults.push(`${entry}: ${nextAt} never came`);
    }
  }
}

interface Host {
  readonly beat: Beat;
  readonly close: () => Promise<void>;
}

class Soak {
  readonly clock = new BusyClock(startAt);
  readonly entries = makeEntries();
  readonly tally = new Tally(this.entries);
  readonly events: Record<string, number> = {};
  readonly #url: string;
  readonly #folder: string;
  readonly #client: Redis;

  constructor(url: string, folder: string) {
    this.#url = url;
    this.#folder = folder;
    this.#client = new Redis(url);
  }

  async host(name: string): Promise<Host> {
    const { clock, entries } = this;
    const emit = ({ type }: { readonly type: string }): void => {
      this.events[type] = (this.events[type] ?? 0) + 1;
    };
    const broker = await openBroker(this.#url, { clock, emit });
    const store = openSqliteStore(join(this.#folder, name), { clock, emit });
    const createEnvelope = createBeatEnvelope(new App(scope), scope);
    const leases = broker.leases === undefined ? undefined : clock.watch(broker.leases);
    const watched = { broker: clock.watch(broker, { leases }), store: clock.watch(store) };
    const parts = { ...watched, createEnvelope, clock, emit };
    const beat = new Beat({ ...parts, scope, entries, label: name });
    await beat.start();
    await clock.advance(1);
    const close = async (): Promise<void> => {
      const stopped = beat.stop();
      await clock.advance(1000);
      await stopped;
      await Promise.all([broker.close(), store.close()]);
    };
    return { beat, close };
  }

  async hour(hour: number): Promise<Hour> {
    for (let passed = 0; passed < hourMs; passed += drainMs) {
      const endAt = startAt + (hour - 1) * hourMs + passed + drainMs;
      await this.clock.advance(endAt - this.clock.now());
      await this.#drain();
    }
    return this.#measure(hour);
  }

  async end(): Promise<void> {
    await this.#drain();
    this.#client.disconnect();
  }

  async #drain(): Promise<void> {
    for (const { entry, dueAt } of await sentOnRedis(this.#client)) this.tally.add(entry, dueAt);
    await this.#client.del("celery");
  }

  async #measure(hour: number): Promise<Hour> {
    for (let round = 0; round < 3; round += 1) {
      globalThis.gc?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const info = await this.#client.info("memory");
    return {
      hour,
      heapBytes: process.memoryUsage().heapUsed,
      redisBytes: Number(/used_memory_dataset:(\d+)/.exec(info)?.[1]),
      keys: await this.#keys(),
      recordBytes: statSync(join(this.#folder, "first")).size,
      sent: this.tally.sent,
    };
  }

  async #keys(): Promise<Record<string, number>> {
    const sizes: Record<string, number> = {};
    const size: Readonly<Record<string, (key: string) => Promise<number>>> = {
      hash: (key) => this.#client.hlen(key),
      list: (key) => this.#client.llen(key),
      set: (key) => this.#client.scard(key),
      string: (key) => this.#client.strlen(key),
    };
    for (const key of (await this.#client.keys("*")).sort()) {
      sizes[key] = (await size[await this.#client.type(key)]?.(key)) ?? 0;
    }
    return sizes;
  }
}

async function main([url = "", folder = "", hours = "24"]: readonly string[]): Promise<void> {
  const startedAt = performance.now();
  const soak = new Soak(url, folder);
  const measured: Hour[] = [];
  let leader = await soak.host("first");
  let standby = await soak.host("second");
  for (let hour = 1; hour <= Number(hours); hour += 1) {
    measured.push(await soak.hour(hour));
    if (hour !== handoverHour) continue;
    // They change places: who led comes back as the standby.
    await leader.close();
    await soak.clock.advance(2000);
    [leader, standby] = [standby, await soak.host("first")];
  }
  const doneAt = soak.clock.now();
  await Promise.all([standby.close(), leader.close()]);
  await soak.end();
  soak.tally.close(doneAt);
  const { entries, tally, events } = soak;
  const day: Day = {
    hours: measured,
    entries: entries.length,
    sent: tally.sent,
    faults: tally.faults,
    events,
    tookMs: performance.now() - startedAt,
  };
  process.stdout.write(`${JSON.stringify(day)}\n`);
}

await main(process.argv.slice(2));
