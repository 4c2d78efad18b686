import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readEnvironment, readModule, readSettings } from "../../src/config/read.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";

const javascript = fileURLToPath(new URL("../fixtures/projects/javascript", import.meta.url));

describe("readSettings", () => {
  it("reads camel case, snake case and old names alike", () => {
    const { settings } = readSettings({
      taskDefaultQueue: "a",
      task_default_exchange: "b",
      CELERY_TIMEZONE: "Asia/Taipei",
    });
    expect(settings).toEqual({ taskDefaultQueue: "a", taskDefaultExchange: "b", timezone: "Asia/Taipei" });
  });

  it("tells every mistake at once", () => {
    expect(() => readSettings({ timezon: "UTC", task_time_limit: "x", favourite: 1 })).toThrow(
      "unknown setting timezon (did you mean timezone?)\n" +
        "task_time_limit: expected number, received string\n" +
        "unknown setting favourite",
    );
  });

  it("refuses one setting under two names", () => {
    expect(() => readSettings({ brokerUrl: "redis://a", BROKER_URL: "redis://b" })).toThrow(
      "brokerUrl and BROKER_URL are the same setting",
    );
  });

  it("takes what is undefined as absent", () => {
    expect(readSettings({ timezone: undefined, noSuchThing: undefined }).settings).toEqual({});
  });

  it("reads only what belongs to the namespace, and minds mistakes in it", () => {
    const { settings } = readSettings({ DEBUG: true, CELERY_TASK_DEFAULT_QUEUE: "q" }, { namespace: "CELERY" });
    expect(settings).toEqual({ taskDefaultQueue: "q" });
    expect(() => readSettings({ CELERY_TIMEZON: "UTC" }, { namespace: "CELERY" })).toThrow(
      "unknown setting CELERY_TIMEZON (did you mean timezone?)",
    );
  });

  it("lists settings of Celery's that have no effect", () => {
    expect(readSettings({ worker_consumer: "x:Y", s3_bucket: "b" }).ignored).toEqual(["workerConsumer", "s3Bucket"]);
  });
});

describe("readEnvironment", () => {
  it("reads Celery's variables and its own for every setting", () => {
    const { settings } = readEnvironment({
      CELERY_BROKER_URL: "redis://celery",
      LOVAGE_TIMEZONE: "Europe/Oslo",
      LOVAGE_TASK_TIME_LIMIT: "2.5",
      LOVAGE_TASK_PUBLISH_RETRY: "no",
      LOVAGE_ACCEPT_CONTENT: "json, yaml",
      LOVAGE_TASK_ROUTES: '{"a.*": "q"}',
      LOVAGE_RESULT_EXPIRES: "none",
      LOVAGE_TASK_DEFAULT_QUEUE: "1",
      PATH: "/bin",
    });
    expect(settings).toEqual({
      brokerUrl: "redis://celery",
      timezone: "Europe/Oslo",
      taskTimeLimit: 2.5,
      taskPublishRetry: false,
      acceptContent: ["json", "yaml"],
      taskRoutes: { "a.*": "q" },
      resultExpires: null,
      taskDefaultQueue: "1",
    });
  });

  it("prefers its own variable to Celery's", () => {
    const environment = { LOVAGE_BROKER_URL: "redis://own", CELERY_BROKER_URL: "redis://celery" };
    expect(readEnvironment(environment).settings.brokerUrl).toBe("redis://own");
  });

  it("takes an empty variable as absent", () => {
    expect(readEnvironment({ CELERY_BROKER_URL: "", LOVAGE_TIMEZONE: "" }).settings).toEqual({});
  });

  it("refuses a name that is nearly right, and leaves alone what container platforms put there", () => {
    expect(() => readEnvironment({ LOVAGE_TIMEZON: "UTC" })).toThrow(
      "unknown setting LOVAGE_TIMEZON in the environment (did you mean LOVAGE_TIMEZONE?)",
    );
    const kubernetes = {
      LOVAGE_SERVICE_HOST: "10.0.0.1",
      LOVAGE_PORT: "tcp://10.0.0.1:80",
      LOVAGE_PORT_80_TCP_ADDR: "10.0.0.1",
    };
    expect(readEnvironment(kubernetes).settings).toEqual({});
  });

  it("says which variable has a bad value", () => {
    expect(() => readEnvironment({ LOVAGE_TASK_TIME_LIMIT: "soon" })).toThrow(
      "LOVAGE_TASK_TIME_LIMIT: expected number, received string",
    );
  });
});

describe("readModule", () => {
  it("reads the exports of a module by its bare name", async () => {
    const { settings } = await readModule("celeryconfig", { folders: [javascript] });
    expect(settings).toEqual({ taskDefaultQueue: "from-the-module", timezone: "Europe/Oslo" });
  });

  it("reads YAML and JSON files", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("a.yaml"), "timezone: Europe/Oslo\ntask_routes: {'x.*': q}\n");
    writeFileSync(folder.file("b.json"), '{"taskDefaultQueue": "q"}');
    writeFileSync(folder.file("empty.yml"), "");
    const folders = [folder.path];
    expect((await readModule("a.yaml", { folders })).settings).toEqual({
      timezone: "Europe/Oslo",
      taskRoutes: { "x.*": "q" },
    });
    expect((await readModule("b", { folders })).settings).toEqual({ taskDefaultQueue: "q" });
    expect((await readModule("./empty", { folders })).settings).toEqual({});
  });

  it("reads the dots of a name as folders", async () => {
    await using folder = temporaryFolder();
    mkdirSync(folder.file("proj"));
    writeFileSync(folder.file("proj/settings.json"), '{"timezone": "Asia/Taipei"}');
    expect((await readModule("proj.settings", { folders: [folder.path] })).settings).toEqual({
      timezone: "Asia/Taipei",
    });
  });

  it("puts the file before each mistake", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("c.yaml"), "timezon: UTC\n");
    await expect(readModule("c.yaml", { folders: [folder.path] })).rejects.toThrow(
      `${folder.file("c.yaml")}: unknown setting timezon (did you mean timezone?)`,
    );
    writeFileSync(folder.file("d.yaml"), "timezone: UTC\n  - x: [\n");
    await expect(readModule("d.yaml", { folders: [folder.path] })).rejects.toThrow(/d\.yaml:\d+:\d+: [^\n]+$/);
    writeFileSync(folder.file("list.json"), "[]");
    await expect(readModule("list", { folders: [folder.path] })).rejects.toThrow(
      "list.json: expected an object of settings",
    );
  });

  it("says what was tried when there is no such module, and what is there instead", async () => {
    await expect(readModule("celeryconfg", { folders: [javascript] })).rejects.toThrow(
      /^settings module celeryconfg not found \(did you mean celeryconfig\? tried .*celeryconfg\.\{ts,mts,js,/,
    );
  });
});
