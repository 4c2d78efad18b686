import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { ConfigError } from "../../src/error.ts";
import type { LovageEvent } from "../../src/event.ts";
import { EmbeddedBeat } from "../../src/worker/embedded-beat.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

type Ended = Extract<LovageEvent, { type: "embedded-beat-ended" }>;

/** A stand-in for the command: what matters here is how its process behaves. */
function program(file: string, source: string): URL {
  writeFileSync(file, source);
  return pathToFileURL(file);
}

const good = `
process.on("message", () => process.exit(0));
process.on("disconnect", () => process.exit(0));
process.send({ type: "beat-ready" });
`;

describe("the beat of a worker", () => {
  it("is there after start and gone after stop, both safe twice", async () => {
    await using folder = temporaryFolder();
    const events: LovageEvent[] = [];
    const module = program(folder.file("beat.mjs"), good);
    const beat = new EmbeddedBeat({ module, args: [], clock: systemClock, emit: (event) => events.push(event) });
    await beat.start();
    const { pid } = beat;
    expect(process.kill(pid ?? 0, 0)).toBe(true);
    await beat.stop();
    await beat.stop();
    expect(() => process.kill(pid ?? 0, 0)).toThrow("ESRCH");
    expect({ pid: beat.pid, events }).toEqual({ pid: undefined, events: [] });
  });

  it("that refuses to begin makes start fail with all that it said", async () => {
    await using folder = temporaryFolder();
    const source =
      'process.send({ type: "beat-refused", lines: ["a.yaml:1: no", "b.yaml:2: no"] }, () => process.exit(1));';
    const module = program(folder.file("beat.mjs"), source);
    const beat = new EmbeddedBeat({ module, args: [], clock: systemClock, emit: () => undefined });
    const error = await beat.start().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).problems.map(({ message }) => message)).toEqual([
      "beat (-B): a.yaml:1: no",
      "beat (-B): b.yaml:2: no",
    ]);
    await beat.stop();
  });

  it("that ends before it is ready, without a word, makes start fail as well", async () => {
    await using folder = temporaryFolder();
    const module = program(folder.file("beat.mjs"), "process.exit(7);");
    const beat = new EmbeddedBeat({ module, args: [], clock: systemClock, emit: () => undefined });
    await expect(beat.start()).rejects.toThrow("exit code 7");
  });

  it("is started again after it ended, with a growing pause, and no more once the worker stops", async () => {
    await using folder = temporaryFolder();
    const clock = new ManualClock(0);
    const ends: Ended[] = [];
    const emit = (event: LovageEvent): void => {
      if (event.type === "embedded-beat-ended") ends.push(event);
    };
    const module = program(folder.file("beat.mjs"), 'process.send({ type: "beat-ready" }, () => process.exit(3));');
    const beat = new EmbeddedBeat({ module, args: [], clock, emit });
    await beat.start();
    for (let count = 1; count <= 4; count += 1) {
      await waitUntil(() => ends.length === count, { what: `end ${count}`, timeoutMs: 20_000 });
      await clock.advance(ends.at(-1)?.restartInMs ?? 0);
    }
    await waitUntil(() => ends.length === 5, { what: "the fifth end", timeoutMs: 20_000 });
    await beat.stop();
    await clock.advance(100_000);
    expect(ends).toHaveLength(5);
    expect(new Set(ends.map(({ reason }) => reason))).toEqual(new Set(["exit code 3"]));
    // Each pause is at least half of its span, and the spans double.
    ends.forEach(({ restartInMs }, attempt) => {
      expect(restartInMs).toBeGreaterThanOrEqual(500 * 2 ** attempt);
      expect(restartInMs).toBeLessThanOrEqual(1000 * 2 ** attempt);
    });
  });

  it("that does not stop when it is told to is killed", async () => {
    await using folder = temporaryFolder();
    const clock = new ManualClock(0);
    const source =
      'process.on("message", () => {}); process.on("SIGTERM", () => {}); process.send({ type: "beat-ready" });';
    const module = program(folder.file("beat.mjs"), source);
    const beat = new EmbeddedBeat({ module, args: [], clock, emit: () => undefined });
    await beat.start();
    const { pid } = beat;
    const stopped = beat.stop();
    await clock.advance(3000);
    await stopped;
    expect(() => process.kill(pid ?? 0, 0)).toThrow("ESRCH");
  });
});
