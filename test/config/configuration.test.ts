import { describe, expect, it } from "vitest";
import { Configuration, createConf, type Environment } from "../../src/config/configuration.ts";

type AnyConf = Record<string, unknown> & { update(settings: object): void; table(options?: object): object };

function open(environment: Environment = {}): { configuration: Configuration; conf: AnyConf } {
  const configuration = new Configuration(environment);
  return { configuration, conf: createConf(configuration) as AnyConf };
}

describe("the layers of a configuration", () => {
  it("give way in order: object, code, environment, command line", () => {
    const { configuration } = open({ LOVAGE_TASK_DEFAULT_QUEUE: "environment" });
    const values = ["task_default_queue", "taskDefaultExchange", "taskDefaultRoutingKey", "taskSerializer"];
    configuration.set("object", Object.fromEntries(values.map((name) => [name, "object"])));
    configuration.set("code", { taskDefaultQueue: "code", taskDefaultExchange: "code", taskDefaultRoutingKey: "code" });
    configuration.set("command line", { taskDefaultRoutingKey: "command line" });
    expect(configuration.get("taskDefaultQueue")).toBe("environment");
    expect(configuration.get("taskDefaultExchange")).toBe("code");
    expect(configuration.get("taskDefaultRoutingKey")).toBe("command line");
    expect(configuration.get("taskSerializer")).toBe("object");
    expect(configuration.layerOf("taskSerializer")).toBe("object");
    expect(configuration.layerOf("timezone")).toBe("default");
  });

  it("let CELERY_BROKER_URL win over the code, as in Celery", () => {
    const { configuration } = open({ CELERY_BROKER_URL: "redis://environment" });
    configuration.set("code", { brokerUrl: "redis://code" });
    expect(configuration.get("brokerUrl")).toBe("redis://environment");
  });

  it("set nothing when one of several settings is wrong", () => {
    const { configuration } = open();
    expect(() => configuration.set("code", { timezone: "Asia/Taipei", taskTimeLimit: "x" })).toThrow("taskTimeLimit");
    expect(configuration.get("timezone")).toBe("UTC");
  });
});

describe("defaults that depend on other settings", () => {
  it("keep results beside the embedded broker, and nowhere else unless told", () => {
    const { configuration } = open();
    expect(configuration.get("brokerUrl")).toBe("sqlite:///.lovage/broker.sqlite");
    expect(configuration.get("resultBackend")).toBe("sqlite:///.lovage/results.sqlite");
    configuration.set("code", { brokerUrl: "redis://host" });
    expect(configuration.get("resultBackend")).toBeNull();
  });

  it("make the broker's address of its parts", () => {
    const { configuration, conf } = open();
    configuration.set("code", {
      brokerHost: "host",
      brokerPort: 1,
      brokerUser: "me",
      brokerPassword: "a/b",
      brokerVhost: "v",
    });
    expect(configuration.get("brokerUrl")).toBe("amqp://me:a%2Fb@host:1/v");
    expect(conf["isBrokerDefault"]).toBe(false);
    configuration.set("code", { brokerTransport: "redis", brokerUser: null, brokerPassword: null, brokerVhost: "2" });
    expect(configuration.get("brokerUrl")).toBe("redis://host:1/2");
    configuration.set("code", { brokerHost: "redis://whole" });
    expect(configuration.get("brokerUrl")).toBe("redis://whole");
    configuration.set("code", { brokerUrl: "redis://told" });
    expect(configuration.get("brokerUrl")).toBe("redis://told");
  });

  it("take the machine's zone only when UTC is not wanted and no zone is set", () => {
    const { configuration } = open();
    expect(configuration.get("timezone")).toBe("UTC");
    configuration.set("code", { enableUtc: false });
    expect(configuration.get("timezone")).toBe(new Intl.DateTimeFormat().resolvedOptions().timeZone);
    configuration.set("code", { timezone: "Asia/Taipei" });
    expect(configuration.get("timezone")).toBe("Asia/Taipei");
  });
});

describe("conf", () => {
  it("reads and writes in camel and snake case", () => {
    const { conf } = open();
    conf["task_default_queue"] = "a";
    expect(conf["taskDefaultQueue"]).toBe("a");
    conf["taskDefaultQueue"] = "b";
    expect(conf["task_default_queue"]).toBe("b");
    conf.update({ timezone: "Asia/Taipei", task_default_exchange: "x" });
    expect([conf["timezone"], conf["taskDefaultExchange"]]).toEqual(["Asia/Taipei", "x"]);
  });

  it("refuses unknown names and bad values when they are written", () => {
    const { conf } = open();
    expect(() => {
      conf["timezon"] = "UTC";
    }).toThrow("unknown setting timezon (did you mean timezone?)");
    expect(() => {
      conf["timezone"] = "Mars/Olympus";
    }).toThrow("timezone: Mars/Olympus is not a known time zone");
  });

  it("refuses to read what was meant as a setting, and bears with inspectors", () => {
    const { conf } = open();
    expect(() => conf["timezon"]).toThrow("did you mean timezone?");
    expect(conf["then"]).toBeUndefined();
    expect("timezone" in conf).toBe(true);
    expect("timezon" in conf).toBe(false);
  });

  it("lists all settings, or those that were changed", () => {
    const { conf } = open();
    conf["timezone"] = "Asia/Taipei";
    expect(conf.table({ changed: true })).toEqual({ timezone: "Asia/Taipei" });
    expect(Object.keys(conf)).toContain("taskDefaultQueue");
    expect({ ...conf }["timezone"]).toBe("Asia/Taipei");
    expect(JSON.parse(JSON.stringify(conf))).toMatchObject({ timezone: "Asia/Taipei", taskDefaultQueue: "celery" });
  });

  it("lets entries be added to the schedule in place, also to the default one", () => {
    const { conf } = open();
    (conf["beatSchedule"] as Record<string, object>)["nightly"] = { task: "a", schedule: 1 };
    expect(conf["beatSchedule"]).toEqual({ nightly: { task: "a", schedule: 1 } });
    expect(open().conf["beatSchedule"]).toEqual({});
  });

  it("accepts Celery's settings that have no effect and remembers why", () => {
    const { configuration, conf } = open();
    conf["worker_hijack_root_logger"] = false;
    expect([...configuration.ignored.keys()]).toEqual(["workerHijackRootLogger"]);
    expect(conf["workerHijackRootLogger"]).toBeUndefined();
  });
});
