// `broker_transport_options` for SQLite, in Celery's names: read once, with the mistakes found before the file is opened.
import { didYouMean, LovageError } from "../../error.ts";

export interface SqliteTransport {
  /** A consumer that does not show up for so long counts as dead, and what it has in hand comes back. */
  readonly visibilityTimeoutMs: number;
}

const defaultVisibilitySeconds = 3600;

export function readTransport(options: Readonly<Record<string, unknown>>): SqliteTransport {
  let seconds = defaultVisibilitySeconds;
  for (const [key, value] of Object.entries(options)) {
    if (isVisibility(key)) seconds = readSeconds(value);
    else refuseTypo(key);
  }
  return Object.freeze({ visibilityTimeoutMs: seconds * 1000 });
}

function isVisibility(key: string): boolean {
  return key === "visibility_timeout" || key === "visibilityTimeout";
}

function readSeconds(value: unknown): number {
  if (typeof value === "number" && value > 0) return value;
  const message = "broker_transport_options.visibility_timeout must be a number of seconds above 0";
  throw new LovageError("config", message, { hint: "write visibility_timeout: 3600 for an hour" });
}

/** What is like nothing we know may be meant for another transport, and kombu does not mind it either. */
function refuseTypo(key: string): void {
  const meant = didYouMean(key, ["visibility_timeout"]);
  if (meant === null) return;
  throw new LovageError("config", `broker_transport_options has no ${key} for SQLite`, {
    hint: `did you mean ${meant}?`,
  });
}
