import { describe, expect, it } from "vitest";
import { LovageError } from "../../src/error.ts";
import { openResultBackend } from "../../src/result/open.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";

describe("openResultBackend", () => {
  it("opens by scheme, and connects to no server before it is needed", async () => {
    await using folder = temporaryFolder();
    const urls = ["redis://user:pass@127.0.0.1:1/0", `sqlite:///${folder.file("r.sqlite")}`, "memory://x"];
    const backends = await Promise.all(urls.map((url) => openResultBackend(url, { expiresMs: 1000 })));
    expect(backends.map(({ url, expiresByItself }) => [url, expiresByItself])).toEqual([
      ["redis://user:***@127.0.0.1:1/0", true],
      [urls[1], false],
      ["memory://x", false],
    ]);
    await Promise.all(backends.map((backend) => backend.close()));
  });

  it.each([
    ["redis", "is not a URL", "write one of redis://"],
    ["rediz://host", "rediz:// is not a result backend we know", "did you mean redis://?"],
    ["sqlalchemy:///x", "sqlalchemy:// is not a result backend we know", "did you mean sqlite://?"],
    ["rpc://", "rpc:// comes in a later version", "write one of"],
    ["db+postgresql://me:secret@host/x", "db is not spoken here", "write one of"],
  ])("refuses %s in words, without its password", async (url, message, hint) => {
    const error = await openResultBackend(url, { expiresMs: null }).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(LovageError);
    expect((error as LovageError).message).toContain(message);
    expect((error as LovageError).message).not.toContain("secret");
    expect((error as LovageError).hint).toContain(hint);
  });
});
