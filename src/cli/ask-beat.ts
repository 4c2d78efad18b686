// Finding the running beat that a command means: the one on this machine's beat-record if it leads, else the leader among those
// that answer over the broker.
import { type Command, Option } from "commander";
import { existsSync } from "node:fs";
import type { App } from "../app/app.ts";
import { Control } from "../app/control.ts";
import { openDoor } from "../beat/reach/door-bell.ts";
import { everyBeat } from "../beat/reach/node.ts";
import { type Ask, createRemoteSteering, readBeatAnswer } from "../beat/reach/remote-steering.ts";
import type { BeatStatus, RemoteSteering } from "../beat/steer/steering.ts";
import { brokerWords } from "../broker/sqlite/failure.ts";
import { systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import { schemeOf } from "../redis/url.ts";
import { parseSqliteUrl } from "../sqlite/url.ts";
import { openApp, publishUrl } from "./open.ts";
import { positiveSeconds, type ScheduleOptions } from "./options.ts";
import { recordPath } from "./record.ts";

export interface AskOptions extends ScheduleOptions {
  /** Over the broker at once, whoever is on this machine. */
  readonly remote?: boolean;
  /** Seconds to wait for beats to answer over the broker. */
  readonly timeout?: number;
}

export interface AskedBeat {
  readonly steering: RemoteSteering;
  /** What it said of itself when it was found. */
  readonly status: BeatStatus;
  readonly via: "record" | "broker";
  /** Its label, `host:pid`; where it stands by, that of whom it takes for the leader. */
  readonly leader: string;
  readonly close: () => Promise<void>;
}

/** Who will do: only the leader knows and changes the schedule, but a standby too tells how it is. */
export type Wanted = "leader" | "anyone";

export interface FoundBeat {
  /** The node name. */
  readonly node: string;
  readonly status: BeatStatus;
}

export interface FindOptions {
  /** Null: any. */
  readonly scope: string | null;
  /** Seconds. */
  readonly timeout?: number | undefined;
  /** Whether nobody else need answer. */
  readonly isEnough?: (beat: FoundBeat) => boolean;
}

interface Search {
  readonly app: App;
  readonly url: string;
  /** Null: any. */
  readonly scope: string | null;
  readonly record: string;
  readonly timeout: number;
  readonly wanted: Wanted;
}

const standardTimeout = 1;
/** For the answer of a beat that is known to be there. */
const patience = 10;

export function addAskOptions(command: Command): Command {
  return command
    .addOption(new Option("--remote", "ask over the broker, not the beat of this machine's beat-record"))
    .option("--timeout <seconds>", "how long to wait for beats to answer over the broker (1)", positiveSeconds);
}

/**
 * Null when no beat answers.
 *
 * @throws LovageError `standby` when only standbys answer, `usage` when beats of several scopes do, `store` when there is one
 * that this user may not speak to, `broker` when the broker is out of reach
 */
export async function askBeat(options: AskOptions, wanted: Wanted = "leader"): Promise<AskedBeat | null> {
  const search = await prepare(options, wanted);
  const atDoor = options.remote === true ? null : await askDoor(search);
  if (atDoor instanceof LovageError) return askInsteadOfDoor(search, atDoor);
  if (atDoor !== null && isWanted(atDoor.status, wanted)) return atDoor;
  const found = await askBroker({ ...search, scope: atDoor?.status.scope ?? search.scope });
  if (found === null && atDoor !== null) throw nobodyLeads([atDoor.status]);
  return found;
}

async function prepare(options: AskOptions, wanted: Wanted): Promise<Search> {
  const opened = await openApp(options);
  const { app } = opened;
  const { timeout = standardTimeout } = options;
  const record = recordPath(options, app.conf);
  return { app, url: publishUrl(opened), scope: askedScope(options, app), record, timeout, wanted };
}

/** Null: any, where neither `--scope` nor `-A` says which. */
export function askedScope(options: AskOptions, { name }: App): string | null {
  return options.scope ?? (options.app === undefined ? null : name);
}

function isWanted({ leads }: BeatStatus, wanted: Wanted): boolean {
  return leads || wanted === "anyone";
}

/** An error where there is a door that does not serve: too many are at it, or beat hangs. */
async function askDoor({ record, scope, timeout }: Search): Promise<AskedBeat | LovageError | null> {
  const timeoutMs = Math.max(timeout, patience) * 1000;
  const ask = await openDoor(record, { clock: systemClock, timeoutMs });
  if (ask === null) return null;
  try {
    const status = await createRemoteSteering(ask, { scope, label: null }).status();
    return askedBeat(status, "record", { ask, close: () => Promise.resolve() });
  } catch (error) {
    if (error instanceof LovageError && error.code === "store") return error;
    throw error;
  }
}

/** @throws LovageError what is wrong with the door, where the broker knows of no beat either */
async function askInsteadOfDoor(search: Search, unserved: LovageError): Promise<AskedBeat> {
  try {
    const found = await askBroker(search);
    if (found !== null) return found;
  } catch (error) {
    if (!(error instanceof LovageError && error.code === "broker")) throw error;
  }
  throw unserved;
}

async function askBroker(search: Search): Promise<AskedBeat | null> {
  if (isNobodyThere(search.url)) return null;
  const { app, timeout } = search;
  const control = new Control(app);
  const close = (): Promise<void> => app.close();
  try {
    const { scope, wanted } = search;
    // With a known scope it is enough that its leader has answered.
    const isEnough = ({ status }: FoundBeat): boolean => scope !== null && status.leads;
    const found = choose(await findBeats(control, { scope, timeout, isEnough }), wanted);
    if (found !== null) return askedBeat(found.status, "broker", { ask: askByName(control, found, timeout), close });
  } catch (error) {
    await close();
    throw error;
  }
  await close();
  return null;
}

function choose(found: readonly FoundBeat[], wanted: Wanted): FoundBeat | null {
  const statuses = found.map(({ status }) => status);
  const scopes = [...new Set(statuses.map(({ scope }) => scope))];
  if (scopes.length > 1) {
    const hint = "choose with --scope, or with -A";
    throw new LovageError("usage", `there are beats of several schedules: ${scopes.sort().join(", ")}`, { hint });
  }
  const [first = null] = [...found].sort((left, right) => rank(right.status) - rank(left.status));
  if (first !== null && !isWanted(first.status, wanted)) throw nobodyLeads(statuses);
  return first;
}

/** The leader of the newest term goes first: one that has just lost its lease may not know yet. */
function rank({ leads, term }: BeatStatus): number {
  return leads ? (term ?? 0) : -1;
}

/** All that answer over the broker in time. */
export async function findBeats(control: Control, options: FindOptions): Promise<readonly FoundBeat[]> {
  const { scope, timeout = standardTimeout, isEnough = () => false } = options;
  const found: FoundBeat[] = [];
  await new Promise<void>((resolve, reject) => {
    const onReply = (reply: Readonly<Record<string, unknown>>): void => {
      const beats = Object.entries(reply).flatMap(([node, answer]) => foundBeat(node, answer));
      found.push(...beats);
      if (beats.some(isEnough)) resolve();
    };
    const address = { pattern: everyBeat, matcher: "glob", timeout, reply: true, onReply } as const;
    control.broadcast("beat_status", { scope }, address).then(() => resolve(), reject);
  });
  return found;
}

/** Whoever may have answered what: only a beat's status counts. */
function foundBeat(node: string, answer: unknown): readonly FoundBeat[] {
  try {
    const status = readBeatAnswer(answer) as BeatStatus;
    return typeof status.scope === "string" && typeof status.label === "string" ? [{ node, status }] : [];
  } catch {
    return [];
  }
}

function askByName(control: Control, { node, status }: FoundBeat, timeout: number): Ask {
  const seconds = Math.max(timeout, patience);
  return async (method, args) => {
    const address = { destination: [node], limit: 1, timeout: seconds, reply: true };
    const [reply] = await control.broadcast(method, args, address);
    if (reply !== undefined) return reply[node];
    const hint = "it may have ended; what was asked for may still have been done";
    throw new LovageError("broker", `the beat ${status.label} has not answered for ${seconds} s`, { hint });
  };
}

function askedBeat(
  status: BeatStatus,
  via: AskedBeat["via"],
  { ask, close }: { readonly ask: Ask; readonly close: () => Promise<void> },
): AskedBeat {
  const { scope, label, leads, leader } = status;
  const steering = createRemoteSteering(ask, { scope, label });
  return Object.freeze({ steering, status, via, leader: leads ? label : (leader ?? "unknown"), close });
}

/** No other process can be there, and looking should not make the file. */
function isNobodyThere(url: string): boolean {
  const scheme = schemeOf(url);
  if (scheme === "memory") return true;
  return scheme === "sqlite" && !existsSync(parseSqliteUrl(url, brokerWords));
}

function nobodyLeads(standbys: readonly BeatStatus[]): LovageError {
  const said = standbys.map(({ label, leader }) =>
    leader === null ? `${label} does not know who leads` : `${label} stands by for ${leader}`,
  );
  const hint = "the leader does not answer; when it is gone, a standby takes over within the lease of 10 s";
  return new LovageError("standby", `no beat that leads answers: ${said.join(", ")}`, { hint });
}
