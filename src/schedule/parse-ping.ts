// Whom to tell what became of an entry's sending: one URL as healthchecks.io has it, or one for each outcome.
import { LovageError } from "../error.ts";
import type { EntryPing } from "./entry.ts";
import type { Attempt } from "./parse-attempt.ts";
import type { PingData } from "./schema.ts";

/** Null after a mistake, which `attempt` has noted. */
export function readPing(written: PingData, attempt: Attempt): EntryPing | null {
  if (typeof written === "string") return attempt(["ping"], () => pingOf(written)) ?? null;
  const { success, failure } = written;
  if (success === undefined && failure === undefined) attempt(["ping"], refuseEmpty);
  return Object.freeze({
    success: success === undefined ? null : (attempt(["ping", "success"], () => readUrl(success).href) ?? null),
    failure: failure === undefined ? null : (attempt(["ping", "failure"], () => readUrl(failure).href) ?? null),
  });
}

/** The failure is told under the same address with `/fail` at the end of its path. */
function pingOf(written: string): EntryPing {
  const success = readUrl(written);
  const failure = new URL(success);
  failure.pathname = `${success.pathname.replace(/\/$/, "")}/fail`;
  return Object.freeze({ success: success.href, failure: failure.href });
}

function readUrl(written: string): URL {
  const url = URL.canParse(written) ? new URL(written) : null;
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url;
  const what = url === null ? "is no URL" : `begins with ${url.protocol}, and only http: and https: can be fetched`;
  const hint = "write it whole, such as https://hc-ping.com/<uuid>";
  throw new LovageError("schedule", `${JSON.stringify(written)} ${what}`, { hint });
}

function refuseEmpty(): never {
  throw new LovageError("schedule", "names no URL", { hint: "write {success: https://…, failure: https://…}" });
}
