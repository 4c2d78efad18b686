// What Redis and the network say about results, in words that tell the user what to do about it.
import { LovageError, messageOf } from "../../error.ts";

/** Why no connection came about. */
export function cannotReach(url: string, error: unknown): LovageError {
  const [reason, hint] = explainConnect(messageOf(error), (error as { code?: unknown } | undefined)?.code);
  return new LovageError("result", `cannot reach the result backend ${url}: ${reason}`, { hint, cause: error });
}

/** What a refused or unanswered command means. */
export function commandFailure(url: string, error: unknown): LovageError {
  if (error instanceof LovageError) return error;
  if (isReply(error)) {
    const [reason, hint] = explainReply(error.message);
    return new LovageError("result", `the result backend ${url} refused: ${reason}`, { hint, cause: error });
  }
  const message = `lost the connection to the result backend ${url} before it answered`;
  return new LovageError("result", message, { cause: error });
}

/** True for an error that Redis itself answered with. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

export function isNoScript(error: unknown): boolean {
  return isReply(error) && error.message.startsWith("NOSCRIPT");
}

type Explanation = readonly [reason: string, hint?: string];

const connecting: Readonly<Record<string, Explanation>> = {
  ECONNREFUSED: ["connection refused", "start redis-server there, or set another resultBackend"],
  ENOTFOUND: ["its host name is not known", "check the host in resultBackend"],
  EAI_AGAIN: ["its host name is not known", "check the host in resultBackend"],
  ETIMEDOUT: ["no answer in time", "check host, port and firewall"],
  ENOENT: ["there is no such socket", "check the path in resultBackend"],
  EACCES: ["this user may not open the socket", "check the permissions of the socket"],
};

function explainConnect(text: string, code: unknown): Explanation {
  const known = typeof code === "string" ? connecting[code] : undefined;
  if (known !== undefined) return known;
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
  NOAUTH: ["it wants a password", "write it in resultBackend: redis://:password@host:6379/1"],
  WRONGPASS: ["user name or password is wrong", "check them in resultBackend; special characters are written %XX"],
  OOM: ["it is out of memory (maxmemory)", "give it more, or keep results for less long (resultExpires)"],
  MISCONF: ["it cannot save to its disk and takes no writes", "see redis-server's log"],
  READONLY: ["it is a read-only replica", "connect to the master, or through sentinel://"],
  LOADING: ["it is still loading its data"],
};

function explainReply(reply: string): Explanation {
  // Where in which script it happened means nothing to anybody but us.
  const text = reply
    .replace(/\s*script: [0-9a-f]{40}, on @user_script:\d+\.?\s*$/, "")
    .replace(/^ERR Error (running|compiling) script \([^)]*\): /, "ERR ")
    .replace(/^((?:[A-Z]+ )?)(?:@?user_script:\d+: )+/, "$1")
    .replace(/^ERR (?=[A-Z]{4,} )/, "");
  const known = replies[text.split(" ", 1)[0] ?? ""];
  if (known !== undefined) return known;
  if (/^(NOPERM|ERR ACL failure|ERR The user executing the script)/.test(text)) {
    const hint = "the user needs GET, SET, DEL, SUBSCRIBE, PUBLISH and EVALSHA on celery-task-meta-*";
    return [text.replace(/^(NOPERM|ERR ACL failure in script:|ERR) /, ""), hint];
  }
  if (text.includes("DB index is out of range")) {
    return ["it has no such database", "the path of the URL is the database, 0 to 15 unless configured otherwise"];
  }
  return [text.replace(/^ERR /, "")];
}
