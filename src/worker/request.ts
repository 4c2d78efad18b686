// A message in the worker's hands: what it asks for, read once, and how far it has come.
import type { Delivery } from "../broker/consumer.ts";
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import { instantOf, parseIso } from "../protocol/iso-time.ts";

export type Stage = "received" | "scheduled" | "active" | "done";

/** Mutable on purpose: one object follows the message from its arrival to its end. */
export class Request {
  readonly delivery: Delivery;
  readonly id: string;
  /** The task's name. */
  readonly name: string;
  readonly receivedAt: Instant;
  /** Null: at once. */
  readonly etaAt: Instant | null;
  readonly expiresAt: Instant | null;
  /** The JSON text of its body. */
  body = "";
  stage: Stage = "received";
  acknowledged = false;
  startedAt: Instant | null = null;
  /** The process that runs it. */
  pid: number | null = null;

  /**
   * @param timezone what an eta without an offset means
   * @throws LovageError when a time in the headers cannot be read
   */
  constructor(delivery: Delivery, receivedAt: Instant, timezone: string) {
    const { id, task, headers } = delivery.envelope;
    this.delivery = delivery;
    this.id = id;
    this.name = task;
    this.receivedAt = receivedAt;
    this.etaAt = instantHeader(headers["eta"], "eta", timezone);
    this.expiresAt = instantHeader(headers["expires"], "expires", timezone);
  }

  get headers(): Readonly<Record<string, unknown>> {
    return this.delivery.envelope.headers;
  }

  get retries(): number {
    return numberHeader(this.headers["retries"]) ?? 0;
  }

  /** Python's repr of the arguments, as the sender wrote it. */
  get argsRepr(): string {
    return textHeader(this.headers["argsrepr"]) ?? "";
  }

  get kwargsRepr(): string {
    return textHeader(this.headers["kwargsrepr"]) ?? "";
  }

  get rootId(): string {
    return textHeader(this.headers["root_id"]) ?? this.id;
  }

  get parentId(): string | null {
    return textHeader(this.headers["parent_id"]) ?? null;
  }

  get groupId(): string | null {
    return textHeader(this.headers["group"]) ?? null;
  }

  /** The name to show: `shadow` where the sender gave one. */
  get shownName(): string {
    return textHeader(this.headers["shadow"]) ?? this.name;
  }

  /** Done with its message; the first of this and {@link reject} counts. */
  ack(): void {
    if (this.acknowledged) return;
    this.acknowledged = true;
    this.delivery.ack().catch(ignore);
  }

  /** Its message goes back to its place, or is set aside. */
  reject(requeue: boolean): void {
    if (this.acknowledged) return;
    this.acknowledged = true;
    this.delivery.reject(requeue).catch(ignore);
  }

  isExpired(at: Instant): boolean {
    return this.expiresAt !== null && at >= this.expiresAt;
  }
}

function ignore(): void {
  // The consumer closed before it could settle: the message stays the broker's, and comes again.
}

function instantHeader(value: unknown, name: string, timezone: string): Instant | null {
  if (value === null || value === undefined) return null;
  const time = typeof value === "string" ? parseIso(value) : null;
  if (time !== null) return instantOf(time, timezone);
  throw new LovageError("config", `the header ${name} is no time: ${JSON.stringify(value)}`);
}

function numberHeader(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function textHeader(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
