// Who consumes, so that a neighbour on the same machine sees at once that the process is gone; others must wait.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

// What must be the same for two processes to see each other by their ids: the kernel that runs, and the pid namespace.
const bootFile = "/proc/sys/kernel/random/boot_id";
const namespaceLink = "/proc/self/ns/pid";
const unknown = "0";
const nowhere = unknown.repeat(32);

/**
 * `<random>-<machine>-<process id>-<when the process started>`; the last two in the kernel's own numbers. It is long on
 * purpose: members of over 64 bytes make Redis keep the index of unacked as a skip list from the start. While that is small
 * it would be a flat list, where each ZADD takes 10 us, for it reads every score before its place.
 */
export function createConsumerId(): string {
  const started = statOf(process.pid)?.started ?? unknown;
  return [randomBytes(16).toString("hex"), machine(), String(process.pid), started].join("-");
}

/** True when the process ran on this machine and certainly is no more; false when it lives, or nobody here can tell. */
export function isGone(consumerId: string): boolean {
  const [, home, pid, started] = consumerId.split("-");
  if (home === nowhere || home !== machine()) return false;
  return /^[1-9]\d*-[1-9]\d*$/.test(`${pid}-${started}`) && hasEnded(Number(pid), String(started));
}

/** True when the process runs on this machine; false when it does not, or nobody here can tell. */
export function isHere(consumerId: string): boolean {
  const [, home, pid, started] = consumerId.split("-");
  if (home === nowhere || home !== machine()) return false;
  return /^[1-9]\d*-[1-9]\d*$/.test(`${pid}-${started}`) && !hasEnded(Number(pid), String(started));
}

function hasEnded(pid: number, started: string): boolean {
  if (!isRunning(pid)) return true;
  const stat = statOf(pid);
  // Without a look at it (another user's, hidden), a process that answers counts as the same.
  return stat !== undefined && (stat.started !== started || stat.isDead);
}

function machine(): string {
  const boot = read(() => readFileSync(bootFile, "utf8").trim());
  const namespace = read(() => readlinkSync(namespaceLink));
  if (boot === undefined || namespace === undefined) return nowhere;
  return createHash("sha256").update([hostname(), boot, namespace].join("\n")).digest("hex").slice(0, 32);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== "ESRCH";
  }
}

/** Fields 3 (state) and 22 (start time) of /proc/<pid>/stat. The name before them may hold spaces and brackets. */
function statOf(pid: number): { readonly started: string; readonly isDead: boolean } | undefined {
  const text = read(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, started] = [fields?.[0], fields?.[19]];
  if (state === undefined || started === undefined) return undefined;
  // A zombie has ended; only its parent has not asked yet.
  return { started, isDead: state === "Z" || state === "X" };
}

function read(ask: () => string): string | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
