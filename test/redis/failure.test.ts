import { describe, expect, it } from "vitest";
import { LovageError } from "../../src/error.ts";
import { cannotReach, closedConnection, commandFailure } from "../../src/redis/failure.ts";
import { NeverError, words } from "./words.ts";

const url = "redis://host/0";

function networkError(code: string): Error {
  return Object.assign(new Error("text"), { code });
}

function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: "ReplyError" });
}

describe("cannotReach", () => {
  it.each([
    [networkError("ECONNREFUSED"), "connection refused", "start redis-server there, or take another"],
    [networkError("ENOTFOUND"), "its host name is not known", "check the host in queueUrl"],
    [networkError("ENOENT"), "there is no such socket", "check the path in queueUrl"],
    [networkError("CERT_HAS_EXPIRED"), "text", expect.stringContaining("ssl_ca_certs")],
    [
      replyError("NOAUTH Authentication required."),
      "it wants a password",
      "write it in queueUrl: redis://:password@host/7",
    ],
    [replyError("LOADING Redis is loading"), "it is still loading its data", undefined],
    [new Error("constructor"), "constructor", undefined],
  ])("says why, and what to do, in the words of who asks: %s", (error, reason, hint) => {
    const problem = cannotReach(words, url, error);
    expect(problem).toMatchObject({ code: "broker", message: `cannot reach the queue ${url}: ${reason}`, hint });
    expect(problem.cause).toBe(error);
  });
});

describe("commandFailure", () => {
  it("is of the kind that who asks has for refusals, where Redis would say the same tomorrow", () => {
    const refused = commandFailure(words, url, replyError("WRONGTYPE Operation against a key"), ["a"]);
    expect(refused).toBeInstanceOf(NeverError);
    expect(refused.message).toBe(`the queue ${url} refused: the key a holds another kind of value`);
    const full = commandFailure(words, url, replyError("OOM command not allowed"));
    expect(full).not.toBeInstanceOf(NeverError);
    expect(full.hint).toBe("give it more");
  });

  it("is an ordinary error for who has no such kind", () => {
    const { refusal: _, ...plain } = words;
    const error = commandFailure(plain, url, replyError("NOPERM User u has no permissions to run the 'get' command"));
    expect(error).not.toBeInstanceOf(NeverError);
    expect(error).toMatchObject({
      message: `the queue ${url} refused: User u has no permissions to run the 'get' command`,
      hint: "the user needs everything",
    });
  });

  it("tells a lost connection from an answer, and passes on what is in words already", () => {
    expect(commandFailure(words, url, new Error("closed"))).toMatchObject({
      message: `lost the connection to the queue ${url} before it answered`,
      hint: "who knows",
    });
    const known = new LovageError("result", "in words");
    expect(commandFailure(words, url, known)).toBe(known);
    expect(closedConnection(words, url).message).toBe(`the connection to the queue ${url} is closed`);
  });
});
