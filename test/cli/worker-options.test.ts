import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addWorkerOptions, refuseOptions, type WorkerCommandOptions } from "../../src/cli/worker-options.ts";
import { workerSettings } from "../../src/cli/worker-plan.ts";

function parse(...args: readonly string[]): WorkerCommandOptions {
  const command = addWorkerOptions(new Command("worker"))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return command.parse(args, { from: "user" }).opts();
}

describe("the options of worker", () => {
  it("are Celery's, short and long", () => {
    const short = parse(
      ..."-A proj -Q a,b -X b -c 4 -P solo -n w1@%h -l debug -f w.log -E -B -s rec -S state -D -q".split(" "),
    );
    expect(short).toMatchObject({
      app: "proj",
      queues: ["a", "b"],
      excludeQueues: ["b"],
      concurrency: 4,
      pool: "solo",
      hostname: "w1@%h",
      loglevel: "debug",
      logfile: "w.log",
      taskEvents: true,
      beat: true,
      schedule: "rec",
      statedb: "state",
      detach: true,
      quiet: true,
    });
  });

  it.each([
    ["10,3", { max: 10, min: 3 }],
    ["3,10", { max: 10, min: 3 }],
    ["7", { max: 7, min: 1 }],
    ["7,0", { max: 7, min: 1 }],
  ])("--autoscale %s is %j", (text, expected) => {
    expect(parse("--autoscale", text).autoscale).toEqual(expected);
  });

  it.each([
    ["--autoscale", "1,2,3"],
    ["--autoscale", "0"],
    ["-c", "1e3"],
    ["--soft-time-limit", "0"],
    ["-S", "./store.ts:Mine"],
    ["-P", "forky"],
  ])("refuse %s %s", (...args) => {
    expect(() => parse(...args)).toThrow(args[1]);
  });

  it("become settings where there are such, and nothing where they are not given", () => {
    const settings = workerSettings(
      parse(..."-c 2 --time-limit 1.5 --events --statedb s --prefetch-multiplier 0".split(" ")),
    );
    expect(settings).toMatchObject({
      workerConcurrency: 2,
      taskTimeLimit: 1.5,
      workerSendTaskEvents: true,
      workerStateDb: "s",
      workerPrefetchMultiplier: 0,
    });
    expect(Object.values(workerSettings(parse())).filter((value) => value !== undefined)).toEqual([]);
  });

  it("take what changes nothing here, and refuse what they cannot do", () => {
    expect(() => refuseOptions({ ...parse("-O", "fair", "--without-gossip", "--without-mingle") })).not.toThrow();
    for (const name of ["uid", "gid", "umask", "executable"]) {
      expect(() => refuseOptions({ ...parse(`--${name}`, "x") })).toThrow(`--${name} is not supported`);
    }
  });
});
