// The door of a beat-record: who may write the record may ask and tell its beat, on the same machine and without the broker.
// A request is a line of JSON, `{"method": ..., "arguments": {...}}`, and so is its answer; no client can harm beat.
import { chmodSync, existsSync, lstatSync, rmSync, rmdirSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { LovageError, messageOf } from "../../error.ts";
import type { Emit } from "../../event.ts";
import type { Arguments } from "../../remote/arguments.ts";
import { silence } from "../../remote/command.ts";
import type { Service } from "../../service.ts";
import { beatCommands, refusalOf } from "./commands.ts";
import { readLines, writeLine } from "./door-line.ts";
import { type DoorPlace, doorPlace, prepareFolder } from "./door-place.ts";
import type { BeatSteering } from "../steer/steering.ts";

export interface DoorOptions {
  /** The location of the store. Beat holds its lock: another process with a door there is dead. */
  readonly record: string;
  readonly steering: BeatSteering;
  readonly emit: Emit;
  /** How long a client may say nothing before it has to make room. */
  readonly idleMs?: number;
}

const longestLineBytes = 1_048_576;
const mostClients = 256;
const usualIdleMs = 5000;
/** While its request is under way, or its answer. */
const busyMs = 60_000;

export class Door implements Service {
  readonly #options: DoorOptions;
  readonly #clients = new Set<Socket>();
  #place: DoorPlace | null = null;
  #server: Server | null = null;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  /** Never rejects: beat does its work without a door too, and says that it has none. */
  async start(): Promise<void> {
    if (this.#server !== null) return;
    this.#place = doorPlace(this.#options.record);
    if (this.#place === null) return;
    try {
      prepareFolder(this.#place);
      removeStale(this.#place);
      await this.#listen(this.#place.path);
    } catch (error) {
      this.#report(error);
    }
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    for (const client of this.#clients) client.destroy();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    if (this.#place?.folder != null) removeFolder(this.#place.folder);
  }

  #listen(path: string): Promise<void> {
    // Who has said all that it had to say still waits for its answer.
    const server = createServer({ allowHalfOpen: true }, (client) => void this.#serve(client));
    server.maxConnections = mostClients;
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject).once("listening", () => {
        server.off("error", reject).on("error", (error) => this.#report(error));
        resolve();
      });
      server.listen(path);
      // The socket is there by now: for this user only, before anybody is let in.
      closeToOthers(path);
    });
  }

  /** Never rejects. */
  async #serve(client: Socket): Promise<void> {
    this.#clients.add(client);
    client.on("error", () => undefined).on("close", () => this.#clients.delete(client));
    const { idleMs = usualIdleMs } = this.#options;
    client.setTimeout(idleMs, () => client.destroy());
    try {
      for await (const line of readLines(client, longestLineBytes)) {
        client.setTimeout(busyMs);
        await writeLine(client, JSON.stringify(await this.#answer(line)));
        client.setTimeout(idleMs);
      }
      client.end();
    } catch (error) {
      client.end(`${JSON.stringify(refusalOf(error))}\n`, () => client.destroy());
    }
  }

  async #answer(line: string): Promise<unknown> {
    try {
      const { method, args } = readRequest(line);
      const { steering } = this.#options;
      const command = Object.hasOwn(beatCommands, method) ? beatCommands[method] : undefined;
      if (command === undefined)
        throw new LovageError("usage", `there is no command ${method}`, { hint: knownCommands });
      const answer = await command.run({ steering }, args);
      if (answer === silence) throw notTheOne(steering, args);
      return answer;
    } catch (error) {
      return refusalOf(error);
    }
  }

  #report(error: unknown): void {
    const reason = `${messageOf(error)}; commands reach this beat through the broker only`;
    this.#options.emit({ type: "failure", where: "door of the beat-record", reason });
  }
}

/** Another schedule, or one that was asked before and has ended since. */
function notTheOne({ scope, label }: BeatSteering, args: Arguments): LovageError {
  const message = `the beat of this record is ${label}, of scope ${scope}`;
  if (args["scope"] === scope)
    return new LovageError("standby", message, { hint: "another was meant, which has ended" });
  return new LovageError("usage", message, { hint: "leave --scope out, or name the right beat-record with -s" });
}

const knownCommands = `there are ${Object.keys(beatCommands).join(", ")}`;

function readRequest(line: string): { readonly method: string; readonly args: Arguments } {
  const request = JSON.parse(line) as unknown;
  const { method, arguments: args = {} } = (request ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof method === "string" && typeof args === "object" && args !== null && !Array.isArray(args)) {
    return { method, args: args as Arguments };
  }
  throw new LovageError("usage", "a request is a line of JSON with method and arguments");
}

function closeToOthers(path: string): void {
  if (process.platform !== "win32" && existsSync(path)) chmodSync(path, 0o600);
}

/** What a killed beat left. Anything but a socket is somebody's file. */
function removeStale({ path }: DoorPlace): void {
  if (process.platform === "win32") return;
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new LovageError("store", `${path} is no socket`, { hint: "move it away" });
  rmSync(path, { force: true });
}

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Something else is in it: it stays.
  }
}
