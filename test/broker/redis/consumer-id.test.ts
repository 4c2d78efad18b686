import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createConsumerId, isGone } from "../../../src/broker/redis/consumer-id.ts";
import { waitUntil } from "../../helper/wait.ts";

const [random = "", machine = "", , started = ""] = createConsumerId().split("-");
const of = (pid: number | undefined, wish: { machine?: string; started?: string } = {}): string =>
  [random, wish.machine ?? machine, pid, wish.started ?? started].join("-");

describe("createConsumerId", () => {
  it("gives each consumer one of its own, without what a pattern or a tag would trip over", () => {
    const ids = Array.from({ length: 100 }, createConsumerId);
    expect(new Set(ids).size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}-[0-9a-f]{32}-\d+-\d+$/);
  });
});

describe.skipIf(!existsSync("/proc/self/stat"))("isGone", () => {
  it("knows this process to be alive", () => {
    expect(isGone(createConsumerId())).toBe(false);
  });

  it("knows a process that has ended", async () => {
    const child = spawn("true");
    await once(child, "exit");
    expect(isGone(of(child.pid))).toBe(true);
  });

  it("is not fooled by a process id that somebody else has by now", () => {
    expect(isGone(of(process.pid, { started: "1" }))).toBe(true);
  });

  it("counts a process that has ended, and that its parent has not asked for, as gone", async () => {
    // The shell's child becomes a zombie: after exec, nobody asks for it.
    const parent = spawn("sh", ["-c", "sleep 0.05 & echo $!; exec sleep 60"]);
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(String(line));
    const fields = (): string[] => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    await waitUntil(() => fields()[0] === "Z", { what: "the child to end" });
    expect(isGone(of(pid, { started: fields()[19] ?? "" }))).toBe(true);
    parent.kill("SIGKILL");
    await once(parent, "exit");
  });

  it("says nothing of processes elsewhere, nor of what is no id", async () => {
    const child = spawn("true");
    await once(child, "exit");
    expect(isGone(of(child.pid, { machine: "0".repeat(32) }))).toBe(false);
    expect(isGone(of(child.pid, { machine: machine.replace(/./, (digit) => (digit === "a" ? "b" : "a")) }))).toBe(
      false,
    );
    expect(isGone(of(child.pid, { started: "0" }))).toBe(false);
    for (const id of ["", "a-b-c", `a-${machine}--1-5`, `a-${machine}-0-5`]) expect(isGone(id)).toBe(false);
  });
});
