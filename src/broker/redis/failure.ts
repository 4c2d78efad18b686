// What Redis and the network say, in words that tell the user what to do about it.
import { LovageError, messageOf } from "../../error.ts";
import { RefusedError } from "../broker.ts";

/** Why no connection came about. */
export function cannotReach(url: string, error: unknown): LovageError {
  const text = messageOf(error);
  const [reason, hint] = explainConnect(text, (error as { code?: unknown } | undefined)?.code);
  return new LovageError("broker", `cannot reach ${url}: ${reason}`, { hint, cause: error });
}

/** What an unanswered or refused command means. */
export function commandFailure(url: string, error: unknown): LovageError {
  if (error instanceof LovageError) return error;
  const text = messageOf(error);
  if (isReply(error)) {
    const [reason, hint] = explainReply(text);
    const message = `${url} refused: ${reason}`;
    if (/^(NOPERM|WRONGTYPE)/.test(text)) return new RefusedError(message, { hint, cause: error });
    return new LovageError("broker", message, { hint, cause: error });
  }
  return new LovageError("broker", `lost the connection to ${url} before it answered`, {
    hint: "whether it was done is not known; under a guard the same batch may be sent again",
    cause: error,
  });
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

function explainReply(text: string): Explanation {
  const known = replies[text.split(" ", 1)[0] ?? ""];
  if (known !== undefined) return known;
  if (text.startsWith("NOPERM")) return [text, "the user needs the commands and keys of Celery, and lovage:*"];
  if (text.includes("DB index is out of range")) {
    return ["it has no such database", "the path of the URL is the database, 0 to 15 unless configured otherwise"];
  }
  return [text.replace(/^ERR /, "")];
}
