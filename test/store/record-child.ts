// A process of its own that opens a beat-record: `hold` it, `write` until it is killed, or `fill` it until it cannot.
// Prints one JSON line for each thing that happened.
import { setTimeout as sleep } from "node:timers/promises";
import { LovageError } from "../../src/error.ts";
import { openStore } from "../../src/store/open.ts";
import type { Changes, Store } from "../../src/store/store.ts";
import { runOf, stateOf } from "./sample.ts";

const [path = "", mode = "hold"] = process.argv.slice(2);

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Number `n`: every entry at `n` runs, and one line of history for each. Every fifth is a burst. */
function changeOf(n: number): Changes {
  const names = Array.from({ length: n % 5 === 0 ? 300 : 3 }, (_, index) => `entry-${index}`);
  return {
    states: [...names, "all"].map((name) => stateOf(name, { runs: n })),
    runs: [...names, "all"].map((name) => runOf(name, { dueAt: n })),
  };
}

async function write(store: Store): Promise<void> {
  const start = (await store.load()).entries.get("all")?.runs ?? 0;
  for (let n = start + 1; ; n += 1) {
    await store.record(changeOf(n));
    say({ recorded: n });
    if (n % 20 === 0) await sleep(300);
  }
}

try {
  const store = await openStore(path);
  say({ opened: process.pid });
  if (mode === "hold") await sleep(60_000);
  else await write(store);
} catch (error) {
  const known = error instanceof LovageError;
  say({ failed: known ? { code: error.code, message: error.message, hint: error.hint } : String(error) });
}
