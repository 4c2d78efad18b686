import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { scheduleFileJsonSchema } from "../../src/schedule/schema.ts";

const committed = fileURLToPath(new URL("../../schedule.schema.json", import.meta.url));

interface JsonSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly required?: readonly string[];
}

describe("the JSON Schema for editors", () => {
  const schema = scheduleFileJsonSchema() as JsonSchema & Record<string, unknown>;
  const entry = schema.properties?.["entries"]?.anyOf?.[0]?.additionalProperties as JsonSchema;

  it("is draft 7", () => {
    expect(schema["$schema"]).toBe("http://json-schema.org/draft-07/schema#");
  });

  it("asks for a task and a schedule, and knows no other keys than ours", () => {
    expect(entry.required).toEqual(["task", "schedule"]);
    expect([schema.additionalProperties, entry.additionalProperties]).toEqual([false, false]);
    expect(Object.keys(entry.properties ?? {})).toEqual([
      "task",
      "schedule",
      "args",
      "kwargs",
      "options",
      "relative",
      "timezone",
      "dst",
      "day_match",
      "start_at",
      "end_at",
      "max_runs",
      "exclude",
      "enabled",
      "jitter",
      "missed",
      "missed_within",
      "overlap",
      "overlap_limit",
      "ping",
      "description",
    ]);
  });

  it("has a description for every key, for the editor to show", () => {
    const bare = [
      ...Object.entries(entry.properties ?? {}),
      ...Object.entries(entry.properties?.["options"]?.properties ?? {}),
    ]
      .filter(([, { description }]) => description === undefined)
      .map(([key]) => key);
    expect(bare).toEqual([]);
  });

  it.skipIf(!existsSync(committed))("is the one in schedule.schema.json", () => {
    expect(readFileSync(committed, "utf8")).toBe(`${JSON.stringify(scheduleFileJsonSchema(), null, 2)}\n`);
  });
});
