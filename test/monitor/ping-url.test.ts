import { describe, expect, it } from "vitest";
import { pingRequest, shownUrl } from "../../src/monitor/ping-url.ts";

function loginIn(url: string): string | null {
  const { authorization } = pingRequest(url).headers;
  return authorization === undefined ? null : Buffer.from(authorization.replace("Basic ", ""), "base64").toString();
}

describe("the URL of a ping", () => {
  it.each([
    ["https://hc-ping.com/uuid?x=1", "https://hc-ping.com/uuid?x=1", null, "https://hc-ping.com/uuid?x=1"],
    ["http://u:secret@host:81/x", "http://host:81/x", "u:secret", "http://u:***@host:81/x"],
    ["http://u:p%40ss%2Fü@host/", "http://host/", "u:p@ss/ü", "http://u:***@host/"],
    ["http://key@host/x", "http://host/x", "key:", "http://***@host/x"],
    ["http://:pass@host/x", "http://host/x", ":pass", "http://:***@host/x"],
    ["http://u:50%@host/x", "http://host/x", "u:50%", "http://u:***@host/x"],
    ["http://host:80/a@b", "http://host/a@b", null, "http://host:80/a@b"],
  ])("%s is fetched as %s with the login %s, and shown as %s", (written, fetched, login, shown) => {
    expect([pingRequest(written).url, loginIn(written), shownUrl(written)]).toEqual([fetched, login, shown]);
  });
});
