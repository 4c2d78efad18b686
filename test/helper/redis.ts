// A real redis-server of the test's own: a free loopback port, a temporary folder, nothing written to disk.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "./port.ts";
import { startProgram } from "./service.ts";
import { waitUntil } from "./wait.ts";

export interface RedisOptions {
  /** More of redis-server's own options: `["--requirepass", "secret"]`. */
  readonly args?: readonly string[];
  /** For a restart on the same port. */
  readonly port?: number;
  /** A folder that outlives the server; without one it gets a temporary folder that goes with it. */
  readonly dir?: string;
}

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** A client on database 0, closed with the server; not for a server with a password. */
  readonly client: () => Redis;
  readonly output: () => string;
  /** SIGTERM. Safe twice. */
  readonly stop: () => Promise<void>;
  /** SIGKILL. */
  readonly kill: () => Promise<void>;
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const host = "127.0.0.1";
  const port = options.port ?? (await freePort());
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "lovage-redis-")));
  const place = ["--bind", host, "--port", String(port), "--dir", dir];
  const inMemory = ["--save", "", "--appendonly", "no", "--daemonize", "no"];
  const program = await startProgram("redis-server", [...place, ...inMemory, ...(options.args ?? [])]);
  const clients: Redis[] = [];
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    for (const client of clients.splice(0)) client.disconnect();
    await program.stop(signal);
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  };
  const stop = (): Promise<void> => end("SIGTERM");
  try {
    await waitUntil(
      () => {
        if (program.exitCode() !== undefined) throw new Error(`redis-server ended with ${program.exitCode()}`);
        return program.output().includes("Ready to accept connections");
      },
      { what: "redis-server to accept connections", detail: program.output },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `redis://${host}:${port}/0`,
    host,
    port,
    pid: program.pid,
    client: () => {
      const client = new Redis({ host, port, retryStrategy: () => null });
      client.on("error", () => undefined);
      clients.push(client);
      return client;
    },
    output: program.output,
    stop,
    kill: () => end("SIGKILL"),
    [Symbol.asyncDispose]: stop,
  };
}
