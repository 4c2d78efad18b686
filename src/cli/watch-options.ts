// The options that let others look at a running beat; a worker hands them on to the beat of `-B`.
import { type Command, InvalidArgumentError } from "commander";
import { LovageError } from "../error.ts";
import { parseHttpAddress } from "../monitor/http-address.ts";

export interface WatchOptions {
  /** Where it serves health and metrics: `127.0.0.1:8787`. */
  readonly http?: string;
  /** Entries with series of their own. */
  readonly httpEntries?: number;
  /** The URL of a dead-man's switch. */
  readonly ping?: string;
  /** Seconds. */
  readonly pingEvery?: number;
}

const longestPingSeconds = 86_400;

export function addWatchOptions(command: Command): Command {
  return command
    .option("--http <address>", "serve /healthz, /livez, /readyz and /metrics: 8787 or 127.0.0.1:8787", httpAddress)
    .option("--http-entries <number>", "entries with metrics of their own (default: 1000)", entryCount)
    .option("--ping <url>", "fetch this URL again and again while this beat leads and all is well", httpUrl)
    .option("--ping-every <seconds>", "how often (default: 60)", pingSeconds);
}

/** The same options for the command line of another process. */
export function watchArguments({ http, httpEntries, ping, pingEvery }: WatchOptions): readonly string[] {
  const given = { http, "http-entries": httpEntries, ping, "ping-every": pingEvery };
  return Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
}

/** @throws LovageError("usage") where a worker without a beat is asked for what beat does */
export function refuseWatchOptions(options: WatchOptions): void {
  const [first] = watchArguments(options);
  if (first === undefined) return;
  const hint = "add -B, or leave it out";
  throw new LovageError("usage", `${first.replace(/=.*/, "")}: it is beat that does this, and no beat runs along`, {
    hint,
  });
}

function httpAddress(text: string): string {
  try {
    parseHttpAddress(text);
    return text;
  } catch {
    throw new InvalidArgumentError("It takes a port, or an address and a port: 8787, 127.0.0.1:8787, [::1]:8787.");
  }
}

function httpUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError("It takes a URL that begins with http:// or https://.");
}

function entryCount(text: string): number {
  const number = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= 0)) throw new InvalidArgumentError("It takes a whole number; 0: none.");
  return number;
}

function pingSeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= 1 && seconds <= longestPingSeconds) return seconds;
  throw new InvalidArgumentError(`It takes seconds, from 1 to ${longestPingSeconds}.`);
}
