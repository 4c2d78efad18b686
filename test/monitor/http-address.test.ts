import { describe, expect, it } from "vitest";
import { httpUrl, parseHttpAddress } from "../../src/monitor/http-address.ts";

describe("parseHttpAddress", () => {
  it.each([
    ["8787", "http://127.0.0.1:8787", true],
    [":8787", "http://127.0.0.1:8787", true],
    ["127.0.0.1:8787", "http://127.0.0.1:8787", true],
    ["127.1.2.3:80", "http://127.1.2.3:80", true],
    ["localhost:8787", "http://localhost:8787", true],
    ["[::1]:8787", "http://[::1]:8787", true],
    ["0.0.0.0:8787", "http://0.0.0.0:8787", false],
    ["[::]:8787", "http://[::]:8787", false],
    ["10.0.0.7:0", "http://10.0.0.7:0", false],
    ["beat.example.com:9", "http://beat.example.com:9", false],
  ])("reads %s as %s", (text, url, isLoopback) => {
    const address = parseHttpAddress(text);
    expect([httpUrl(address), address.isLoopback]).toEqual([url, isLoopback]);
  });

  it.each([
    "",
    "x",
    "host",
    "127.0.0.1",
    "1.2.3:80",
    "::1:8787",
    "[zz]:80",
    "a b:80",
    "8787/x",
    "65536",
    "-1",
    "http://x:80",
  ])("refuses %j and says what to write", (text) => {
    expect(() => parseHttpAddress(text)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: `--http: ${JSON.stringify(text)} is not an address to listen on`,
        hint: expect.stringContaining("127.0.0.1:8787"),
      }),
    );
  });
});
