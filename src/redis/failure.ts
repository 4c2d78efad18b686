// What Redis and the network say, in words that tell the user what to do about it.
import { LovageError, messageOf } from "../error.ts";
import type { RedisWords } from "./words.ts";

/** Why no connection came about. */
export function cannotReach(words: RedisWords, url: string, error: unknown): LovageError {
  const [reason, hint] = explainConnect(words, messageOf(error), (error as { code?: unknown } | undefined)?.code);
  return new LovageError(words.code, `cannot reach ${named(words, url)}: ${reason}`, { hint, cause: error });
}

/** What an unanswered or refused command means; `keys` are those it was for. */
export function commandFailure(
  words: RedisWords,
  url: string,
  error: unknown,
  keys: readonly string[] = [],
): LovageError {
  if (error instanceof LovageError) return error;
  if (!isReply(error)) {
    const details = { hint: words.unanswered, cause: error };
    return new LovageError(words.code, `lost the connection to ${named(words, url)} before it answered`, details);
  }
  const [reason, hint] = explainReply(words, error.message, keys);
  const message = `${named(words, url)} refused: ${reason}`;
  const details = { hint, cause: error };
  const refusal = isRefusal(error) ? words.refusal?.(message, details) : undefined;
  return refusal ?? new LovageError(words.code, message, details);
}

/** Somebody uses a connection that he has closed. */
export function closedConnection(words: RedisWords, url: string): LovageError {
  return new LovageError(words.code, `the connection to ${named(words, url)} is closed`);
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

function named({ server }: RedisWords, url: string): string {
  return server === "" ? url : `${server} ${url}`;
}

function explainConnect(words: RedisWords, text: string, code: unknown): Explanation {
  const known = typeof code === "string" ? explainCode(words, code) : undefined;
  if (known !== undefined) return known;
  if (text.includes("All sentinels are unreachable")) {
    return [text.replace(/^.*Last error: /s, "no sentinel answers: "), "check the hosts, ports and master_name"];
  }
  if (typeof code === "string" && /CERT|SSL|TLS|UNABLE_TO/.test(code)) {
    return [text, "give the CA with ?ssl_ca_certs=/path/ca.pem, or ?ssl_cert_reqs=none to trust anything"];
  }
  return explainReply(words, text, []);
}

/** By the code that Node.js gives to the failure. */
function explainCode({ setting, elsewhere }: RedisWords, code: string): Explanation | undefined {
  if (code === "ECONNREFUSED") return ["connection refused", `start redis-server there, or ${elsewhere}`];
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return ["its host name is not known", `check the host in ${setting}`];
  }
  if (code === "ETIMEDOUT") return ["no answer in time", "check host, port and firewall"];
  if (code === "ENOENT") return ["there is no such socket", `check the path in ${setting}`];
  if (code === "EACCES") return ["this user may not open the socket", "check the permissions of the socket"];
  return undefined;
}

function explainReply(words: RedisWords, reply: string, keys: readonly string[]): Explanation {
  const text = withoutScript(reply);
  const known = explainWord(words, text.split(" ", 1)[0] ?? "");
  if (known !== undefined) return known;
  if (isForbidden(text)) return [explainForbidden(text, keys), words.permissions];
  if (text.startsWith("WRONGTYPE") && keys.length > 0) {
    return [`${listKeys(keys)} holds another kind of value`, "delete it (DEL), or choose another name"];
  }
  if (text.includes("DB index is out of range")) {
    return ["it has no such database", "the path of the URL is the database, 0 to 15 unless configured otherwise"];
  }
  return [text.replace(/^ERR /, "")];
}

/** By the first word of Redis' error. */
function explainWord({ setting, example, memory }: RedisWords, word: string): Explanation | undefined {
  const known: Readonly<Record<string, Explanation>> = {
    NOAUTH: ["it wants a password", `write it in ${setting}: ${example}`],
    WRONGPASS: ["user name or password is wrong", `check them in ${setting}; special characters are written %XX`],
    OOM: ["it is out of memory (maxmemory)", memory],
    MISCONF: ["it cannot save to its disk and takes no writes", "see redis-server's log"],
    READONLY: ["it is a read-only replica", "connect to the master, or through sentinel://"],
    NOSCRIPT: ["it no longer knows our script (SCRIPT FLUSH)", "it is loaded again with the next try"],
    LOADING: ["it is still loading its data"],
  };
  return Object.hasOwn(known, word) ? known[word] : undefined;
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
