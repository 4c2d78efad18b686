// What the result backend knows of a task, where one is configured; asking never holds up a command for long.
import { existsSync } from "node:fs";
import type { App } from "../app/app.ts";
import { BackendClient, type BackendSettings } from "../app/backend.ts";
import { systemClock } from "../clock.ts";

const patienceMs = 2000;

/** `SUCCESS`, `FAILURE`, ...; null where results are not kept, out of reach, or nothing is known. */
export async function stateOf({ conf }: App, taskId: string | null): Promise<string | null> {
  if (taskId === null || hasNoFile(conf.resultBackend)) return null;
  const settings = { get: (name: keyof typeof conf) => conf[name], layerOf: conf.sourceOf } as BackendSettings;
  const client = new BackendClient(settings);
  const answered = new AbortController();
  const tooLate = systemClock.sleep(patienceMs, answered.signal).then(() => null);
  try {
    return await Promise.race([ask(client, taskId), tooLate]);
  } catch {
    return null;
  } finally {
    answered.abort();
    await Promise.race([client.close(), systemClock.sleep(100)]).catch(() => undefined);
  }
}

/** Looking should not make the file. */
function hasNoFile(url: string | null): boolean {
  const path = /^sqlite:\/\/\/(.+)$/i.exec(url ?? "")?.[1];
  return path !== undefined && !existsSync(path);
}

async function ask(client: BackendClient, taskId: string): Promise<string | null> {
  const [meta = null] = (await (await client.backend())?.get([taskId])) ?? [];
  return meta?.state ?? null;
}
