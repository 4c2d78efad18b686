// Tells the URLs that entries name (`ping:`) what became of each occurrence. Nothing waits for a ping: neither sending nor,
// for more than a second, stopping.
import type { Clock } from "../clock.ts";
import type { Emit, EventStream, LovageEvent, Occasion } from "../event.ts";
import type { EntryPing } from "../schedule/entry.ts";
import { knock, type KnockOptions } from "./knock.ts";
import { type Ping, PingLines } from "./ping-lines.ts";
import { shownUrl } from "./ping-url.ts";

export interface PingsOptions {
  readonly events: EventStream;
  readonly emit: Emit;
  readonly clock: Clock;
  /** Null for an entry that has none. */
  readonly pingOf: (entry: string) => EntryPing | null;
  readonly knocking?: Pick<KnockOptions, "limitMs" | "tries" | "retry">;
}

const bySchedule: ReadonlySet<Occasion> = new Set(["scheduled", "missed"]);
const stopMs = 1000;

export class Pings {
  readonly #options: PingsOptions;
  readonly #stopping = new AbortController();
  readonly #lines = new PingLines();
  readonly #running = new Set<Promise<void>>();
  readonly #unsubscribe: () => void;

  constructor(options: PingsOptions) {
    this.#options = options;
    this.#unsubscribe = options.events.subscribe((event) => this.#take(event));
  }

  /** Takes no more, and gives those under way a second. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    const limit = new AbortController();
    await Promise.race([this.#settled(), this.#options.clock.sleep(stopMs, limit.signal)]);
    limit.abort();
    this.#lines.clear();
    this.#stopping.abort();
    await this.#settled();
  }

  async #settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #take(event: LovageEvent): void {
    const tidings = tidingsOf(event);
    if (tidings === null) return;
    const { entry, kind } = tidings;
    const url = this.#options.pingOf(entry)?.[kind] ?? null;
    if (url === null) return;
    this.#lines.add({ entry, kind, url });
    this.#begin();
  }

  #begin(): void {
    for (let ping = this.#lines.next(); ping !== null; ping = this.#lines.next()) {
      const running = this.#send(ping).then(() => {
        this.#running.delete(running);
        this.#begin();
      });
      this.#running.add(running);
    }
  }

  async #send(ping: Ping): Promise<void> {
    const { clock, emit, knocking } = this.#options;
    const { entry, url } = ping;
    const isInTheWay = (): boolean => this.#lines.isFull;
    const { reason, isLate } = await knock(url, { clock, signal: this.#stopping.signal, isInTheWay, ...knocking });
    this.#lines.done(ping, isLate);
    if (reason !== null) emit({ type: "ping-failed", entry, url: shownUrl(url), reason });
  }
}

/** What was asked for by hand says nothing of the schedule, and what its owner had left out is no failure. */
function tidingsOf(event: LovageEvent): { readonly entry: string; readonly kind: keyof EntryPing } | null {
  const isOnQueue = event.type === "occurrence-duplicate" || event.type === "occurrence-sent";
  if (!isOnQueue && event.type !== "occurrences-missed") return null;
  if (!bySchedule.has(event.occurrence)) return null;
  if (isOnQueue) return { entry: event.entry, kind: "success" };
  const isWished = event.cause === "paused" || event.cause === "overlap";
  return isWished ? null : { entry: event.entry, kind: "failure" };
}
