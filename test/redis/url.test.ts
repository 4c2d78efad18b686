import { describe, expect, it } from "vitest";
import { maskUrl, schemeOf } from "../../src/redis/url.ts";

describe("maskUrl", () => {
  it.each([
    ["redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"],
    ["redis://:secret@host:6379/0", "redis://:***@host:6379/0"],
    ["redis://user:secret@host", "redis://user:***@host"],
    ["redis://user@host", "redis://user@host"],
    ["redis://user:p@ss:w/rd#1@host/0", "redis://user:***@host/0"],
    ["sentinel://:one@a:1;sentinel://:two@b:2/0", "sentinel://:***@a:1;sentinel://:***@b:2/0"],
    ["sentinel://a:1;:secret@b:2/0", "sentinel://a:***@b:2/0"],
    ["redis://host/0?password=secret&x=1", "redis://host/0?password=***&x=1"],
    ["sqlite:///relative.db", "sqlite:///relative.db"],
    ["redis://host?password=secret&db=1", "redis://host?password=***&db=1"],
    ["redis://:one@a;redis://:two@b/0", "redis://:***@a;redis://:***@b/0"],
    ["redis://:semi;colon@host", "redis://:***@host"],
    ["user:secret@host:6379", "user:***@host:6379"],
    ["memory://", "memory://"],
    ["not a url", "not a url"],
  ])("shows %s as %s", (url, shown) => {
    expect(maskUrl(url)).toBe(shown);
  });
});

describe("schemeOf", () => {
  it("is what stands before ://, in lower case", () => {
    expect(["REDIS://host", "redis+socket:///x", "host:6379", ""].map(schemeOf)).toEqual([
      "redis",
      "redis+socket",
      undefined,
      undefined,
    ]);
  });
});
