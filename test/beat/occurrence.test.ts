import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { occurrenceId } from "../../src/beat/occurrence.ts";

describe("occurrenceId", () => {
  it("is the same for the same scope, entry and due time, and differs in each of them", () => {
    const id = occurrenceId("proj", "lights", 1_800_000_000_000);
    expect(occurrenceId("proj", "lights", 1_800_000_000_000)).toBe(id);
    const others = [
      occurrenceId("proj2", "lights", 1_800_000_000_000),
      occurrenceId("proj", "light", 1_800_000_000_000),
      occurrenceId("proj", "lights", 1_800_000_000_001),
    ];
    expect(new Set([id, ...others]).size).toBe(4);
  });

  it("cannot be confused by a separator within a name", () => {
    expect(occurrenceId("a", 'b","c', 1)).not.toBe(occurrenceId('a","b', "c", 1));
  });

  it("is what Python's uuid5 makes of the same name", () => {
    const script = `import uuid; print(uuid.uuid5(uuid.UUID("8d2f6c1e-5b0a-4f73-91c4-e27ab6d5f083"), '["proj","sun ☀",1800000000500]'))`;
    const python = spawnSync("/usr/bin/python3", ["-c", script], { encoding: "utf8" });
    expect(occurrenceId("proj", "sun ☀", 1_800_000_000_500)).toBe(python.stdout.trim());
  });
});
