// What a setting may be called: camel case, Celery's snake case, Celery's names from before version 4, and any of these
// behind a prefix of the user's choice.
import { celeryOnly } from "./celery-only.ts";
import { camelCase } from "./section/value.ts";
import { isSettingName } from "./settings.ts";

/** Names from before Celery 4 that are not made by putting a prefix before the present one. */
const renamed: ReadonlyMap<string, string> = new Map([
  ["CELERY_DISABLE_RATE_LIMITS", "workerDisableRateLimits"],
  ["CELERY_EAGER_PROPAGATES_EXCEPTIONS", "taskEagerPropagates"],
  ["CELERY_ENABLE_REMOTE_CONTROL", "workerEnableRemoteControl"],
  ["CELERY_MAX_CACHED_RESULTS", "resultCacheMax"],
  ["CELERY_MESSAGE_COMPRESSION", "taskCompression"],
  ["CELERY_REDIRECT_STDOUTS", "workerRedirectStdouts"],
  ["CELERY_REDIRECT_STDOUTS_LEVEL", "workerRedirectStdoutsLevel"],
  ["CELERY_RESULT_DBURI", "databaseUrl"],
  ["CELERY_RESULT_DB_SHORT_LIVED_SESSIONS", "databaseShortLivedSessions"],
  ["CELERY_RESULT_DB_TABLENAMES", "databaseTableNames"],
  ["CELERY_RESULT_ENGINE_OPTIONS", "databaseEngineOptions"],
  ["CELERY_SEND_EVENTS", "workerSendTaskEvents"],
  ["CELERY_SEND_TASK_SENT_EVENT", "taskSendSentEvent"],
  ["CELERY_TASK_RESULT_EXPIRES", "resultExpires"],
]);

/** What the old prefixes became; the first that makes a known name is the one. */
const oldPrefixes: readonly (readonly [prefix: string, present: readonly string[]])[] = [
  ["CELERYBEAT_", ["beat_"]],
  ["CELERYD_", ["worker_", ""]],
  ["CELERY_", ["", "task_"]],
  ["", [""]],
];

/** The camel-case name of the setting that is meant, or null when there is none, in whichever way it is written. */
export function canonicalName(written: string): string | null {
  return known(camelCase(written)) ?? (written === written.toUpperCase() ? oldName(written) : null);
}

/**
 * The name without the prefix of `configFromObject(settings, { namespace })`, or null when it has none and is therefore
 * somebody else's: `CELERY_BROKER_URL` and `celery_broker_url` are `broker_url` in the namespace `CELERY`.
 */
export function withoutNamespace(written: string, namespace: string): string | null {
  const prefix = namespace.toLowerCase().replace(/_?$/, "_");
  if (!written.toLowerCase().startsWith(prefix)) return null;
  return written.slice(prefix.length).toLowerCase();
}

function oldName(written: string): string | null {
  const moved = renamed.get(written);
  if (moved !== undefined) return moved;
  for (const [prefix, present] of oldPrefixes) {
    if (!written.startsWith(prefix)) continue;
    const rest = written.slice(prefix.length).toLowerCase();
    const name = present.map((start) => known(camelCase(start + rest))).find((found) => found !== null);
    if (name !== undefined) return name;
  }
  return null;
}

function known(name: string): string | null {
  return isSettingName(name) || celeryOnly.has(name) ? name : null;
}
