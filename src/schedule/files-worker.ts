// Runs in a thread of its own: checks one schedule file, then hands over what it holds, a slice per request.
import { readFileSync, statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { ConfigError, messageOf } from "../error.ts";
import type { ThreadAnswer, ThreadTask } from "./files-thread.ts";
import type { CheckedEntry } from "./parse-file.ts";
import { checkScheduleText } from "./parse-file.ts";
import { assertRegularFile, decodeText } from "./read-text.ts";

/** So many take the receiving thread about a millisecond. */
const SLICE = 100;

let checked: readonly CheckedEntry[] | null = null;
let sent = 0;

parentPort?.on("message", () => {
  parentPort?.postMessage(answer(workerData as ThreadTask), []);
});

function answer({ file, defaults }: ThreadTask): ThreadAnswer {
  try {
    checked ??= checkScheduleText(readText(file), file, defaults).checked;
    sent += SLICE;
    return { entries: checked.slice(sent - SLICE, sent) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems };
    const { code, syscall } = error as NodeJS.ErrnoException;
    return { failure: { message: messageOf(error), code, syscall } };
  }
}

/** It was a regular file before this thread began, but one that blocks here could not even be stopped. */
function readText(file: string): string {
  assertRegularFile(statSync(file), file);
  return decodeText(readFileSync(file), file);
}
