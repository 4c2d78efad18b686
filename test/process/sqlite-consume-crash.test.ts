import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { openBroker } from "../../src/broker/open.ts";
import { envelopeOf, idOf } from "../helper/envelope.ts";
import { type TemporaryFolder, temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const workers = 3;
const kills = 15;
const script = new URL("sqlite-consume-child.ts", import.meta.url);

interface Life {
  readonly child: ChildProcess;
  readonly journal: string;
}

interface Note {
  readonly what: string;
  readonly id: string;
  readonly isAgain: boolean;
}

async function start(folder: TemporaryFolder, name: string): Promise<Life> {
  const journal = folder.file(`${name}.journal`);
  const child = fork(script, [folder.file("broker.db"), journal], { execArgv: ["--import", "tsx"] });
  await once(child, "message");
  return { child, journal };
}

async function kill({ child }: Life): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

function notesOf({ journal }: Life): readonly Note[] {
  if (!existsSync(journal)) return [];
  return readFileSync(journal, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([what = "", id = "", when]) => ({ what, id, isAgain: when === "again" }));
}

/** Publishes until it is told to stop; resolves with the ids. */
async function publishAllTheTime(url: string, signal: AbortSignal): Promise<readonly string[]> {
  const broker = await openBroker(url);
  const names: string[] = [];
  while (!signal.aborted) {
    const batch = Array.from({ length: 20 }, (_, index) => `${names.length + index}`);
    await broker.publish(batch.map((name) => envelopeOf(name)));
    names.push(...batch);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await broker.close();
  return names.map(idOf);
}

async function killAgainAndAgain(folder: TemporaryFolder, lives: Life[]): Promise<readonly Life[]> {
  const living: Life[] = [];
  for (let index = 0; index < workers; index += 1) living.push(await start(folder, `worker-${index}`));
  lives.push(...living);
  const killed: Life[] = [];
  for (let round = 0; round < kills; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
    const victim = living.splice(Math.floor(Math.random() * living.length), 1)[0];
    if (victim === undefined) continue;
    await kill(victim);
    killed.push(victim);
    const next = await start(folder, `worker-${workers + round}`);
    living.push(next);
    lives.push(next);
  }
  return killed;
}

function expectNothingLost(published: readonly string[], lives: readonly Life[], killed: ReadonlySet<Life>): void {
  const got = new Map<string, Life[]>();
  const acked = new Set<string>();
  const unmarked: string[] = [];
  for (const life of lives) {
    for (const { what, id, isAgain } of notesOf(life)) {
      if (what === "got") {
        // The journals are not in one order of time: a first delivery is known by its mark alone.
        if (!isAgain) unmarked.push(id);
        got.set(id, [...(got.get(id) ?? []), life]);
        continue;
      }
      expect(acked.has(id)).toBe(false);
      acked.add(id);
    }
  }
  expect(new Set(got.keys())).toEqual(new Set(published));
  expect(new Set(unmarked).size).toBe(unmarked.length);
  const ackedBy = new Map(
    lives.map((life) => [life, new Set(notesOf(life).flatMap(({ what, id }) => (what === "acked" ? [id] : [])))]),
  );
  const twice = [...got].filter(([, takers]) => takers.length > 1);
  for (const [id, takers] of twice) {
    // All who had it but one died with it in hand.
    const losers = takers.filter((life) => killed.has(life) && ackedBy.get(life)?.has(id) !== true);
    expect(losers.length).toBeGreaterThanOrEqual(takers.length - 1);
  }
  expect(twice.length).toBeLessThanOrEqual(killed.size * 20);
  console.log(`${published.length} messages, ${killed.size} kills: nothing lost, ${twice.length} in hand at a kill`);
}

describe("consumers killed at random instants on SQLite", () => {
  it("lose nothing, and repeat only what was in hand", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("broker.db");
    const lives: Life[] = [];
    try {
      const stop = new AbortController();
      const publishing = publishAllTheTime(`sqlite:///${path}`, stop.signal);
      const killed = await killAgainAndAgain(folder, lives);
      stop.abort();
      const published = await publishing;
      const database = new Database(path, { readonly: true });
      const left = database.prepare("SELECT count(*) FROM message").pluck();
      await waitUntil(() => left.get() === 0, { what: "the last message", timeoutMs: 60_000 });
      database.close();
      // What is gone from the file was acknowledged; the journals follow at once.
      const countAcked = (): number => lives.flatMap(notesOf).filter(({ what }) => what === "acked").length;
      let before = -1;
      await waitUntil(() => before === (before = countAcked()), { what: "the journals", everyMs: 200 });
      expectNothingLost(published, lives, new Set(killed));
      expect(readdirSync(folder.path).filter((name) => name.includes("-consumer-"))).toHaveLength(workers);
    } finally {
      await Promise.all(lives.filter(({ child }) => child.exitCode === null && child.signalCode === null).map(kill));
    }
  });
});
