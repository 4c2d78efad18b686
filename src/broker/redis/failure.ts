// What Redis and the network say, in words that tell the user what to do about it.
import { LovageError, messageOf } from "../../error.ts";
import { RefusedError } from "../broker.ts";

/** Why no connection came about. */
export function cannotReach(url: string, error: unknown): LovageError {
  const text = messageOf(error);
  const [reason, hint] = explainConnect(text, (error as { code?: unknown } | undefined)?.code);
  return new LovageError("broker", `cannot reach ${url}: ${reason}`, { hint, cause: error });
}

/** What an unanswered or refused command means; `keys` are those it was for. */
export function commandFailure(url: string, error: unknown, keys: readonly string[] = []): LovageError {
  if (error instanceof LovageError) return error;
  if (isReply(error)) {
    const [reason, hint] = explainReply(error.message, keys);
    const message = `${url} refused: ${reason}`;
    const details = { hint, cause: error };
    return isRefusal(error) ? new RefusedError(message, details) : new LovageError("broker", message, details);
  }
  return new LovageError("broker", `lost the connection to ${url} before it answered`, {
    hint: "whether it was done is not known; under a guard the same batch may be sent again",
    cause: error,
  });
}

/** One of beat's own keys is in use for something else: nothing goes before somebody has put that right. */
export function wrongKind(key: string, kind: string, wanted: string): LovageError {
  const message = `redis key ${key} holds a ${kind}, not a ${wanted}: delete it (DEL) and beat goes on`;
  return new LovageError("broker", message);
}

/** True where Redis would say the same tomorrow: no permission, or a key of another kind. */
export function isRefusal(error: unknown): error is Error {
  return isReply(error) && (isWrongType(error) || isForbidden(withoutScript(error.message)));
}

export function isWrongType(error: unknown): boolean {
  return isReply(error) && withoutScript(error.message).startsWith("WRONGTYPE");
}

/** True for an error that Redis itself answered with. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

/** True where Redis does not know the script that was called, and has done nothing. */
export function isNoScript(error: unknown): boolean {
  return isReply(error) && error.message.startsWith("NOSCRIPT");
}

type Explanation = readonly [reason: string, hint?: string];

function explainConnect(text: string, code: unknown): Explanation {
  if (code === "ECONNREFUSED") return ["connection refused", "start redis-server there, or set another broker with -b"];
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return ["its host name is not known", "check the host in the broker URL"];
  if (code === "ETIMEDOUT") return ["no answer in time", "check host, port and firewall"];
  if (code === "ENOENT") return ["there is no such socket", "check the path in the broker URL"];
  if (code === "EACCES") return ["this user may not open the socket", "check the permissions of the socket"];
  if (text.includes("All sentinels are unreachable")) {
    return [text.replace(/^.*Last error: /s, "no sentinel answers: "), "check the hosts, ports and master_name"];
  }
  if (typeof code === "string" && /CERT|SSL|TLS|UNABLE_TO/.test(code)) {
    return [text, "give the CA with ?ssl_ca_certs=/path/ca.pem, or ?ssl_cert_reqs=none to trust anything"];
  }
  return explainReply(text);
}

// By the first word of Redis' error.
const replies: Readonly<Record<string, Explanation>> = {
  NOAUTH: ["it wants a password", "write it in the broker URL: redis://:password@host:6379/0"],
  WRONGPASS: ["user name or password is wrong", "check them in the broker URL; special characters are written %XX"],
  OOM: ["it is out of memory (maxmemory)", "give it more, and keep maxmemory-policy at noeviction for a broker"],
  MISCONF: ["it cannot save to its disk and takes no writes", "see redis-server's log"],
  READONLY: ["it is a read-only replica", "connect to the master, or through sentinel://"],
  NOSCRIPT: ["it no longer knows our script (SCRIPT FLUSH)", "it is loaded again with the next try"],
  LOADING: ["it is still loading its data"],
};

function explainReply(reply: string, keys: readonly string[] = []): Explanation {
  const text = withoutScript(reply);
  const known = replies[text.split(" ", 1)[0] ?? ""];
  if (known !== undefined) return known;
  if (isForbidden(text))
    return [explainForbidden(text, keys), "the user needs the commands and keys of Celery, and lovage:*"];
  if (text.startsWith("WRONGTYPE") && keys.length > 0)
    return [`${listKeys(keys)} holds another kind of value`, "delete it (DEL), or choose another name"];
  if (text.includes("DB index is out of range")) {
    return ["it has no such database", "the path of the URL is the database, 0 to 15 unless configured otherwise"];
  }
  return [text.replace(/^ERR /, "")];
}

// Inside a script it is an ERR, in other words from version to version.
function isForbidden(text: string): boolean {
  return /^(NOPERM|ERR ACL failure|ERR The user executing the script)/.test(text);
}

function explainForbidden(text: string, keys: readonly string[]): string {
  if (keys.length > 0 && /one of the keys|access the .* key/.test(text)) {
    return `this user has no permission for ${listKeys(keys)}`;
  }
  return text.replace(/^(NOPERM|ERR ACL failure in script:|ERR) /, "");
}

function listKeys(keys: readonly string[]): string {
  if (keys.length === 1) return `the key ${keys[0]}`;
  const shown = keys.slice(0, 5).join(", ");
  return `one of the keys ${shown}${keys.length > 5 ? ` and ${keys.length - 5} more` : ""}`;
}

/** Where in which script it happened means nothing to anybody but us. */
function withoutScript(text: string): string {
  return text
    .replace(/\s*script: [0-9a-f]{40}, on @user_script:\d+\.?\s*$/, "")
    .replace(/^ERR Error (running|compiling) script \([^)]*\): /, "ERR ")
    .replace(/^((?:[A-Z]+ )?)(?:@?user_script:\d+: )+/, "$1")
    .replace(/^ERR (?=[A-Z]{4,} )/, "");
}
