import { describe, expect, it } from "vitest";
import { maskUrl } from "../../src/broker/url.ts";

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
    ["memory://", "memory://"],
    ["not a url", "not a url"],
  ])("shows %s as %s", (url, shown) => {
    expect(maskUrl(url)).toBe(shown);
  });
});
