import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { linkPackage, startBeat, writeFiles } from "../helper/beat-process.ts";
import { startCeleryWorker } from "../helper/celery-worker.ts";
import { requireService } from "../helper/debian.ts";
import { startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

interface Run {
  readonly task: string;
  readonly id: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly at: number;
  readonly eta: string | null;
  readonly expires: string | null;
  readonly tenant: string | null;
  readonly delivery_info: Readonly<Record<string, unknown>>;
  readonly periodic_task_name: string;
  readonly scheduled_at: string;
  readonly occurrence: string;
}

const project = `
import { App, every, crontab } from "lovage";

export const app = new App("proj", {
  timezone: "Europe/Berlin",
  taskRoutes: { "sink.add": { queue: "sums" } },
});

interface Greeting { readonly name: string }
const hello = app.task("sink.hello", ({ name }: Greeting) => "hello " + name);

app.conf.beatSchedule = {
  "from beatSchedule": { task: "sink.echo", schedule: 1, args: ["ž☃", { nested: [1, 2.5, null, true] }], kwargs: { k: "v" } },
};
app.onAfterConfigure((sender) => {
  sender.addPeriodicTask(every("1s"), hello.s({ name: "dict" } as Greeting), { name: "from addPeriodicTask", queue: "other" });
  sender.addPeriodicTask(crontab("* * * * * *"), sender.signature("sink.add", [2, 3]));
});
`;

const files = `
entries:
  yaml-plain: {task: sink.echo, schedule: "* * * * * *", args: [from yaml], options: {headers: {x-tenant: acme}}}
  yaml-countdown: {task: sink.echo, schedule: "* * * * * *", args: [later], options: {countdown: 1.5}}
  yaml-priority: {task: sink.echo, schedule: 1s, args: [first], options: {priority: 6, queue: other}}
  yaml-expires-next: {task: sink.echo, schedule: {every: 2s}, options: {expires: next}}
  yaml-expired: {task: sink.echo, schedule: 1s, args: [never], options: {countdown: 2, expires: 1}}
`;

const sinkFolder = fileURLToPath(new URL("../helper/python", import.meta.url));

describe.skipIf(!requireService("redis") || !requireService("celery"))(
  "beat and an unmodified Python Celery worker",
  () => {
    it("work together: arguments, eta, expiry, priority, queue, routes and headers arrive as they were meant", async () => {
      await using redis = await startRedis();
      await using folder = temporaryFolder();
      await linkPackage(folder.path);
      await writeFiles(folder.path, { "proj.ts": project, "schedules/all.yaml": files });
      const output = folder.file("runs.jsonl");
      await using worker = await startCeleryWorker({
        brokerUrl: redis.url,
        projectDir: sinkFolder,
        app: "sink",
        queues: ["celery", "other", "sums"],
        env: { OUTPUT: output },
      });
      await using beat = await startBeat(["-A", "proj", "-b", redis.url, "-s", "beat-record"], folder.path);
      const runs = async (): Promise<Run[]> =>
        (await readFile(output, "utf8"))
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Run);
      const names = [
        "from beatSchedule",
        "from addPeriodicTask",
        "sink.add(2, 3)",
        "yaml-plain",
        "yaml-countdown",
        "yaml-priority",
        "yaml-expires-next",
      ];
      await waitUntil(
        async () => {
          const seen = await runs();
          return names.every((name) => seen.filter((run) => run.periodic_task_name === name).length >= 2);
        },
        { what: "every entry to run twice", timeoutMs: 40_000, detail: () => beat.output() + worker.output() },
      );
      await beat.stop();
      expect(beat.exitCode()).toBe(0);
      const all = await runs();
      const of = (name: string): Run => all.find((run) => run.periodic_task_name === name) as Run;

      expect(new Set(all.map((run) => run.id)).size).toBe(all.length);
      expect(all.every((run) => run.occurrence === "scheduled")).toBe(true);
      expect(of("from beatSchedule")).toMatchObject({
        task: "sink.echo",
        args: ["ž☃", { nested: [1, 2.5, null, true] }],
        kwargs: { k: "v" },
        delivery_info: { routing_key: "celery" },
      });
      expect(of("from addPeriodicTask")).toMatchObject({
        args: [{ name: "dict" }],
        delivery_info: { routing_key: "other" },
      });
      expect(of("sink.add(2, 3)")).toMatchObject({ args: [2, 3], delivery_info: { routing_key: "sums" } });
      expect(of("yaml-plain").tenant).toBe("acme");
      expect(of("yaml-priority").delivery_info).toMatchObject({ priority: 6, routing_key: "other" });
      expect(of("yaml-plain").scheduled_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);

      const late = of("yaml-countdown");
      const delay = late.at - Date.parse(late.scheduled_at) / 1000;
      expect(delay).toBeGreaterThanOrEqual(1.5);
      expect(Date.parse(String(late.eta))).toBeCloseTo(Date.parse(late.scheduled_at) + 1500, -3);

      const dying = of("yaml-expires-next");
      expect(Date.parse(String(dying.expires)) - Date.parse(dying.scheduled_at)).toBe(2000);
      expect(all.filter((run) => run.periodic_task_name === "yaml-expired")).toEqual([]);
      expect(worker.output()).toContain("Discarding revoked task: sink.echo");
    });
  },
);
