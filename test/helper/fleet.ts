// Several beats of one scope as on hosts of their own: each has its own folder, beat-record, log, clock and way to the broker.
// Nothing is shared but the broker and the schedule files.
import { mkdir, writeFile } from "node:fs/promises";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type BeatProcess, startBeat } from "./beat-process.ts";
import { GrowingLog, type LogEvent } from "./fleet-log.ts";
import { type Link, startLink } from "./fleet-link.ts";
import { waitUntil } from "./wait.ts";

export interface FleetOptions {
  /** Everything of the fleet is kept in it. */
  readonly folder: string;
  readonly scope: string;
  readonly size: number;
  /** Relative path of a schedule file and its text, read by all. */
  readonly schedules: Readonly<Record<string, string>>;
  /** The broker's port, reached through one link each; or a URL that all use as it is. */
  readonly broker: number | string;
}

const clockJump = fileURLToPath(new URL("clock-jump.mjs", import.meta.url));

export class FleetBeat implements AsyncDisposable {
  readonly name: string;
  readonly link: Link | null;
  readonly log: GrowingLog;
  readonly #folder: string;
  readonly #args: readonly string[];
  #process: BeatProcess | null = null;

  constructor(options: { name: string; folder: string; link: Link | null; args: readonly string[] }) {
    this.name = options.name;
    this.link = options.link;
    this.#folder = options.folder;
    const logFile = join(options.folder, "beat.log");
    this.log = new GrowingLog(logFile);
    const record = join(options.folder, "beat-record");
    this.#args = ["-q", "-s", record, "-f", logFile, "--log-format", "json", "-l", "DEBUG", ...options.args];
  }

  get pid(): number | undefined {
    return this.isRunning ? this.#process?.pid : undefined;
  }

  get isRunning(): boolean {
    return this.#process !== null && this.#process.exitCode() === undefined;
  }

  /** Undefined while it runs, or was never started. */
  get exitCode(): number | string | undefined {
    return this.#process?.exitCode();
  }

  /** What it wrote beside its log. */
  get output(): string {
    return this.#process?.output() ?? "";
  }

  get leads(): boolean {
    const last = this.log.events().findLast(({ event }) => stations.has(event));
    return this.isRunning && last?.event === "beat-started" && last.pid === this.pid;
  }

  async start(): Promise<void> {
    const env = {
      NODE_OPTIONS: `--import ${pathToFileURL(clockJump).href}`,
      CLOCK_JUMP_FILE: join(this.#folder, "clock"),
    };
    this.#process = await startBeat(this.#args, this.#folder, env);
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.#process?.stop(signal);
  }

  freeze(): void {
    this.#process?.signal("SIGSTOP");
  }

  thaw(): void {
    this.#process?.signal("SIGCONT");
  }

  /** Sets its wall clock so far ahead of the true one, or back where negative. */
  setClock(byMs: number): void {
    writeFileSync(join(this.#folder, "clock"), String(byMs));
  }

  /** Resolves with the first event of this kind, from the `from`th line on, that fits. */
  async saw(event: string, more: { from?: number; timeoutMs?: number; fits?: (line: LogEvent) => boolean } = {}) {
    const { from = 0, timeoutMs = 20_000, fits = () => true } = more;
    return waitUntil(
      () => {
        const found = this.log
          .events()
          .slice(from)
          .find((line) => line.event === event && fits(line));
        if (found === undefined && !this.isRunning) throw new Error(`${this.name} ended with ${this.exitCode}`);
        return found;
      },
      { what: `${this.name} to say ${event}`, timeoutMs, detail: () => this.tail() },
    );
  }

  /** The end of its log without the ordinary, for failures. */
  tail(): string {
    const lines = this.log.events().filter(({ event }) => event !== "occurrence-sent");
    return `${this.output}${lines
      .slice(-15)
      .map((line) => JSON.stringify(line))
      .join("\n")}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw();
    await this.end("SIGKILL");
    await this.link?.close();
  }
}

const stations = new Set(["beat-started", "beat-standby", "beat-lost-lease", "beat-stopped"]);

export class Fleet implements AsyncDisposable {
  readonly beats: readonly FleetBeat[];
  readonly schedules: string;

  constructor(beats: readonly FleetBeat[], schedules: string) {
    this.beats = beats;
    this.schedules = schedules;
  }

  get leaders(): readonly FleetBeat[] {
    return this.beats.filter((beat) => beat.leads);
  }

  beat(index: number): FleetBeat {
    const beat = this.beats[index];
    if (beat === undefined) throw new RangeError(`there is no beat ${index}`);
    return beat;
  }

  /** Starts them one after the other; the first leads, the others stand by. */
  async startAll(): Promise<void> {
    for (const [index, beat] of this.beats.entries()) {
      await beat.start();
      await beat.saw(index === 0 ? "beat-started" : "beat-standby");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.beats.map((beat) => beat[Symbol.asyncDispose]()));
  }
}

/** Makes folders and links; starts nothing. */
export async function gatherFleet(options: FleetOptions): Promise<Fleet> {
  const schedules = join(options.folder, "schedules");
  await mkdir(schedules, { recursive: true });
  for (const [path, text] of Object.entries(options.schedules)) await writeFile(join(schedules, path), text);
  const beats = await Promise.all(
    Array.from({ length: options.size }, (_, index) => gatherBeat(`beat-${index}`, schedules, options)),
  );
  return new Fleet(beats, schedules);
}

async function gatherBeat(name: string, schedules: string, { folder, scope, broker }: FleetOptions) {
  const own = join(folder, name);
  await mkdir(own, { recursive: true });
  const link = typeof broker === "number" ? await startLink(broker) : null;
  const url = link === null ? String(broker) : `redis://127.0.0.1:${link.port}/0`;
  const args = ["-b", url, "--scope", scope, "--schedules", schedules];
  return new FleetBeat({ name, folder: own, link, args });
}
