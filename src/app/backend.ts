// The app's own connection to where results are kept: opened when first needed, kept, and closed with the app.
import type { Clock } from "../clock.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Emit } from "../event.ts";
import { openResultBackend } from "../result/open.ts";
import type { ResultBackend } from "../result/result.ts";

/** The settings it reads; a Configuration is one. */
export type BackendSettings = Pick<Configuration, "get" | "layerOf">;

export interface BackendClientOptions {
  readonly emit?: Emit;
  readonly clock?: Clock;
}

export class BackendClient {
  readonly #settings: BackendSettings;
  readonly #options: BackendClientOptions;
  #backend: Promise<ResultBackend | null> | undefined;

  constructor(settings: BackendSettings, options: BackendClientOptions = {}) {
    this.#settings = settings;
    this.#options = options;
  }

  /**
   * Null when results are not kept: `resultBackend` is not set, and the broker is not the embedded one.
   *
   * @throws LovageError when the URL is wrong, or its file cannot be opened
   */
  backend(): Promise<ResultBackend | null> {
    this.#backend ??= this.#open();
    return this.#backend;
  }

  /** Safe twice; the next call opens it again. */
  async close(): Promise<void> {
    const backend = this.#backend;
    this.#backend = undefined;
    await (await backend?.catch(() => null))?.close();
  }

  async #open(): Promise<ResultBackend | null> {
    const url = this.#settings.get("resultBackend");
    if (url === null || url === "disabled" || url === "") return null;
    const expires = this.#settings.get("resultExpires");
    try {
      return await openResultBackend(url, {
        ...this.#options,
        expiresMs: expires === null || expires === 0 ? null : expires * 1000,
        transportOptions: transportOptions(this.#settings),
      });
    } catch (error) {
      // The next attempt may find the file or the folder back.
      this.#backend = undefined;
      throw error;
    }
  }
}

/** The `redis_*` settings, and over them `result_backend_transport_options`. */
function transportOptions(settings: BackendSettings): Readonly<Record<string, unknown>> {
  const url = settings.get("resultBackend") ?? "";
  const isRedis = /^(rediss?|sentinel|redis\+socket):/i.test(url);
  const own = isRedis ? redisOptions(settings) : {};
  return { ...own, ...settings.get("resultBackendTransportOptions") };
}

function redisOptions(settings: BackendSettings): Readonly<Record<string, unknown>> {
  const connect = settings.get("redisSocketConnectTimeout");
  const ssl = settings.get("redisBackendUseSsl");
  // Celery's default of two minutes is long for a worker to find out that its connection is dead.
  const timeout = settings.layerOf("redisSocketTimeout") === "default" ? null : settings.get("redisSocketTimeout");
  return {
    ...(timeout === null || timeout === 0 ? {} : { socketTimeout: timeout }),
    ...(connect === null || connect === 0 ? {} : { socketConnectTimeout: connect }),
    ...(settings.get("redisSocketKeepalive") ? { socketKeepalive: true } : {}),
    ...(ssl === null ? {} : { ssl }),
  };
}
