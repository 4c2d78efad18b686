// Runs in a thread of its own: checks one schedule file after the other, and hands over what each holds, a slice per request.
import { readFileSync, statSync } from "node:fs";
import { setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { ConfigError, messageOf } from "../error.ts";
import { digestOf, packDigests, unpackDigests } from "./files-digest.ts";
import type { SliceItem, ThreadAnswer, ThreadRequest, ThreadTask } from "./files-thread.ts";
import type { CheckedEntry } from "./parse-file.ts";
import { checkScheduleText } from "./parse-file.ts";
import { assertRegularFile, decodeText } from "./read-text.ts";

/** Entries to build, of which so many take the receiving thread about a millisecond; and those that it has already. */
const BUILT_SLICE = 50;
const KEPT_SLICE = 1000;
/** Sending, and Redis where it is on this machine, come first. */
const NICENESS = 10;

let slices: Iterator<readonly SliceItem[], Uint8Array> | null = null;

// Elsewhere it would be the priority of the whole process, for good.
if (process.platform === "linux") setPriority(NICENESS);

parentPort?.on("message", (request: ThreadRequest) => {
  parentPort?.postMessage(answer(request), []);
});

function answer(task: ThreadRequest): ThreadAnswer {
  try {
    if (task !== null) slices = slicesOf(task);
    const slice = slices?.next();
    if (slice === undefined) throw new Error("no file was named");
    return slice.done === true ? { digests: slice.value } : { items: slice.value };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems };
    const { code, syscall } = error as NodeJS.ErrnoException;
    return { failure: { message: messageOf(error), code, syscall } };
  }
}

function* slicesOf({ file, defaults, known }: ThreadTask): Generator<readonly SliceItem[], Uint8Array> {
  const { checked } = checkScheduleText(readText(file), file, defaults);
  const before = known === null ? new Map<string, number>() : unpackDigests(known);
  const digests: string[] = [];
  let items: SliceItem[] = [];
  let cost = 0;
  for (const entry of checked) {
    const digest = digestOf(entry);
    digests.push(digest);
    const item = itemOf(entry, before.get(digest));
    items.push(item);
    cost += typeof item === "object" && "data" in item ? KEPT_SLICE / BUILT_SLICE : 1;
    if (cost >= KEPT_SLICE) {
      yield items;
      items = [];
      cost = 0;
    }
  }
  yield items;
  return packDigests(digests);
}

function itemOf(entry: CheckedEntry, index: number | undefined): SliceItem {
  return index === undefined ? entry : { index, source: entry.place.source };
}

/** It was a regular file before this thread began, but one that blocks here could not even be stopped. */
function readText(file: string): string {
  assertRegularFile(statSync(file), file);
  return decodeText(readFileSync(file), file);
}
