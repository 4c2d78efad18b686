import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { expandNode, nodeName } from "../../src/remote/node-name.ts";

describe("a node name", () => {
  it.each([
    [undefined, "celery@web1.example.com"],
    ["", "celery@web1.example.com"],
    ["w1@%h", "w1@web1.example.com"],
    ["w1@%n", "w1@web1"],
    ["w1@%d", "w1@example.com"],
    ["w1@", "w1@web1.example.com"],
    ["@other", "celery@other"],
    // As in Celery: without an @ it is the host that is named.
    ["w1", "celery@w1"],
    ["w%i@%h%I", "w0@web1.example.com"],
    ["50%%@%h", "50%@web1.example.com"],
  ])("written %j is %j on web1.example.com", (written, expected) => {
    expect(nodeName(written, "web1.example.com")).toBe(expected);
  });

  it("is of this machine unless it says otherwise", () => {
    expect(nodeName("w1@%h")).toBe(`w1@${hostname()}`);
  });

  it("has an empty domain on a host without one", () => {
    expect(nodeName("w@%n.%d", "web1")).toBe("w@web1.");
  });

  it.each(["w1@%x", "w1@%", "w 1@%h", "w1@%p"])("is refused when it is written %j", (written) => {
    expect(() => nodeName(written, "web1")).toThrow(/%x|%|w 1/);
  });
});

describe("the name of a node's file", () => {
  it("takes the parts of the node name", () => {
    expect(expandNode("/run/%n%I.pid", "w1@web1.example.com")).toBe("/run/w1.pid");
    expect(expandNode("%p-%h-%d-%i.log", "w1@web1.example.com")).toBe(
      "w1@web1.example.com-web1.example.com-example.com-0.log",
    );
  });

  it("says what there is when it takes something else", () => {
    expect(() => expandNode("/run/%N.pid", "w1@web1")).toThrow("%N");
  });
});
