import { describe, expect, it } from "vitest";
import { canonicalName, withoutNamespace } from "../../src/config/names.ts";
import celerySettings from "./celery-settings.json" with { type: "json" };

describe("canonicalName", () => {
  it("knows every name from before Celery 4", () => {
    for (const [name, { old }] of Object.entries(celerySettings)) {
      for (const written of old) expect(canonicalName(written), written).toBe(canonicalName(name));
    }
  });

  it("knows the present names in upper case, with and without CELERY_", () => {
    expect(canonicalName("CELERY_TASK_DEFAULT_QUEUE")).toBe("taskDefaultQueue");
    expect(canonicalName("CELERY_BROKER_URL")).toBe("brokerUrl");
    expect(canonicalName("TASK_DEFAULT_QUEUE")).toBe("taskDefaultQueue");
    expect(canonicalName("TIMEZONE")).toBe("timezone");
  });

  it("tells a worker's task log format from a task's time limit, which have one old prefix", () => {
    expect(canonicalName("CELERYD_TASK_LOG_FORMAT")).toBe("workerTaskLogFormat");
    expect(canonicalName("CELERYD_TASK_TIME_LIMIT")).toBe("taskTimeLimit");
  });

  it("keeps digits together", () => {
    expect(canonicalName("s3_access_key_id")).toBe("s3AccessKeyId");
  });

  it("is null for what is no setting", () => {
    for (const name of ["timezon", "DEBUG", "CELERY_", "constructor", "toString", ""])
      expect(canonicalName(name)).toBeNull();
  });
});

describe("withoutNamespace", () => {
  it("takes the prefix away, whichever way it is written", () => {
    expect(withoutNamespace("CELERY_BROKER_URL", "CELERY")).toBe("broker_url");
    expect(withoutNamespace("celery_broker_url", "CELERY")).toBe("broker_url");
    expect(withoutNamespace("PROJ_TIMEZONE", "proj_")).toBe("timezone");
  });

  it("leaves what has no prefix to its owner", () => {
    expect(withoutNamespace("DEBUG", "CELERY")).toBeNull();
    expect(withoutNamespace("CELERYBEAT_SCHEDULE", "CELERY")).toBeNull();
  });
});
