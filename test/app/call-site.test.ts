import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { callSite, formatCallSite, nameFrom } from "../../src/app/call-site.ts";

describe("callSite", () => {
  it("is the nearest caller outside the package", () => {
    const site = callSite();
    expect(site?.file).toBe(fileURLToPath(import.meta.url));
    expect(site === null ? "" : formatCallSite(site)).toMatch(/^test\/app\/call-site\.test\.ts:\d+:\d+$/);
  });

  it("leaves the engine's stack trace limit as it was", () => {
    const before = Error.stackTraceLimit;
    callSite();
    expect(Error.stackTraceLimit).toBe(before);
  });
});

describe("nameFrom", () => {
  it("is the module's name, or its folder's where the module's says nothing", () => {
    const at = (file: string) => nameFrom({ file, line: 1, column: 1 });
    expect([at("/srv/shop.ts"), at("/srv/shop/index.ts"), at("/srv/shop/celery.mjs")]).toEqual([
      "shop",
      "shop",
      "shop",
    ]);
  });
});
