// Which tasks are not to run: bounded, as in Celery, and with --statedb in a file that is whole at every instant.
import { open, readFile, rename, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, resolve } from "node:path";
import type { Clock, Instant } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import type { Emit } from "../event.ts";

const MAX_COUNT = 50_000;
const EXPIRES_MS = 10_800_000;
const SAVE_AFTER_MS = 1000;

export interface RevokedLimits {
  readonly maxCount?: number;
  readonly expiresMs?: number;
}

/**
 * Celery's limits, and its names for them in the environment: CELERY_WORKER_REVOKES_MAX (50,000 ids) and
 * CELERY_WORKER_REVOKE_EXPIRES (10,800 seconds).
 *
 * @throws {LovageError} when one is not a number above 0
 */
export function revokedLimits(environment: Readonly<Record<string, string | undefined>>): RevokedLimits {
  return {
    maxCount: Math.floor(numberAt(environment, "CELERY_WORKER_REVOKES_MAX", MAX_COUNT)),
    expiresMs: numberAt(environment, "CELERY_WORKER_REVOKE_EXPIRES", EXPIRES_MS / 1000) * 1000,
  };
}

function numberAt(environment: Readonly<Record<string, string | undefined>>, name: string, otherwise: number): number {
  const value = Number(environment[name] ?? otherwise);
  if (value > 0) return value;
  throw new LovageError("config", `${name}=${environment[name]} should be a number above 0`);
}

export interface OpenRevokedOptions extends RevokedLimits {
  /** Told of a damaged file, and of writes that fail. */
  readonly emit: Emit;
}

type Entry = readonly [id: string, at: Instant];

/**
 * Ids of revoked tasks. The oldest go when there are too many, and each goes some time after it was last revoked; that is
 * looked at when others are added.
 */
export class RevokedTasks {
  /** Oldest first. */
  readonly #entries: Map<string, Instant>;
  readonly #maxCount: number;
  readonly #expiresMs: number;
  readonly #file: RevokedFile | null;

  constructor(
    { maxCount = MAX_COUNT, expiresMs = EXPIRES_MS }: RevokedLimits = {},
    entries: readonly Entry[] = [],
    file: RevokedFile | null = null,
  ) {
    this.#entries = new Map(entries);
    this.#maxCount = maxCount;
    this.#expiresMs = expiresMs;
    this.#file = file;
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  add(ids: readonly string[], at: Instant): void {
    for (const id of ids) {
      this.#entries.delete(id);
      this.#entries.set(id, at);
    }
    this.#purge(at);
    this.#file?.saveSoon(() => [...this.#entries]);
  }

  /** Newest last. */
  get ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** Writes the file now, if there is one and it is behind. Never rejects: what fails is an event. */
  async save(): Promise<void> {
    await this.#file?.save();
  }

  #purge(now: Instant): void {
    for (const [id, at] of this.#entries) {
      if (this.#entries.size <= this.#maxCount && at > now - this.#expiresMs) return;
      this.#entries.delete(id);
    }
  }
}

/**
 * Opens the file of `--statedb`, making it when it is not there; null keeps the ids in memory only. A damaged file of ours
 * is moved aside.
 *
 * @throws {LovageError} when it is somebody else's file, or this user cannot read or write it
 */
export async function openRevoked(
  path: string | null,
  clock: Clock,
  { emit, ...limits }: OpenRevokedOptions,
): Promise<RevokedTasks> {
  if (path === null) return new RevokedTasks(limits);
  const file = new RevokedFile(resolve(path), clock, emit);
  const revoked = new RevokedTasks(limits, await file.read(), file);
  // Written at once, so that a place that cannot be written is known now and not at the first revoke.
  revoked.add([], clock.now());
  await file.write();
  return revoked;
}

/** Replaced whole by a rename: whoever is killed at any instant leaves the old content or the new. */
class RevokedFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #emit: Emit;
  #entries: (() => readonly Entry[]) | null = null;
  #timer: AbortController | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, clock: Clock, emit: Emit) {
    this.#path = path;
    this.#clock = clock;
    this.#emit = emit;
  }

  async read(): Promise<readonly Entry[]> {
    const text = await this.#readText();
    if (text === null || text === "") return [];
    const entries = parseEntries(text);
    if (entries !== null) return entries;
    if (!text.startsWith(FILE_START)) throw foreignFile(this.#path);
    await this.#moveAside();
    return [];
  }

  /** A second from the first change that is not written yet. */
  saveSoon(entries: () => readonly Entry[]): void {
    this.#entries = entries;
    if (this.#timer !== null) return;
    const timer = new AbortController();
    this.#timer = timer;
    void this.#clock.sleep(SAVE_AFTER_MS, timer.signal).then(() => (timer.signal.aborted ? undefined : this.save()));
  }

  async save(): Promise<void> {
    try {
      await this.write();
    } catch (error) {
      this.#emit({ type: "failure", where: "--statedb", reason: messageOf(error) });
    }
  }

  async write(): Promise<void> {
    this.#timer?.abort();
    this.#timer = null;
    const writing = this.#writing.catch(() => undefined).then(() => this.#writeLatest());
    this.#writing = writing;
    await writing;
  }

  async #writeLatest(): Promise<void> {
    const entries = this.#entries;
    if (entries === null) return;
    this.#entries = null;
    try {
      await replaceFile(this.#path, `${JSON.stringify({ revoked: entries() })}\n`);
    } catch (error) {
      this.#entries ??= entries;
      throw placeError("write", this.#path, error);
    }
  }

  async #readText(): Promise<string | null> {
    try {
      return await readFile(this.#path, "utf8");
    } catch (error) {
      if (codeOf(error) === "ENOENT") return null;
      throw placeError("read", this.#path, error);
    }
  }

  async #moveAside(): Promise<void> {
    const stamp = new Date(this.#clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
    const target = `${this.#path}.corrupt-${stamp}`;
    try {
      await rename(this.#path, target);
    } catch (error) {
      throw placeError("write", this.#path, error);
    }
    const reason = `${this.#path} is damaged, or no list of revoked tasks: moved to ${target}; none is known now`;
    this.#emit({ type: "failure", where: "--statedb", reason });
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** What every such file begins with, damaged or not; an empty one is new. */
const FILE_START = '{"revoked"';

function foreignFile(path: string): LovageError {
  return new LovageError("store", `${path} is no file of revoked tasks; it is left as it is`, {
    hint: "name another place with --statedb",
  });
}

function parseEntries(text: string): readonly Entry[] | null {
  try {
    const { revoked } = JSON.parse(text) as { readonly revoked?: unknown };
    return Array.isArray(revoked) && revoked.every(isEntry) ? revoked : null;
  } catch {
    return null;
  }
}

function isEntry(value: unknown): value is Entry {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && Number.isFinite(value[1]);
}

function placeError(verb: "read" | "write", path: string, error: unknown): LovageError {
  return new LovageError("store", placeProblem(verb, path, error), {
    hint: "name another place with --statedb",
    cause: error,
  });
}

function placeProblem(verb: "read" | "write", path: string, error: unknown): string {
  const code = codeOf(error);
  if (code === "ENOENT") return `the folder ${dirname(path)} of --statedb does not exist`;
  if (code === "EISDIR") return `${path} of --statedb is a folder`;
  const isDenied = code === "EACCES" || code === "EPERM";
  return `cannot ${verb} ${path} of --statedb: ${isDenied ? `permission denied for ${userName()}` : messageOf(error)}`;
}

/** A container's user often has no name. */
function userName(): string {
  try {
    return `user ${userInfo().username}`;
  } catch {
    return `uid ${process.geteuid?.()}`;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
