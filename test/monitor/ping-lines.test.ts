import { describe, expect, it } from "vitest";
import { type Ping, PingLines } from "../../src/monitor/ping-lines.ts";

/** `one/a`: entry `a` at the host `one`. */
function ping(text: string, kind = "success"): Ping {
  const [host = "", entry = ""] = text.split("/");
  return { entry, kind, url: `https://${host}/${entry}/${kind}` };
}

function add(lines: PingLines, ...texts: readonly string[]): void {
  for (const text of texts) lines.add(ping(text));
}

/** All that have a slot now. */
function begin(lines: PingLines): readonly Ping[] {
  const begun: Ping[] = [];
  for (let one = lines.next(); one !== null; one = lines.next()) begun.push(one);
  return begun;
}

function names(pings: readonly Ping[]): readonly string[] {
  return pings.map(({ url, entry }) => `${new URL(url).host}/${entry}`);
}

describe("the lines of pings", () => {
  it("give a host two slots, and all hosts ten", () => {
    const lines = new PingLines();
    for (const host of ["a", "b", "c"]) for (const entry of ["1", "2", "3"]) add(lines, `${host}/${host}${entry}`);
    expect(names(begin(lines)).toSorted()).toEqual(["a/a1", "a/a2", "b/b1", "b/b2", "c/c1", "c/c2"]);
    for (const host of ["d", "e", "f"]) add(lines, `${host}/${host}1`, `${host}/${host}2`);
    expect([begin(lines).length, lines.isFull]).toEqual([4, true]);
  });

  it("let hosts take turns, so that a long line holds up no short one", () => {
    const lines = new PingLines();
    add(lines, "a/1", "a/2", "a/3", "a/4", "b/5");
    const [first, ...rest] = begin(lines);
    expect(names(first === undefined ? [] : [first, ...rest])).toEqual(["a/1", "b/5", "a/2"]);
    if (first !== undefined) lines.done(first, false);
    expect(names(begin(lines))).toEqual(["a/3"]);
  });

  it("keep the turn of an entry that has newer tidings, and tell of it what came last, last", () => {
    const lines = new PingLines();
    add(lines, "a/1", "a/2");
    const [one, two] = begin(lines);
    add(lines, "a/3", "a/4");
    lines.add(ping("a/3", "failure"));
    add(lines, "a/3");
    for (const done of [one, two]) if (done !== undefined) lines.done(done, false);
    const next = begin(lines);
    expect(next.map(({ entry, kind }) => `${entry} ${kind}`)).toEqual(["3 failure", "4 success"]);
    for (const done of next) lines.done(done, false);
    expect(begin(lines).map(({ entry, kind }) => `${entry} ${kind}`)).toEqual(["3 success"]);
    expect(begin(lines)).toEqual([]);
  });

  it("send one ping of an entry at a time, whatever its hosts are", () => {
    const lines = new PingLines();
    add(lines, "a/1", "b/1");
    const begun = begin(lines);
    expect(names(begun)).toEqual(["a/1"]);
    for (const one of begun) lines.done(one, false);
    expect(names(begin(lines))).toEqual(["b/1"]);
  });

  it("leave half of the slots to hosts that answer, however many hang, until these answer again", () => {
    const lines = new PingLines();
    const hung = ["a", "b", "c", "d", "e", "f", "g"];
    for (const host of hung) add(lines, `${host}/${host}0`);
    for (const one of begin(lines)) lines.done(one, true);
    for (const host of hung) add(lines, `${host}/${host}1`, `${host}/${host}2`);
    const tried = begin(lines);
    expect(names(tried)).toEqual(["a/a1", "b/b1", "c/c1", "d/d1", "e/e1"]);
    add(lines, "x/1", "x/2", "y/3");
    expect(names(begin(lines)).toSorted()).toEqual(["x/1", "x/2", "y/3"]);
    const [first] = tried;
    if (first !== undefined) lines.done(first, false);
    expect(names(begin(lines)).toSorted()).toEqual(["a/a2", "f/f1"]);
  });

  it("hold nothing any more once they are cleared", () => {
    const lines = new PingLines();
    add(lines, "a/1", "a/2", "a/3");
    begin(lines);
    lines.clear();
    expect(begin(lines)).toEqual([]);
  });
});
