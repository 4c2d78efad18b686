import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { celeryOnly } from "../../src/config/celery-only.ts";
import { canonicalName } from "../../src/config/names.ts";
import {
  checkSetting,
  defaultOf,
  isSettingName,
  settingNames,
  snakeCase,
  unknownSetting,
} from "../../src/config/settings.ts";
import celery from "./celery-settings.json" with { type: "json" };

const celerySettings = celery as Readonly<Record<string, { readonly default?: unknown }>>;

/** Where our defaults are not Celery's, on purpose. */
const ownDefaults: ReadonlySet<string> = new Set([
  "beatScheduleFilename",
  "beatScheduler",
  "brokerUrl",
  "databaseEngineOptions",
  "resultBackendMaxRetries",
  "taskPublishRetryPolicy",
  "taskRejectOnWorkerLost",
  "timezone",
]);

describe("the settings", () => {
  it("know every setting of Celery 5.6, and say why where one has no effect", () => {
    for (const name of Object.keys(celerySettings)) {
      const canonical = canonicalName(name);
      expect(canonical, name).not.toBeNull();
      expect(isSettingName(canonical ?? "") || (celeryOnly.get(canonical ?? "") ?? "") !== "", name).toBe(true);
    }
  });

  it("have Celery's defaults, but for those that are named here", () => {
    for (const [name, { default: expected }] of Object.entries(celerySettings)) {
      const canonical = canonicalName(name);
      if (canonical === null || !isSettingName(canonical) || ownDefaults.has(canonical)) continue;
      expect(defaultOf(canonical), name).toEqual(
        Array.isArray(expected) && expected.length === 0 ? [] : (expected ?? null),
      );
    }
  });

  it("never share a default value that can be changed", () => {
    for (const name of settingNames) {
      const value: unknown = defaultOf(name);
      if (typeof value === "object" && value !== null) expect(defaultOf(name), name).not.toBe(value);
    }
  });

  it("accept their own defaults", () => {
    for (const name of settingNames)
      expect(checkSetting(name, defaultOf(name)), name).toEqual({ value: defaultOf(name) });
  });

  it("have the same publish retry policy as Celery, in camel case", () => {
    expect(defaultOf("taskPublishRetryPolicy")).toEqual({
      maxRetries: 3,
      intervalStart: 0,
      intervalStep: 0.2,
      intervalMax: 1,
    });
  });

  it("turn camel case into snake case and back", () => {
    for (const name of settingNames) expect(canonicalName(snakeCase(name)), name).toBe(name);
  });
});

describe("checkSetting", () => {
  it("names the setting as it was written, and the kind of value it wants", () => {
    expect(checkSetting("taskTimeLimit", "ten", "task_time_limit")).toEqual({
      problems: [{ message: "task_time_limit: expected number, received string", hint: undefined }],
    });
  });

  it("says which zone was meant", () => {
    expect(checkSetting("timezone", "Europe/Pariss")).toEqual({
      problems: [{ message: "timezone: Europe/Pariss is not a known time zone", hint: "did you mean Europe/Paris?" }],
    });
  });

  it("takes retry policies in Celery's snake case and completes them", () => {
    expect(checkSetting("taskPublishRetryPolicy", { max_retries: 7, interval_step: 1 })).toEqual({
      value: { maxRetries: 7, intervalStart: 0, intervalStep: 1, intervalMax: 1 },
    });
  });

  it("points at an unknown key inside a value", () => {
    expect(checkSetting("taskPublishRetryPolicy", { max_retry: 7 })).toEqual({
      problems: [{ message: "taskPublishRetryPolicy: unknown key maxRetry" }],
    });
  });

  it("takes queues as a list of names or definitions, or as an object by name", () => {
    const queues = [{ name: "a" }, { name: "b", exchange: "media", exchangeType: "topic", routingKey: "media.#" }];
    const [, { name, ...b }] = queues as [unknown, { name: string }];
    expect(checkSetting("taskQueues", ["a", queues[1]])).toEqual({ value: queues });
    expect(checkSetting("taskQueues", { a: {}, [name]: b })).toEqual({ value: queues });
    expect(checkSetting("taskQueues", [{ name: "a", binding_key: "x.*" }])).toEqual({
      value: [{ name: "a", routingKey: "x.*" }],
    });
  });

  it("takes several broker addresses as Celery does, and words for delivery modes", () => {
    expect(checkSetting("brokerUrl", ["redis://a", "redis://b"])).toEqual({ value: "redis://a;redis://b" });
    expect(checkSetting("taskDefaultDeliveryMode", "transient")).toEqual({ value: 1 });
    expect(checkSetting("taskDefaultDeliveryMode", 3)).toHaveProperty("problems");
  });

  it("says where in beatSchedule something is not an entry", () => {
    expect(checkSetting("beatSchedule", { nightly: 5 })).toEqual({
      problems: [{ message: "beatSchedule.nightly: expected an object with task and schedule", hint: undefined }],
    });
  });
});

describe("every setting", () => {
  const source = fileURLToPath(new URL("../../src", import.meta.url));
  const texts = readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.startsWith("config"))
    .map((file) => readFileSync(join(source, file), "utf8"));
  /** Their value is checked, and there is only one. */
  const checked = ["taskProtocol", "acceptContent", "resultAcceptContent", "resultSerializer", "eventSerializer"];
  /** Read together, by the room that knows settings. */
  const inParts = [
    "brokerTransport",
    "brokerHost",
    "brokerPort",
    "brokerUser",
    "brokerPassword",
    "brokerVhost",
    "enableUtc",
  ];

  it("is read by something, or is among those that say why they have no effect", () => {
    const isRead = (name: string): boolean => texts.some((text) => new RegExp(`\\b${name}\\b`).test(text));
    const idle = settingNames.filter((name) => !checked.includes(name) && !inParts.includes(name) && !isRead(name));
    expect(idle).toEqual([]);
  });
});

describe("unknownSetting", () => {
  it("suggests in the spelling that was used", () => {
    expect(unknownSetting("taskDefaultQueu").hint).toBe("did you mean taskDefaultQueue?");
    expect(unknownSetting("task_default_queu").hint).toBe("did you mean task_default_queue?");
    expect(unknownSetting("favouriteColour")).toEqual({ message: "unknown setting favouriteColour" });
  });
});
