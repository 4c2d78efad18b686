// What follows an outcome: `link` and `link_error` of entries, run by a real Python worker and by ours.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { linkPackage, startBeat, writeFiles } from "../helper/beat-process.ts";
import { startCeleryWorker } from "../helper/celery-worker.ts";
import { requireService } from "../helper/debian.ts";
import { startRedis } from "../helper/redis.ts";
import { type TemporaryFolder, temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";
import { startWorker } from "../helper/worker-process.ts";

interface Run {
  readonly task: string;
  readonly id: string;
  readonly args: readonly unknown[];
  readonly delivery_info?: { readonly routing_key: string };
  readonly periodic_task_name: string | null;
}

const schedule = `
entries:
  sums:
    task: sink.add
    schedule: 1
    args: [2, 3]
    options:
      link: [sink.echo, {task: sink.hello, args: [link], immutable: true, options: {queue: other}}]
  failures:
    task: sink.fail
    schedule: 1
    options: {link_error: {task: sink.echo, args: [after failure]}, link: sink.never}
`;

const ours = `
import { appendFileSync } from "node:fs";
import { App } from "lovage";
export const app = new App("proj");
const note = (task, run) =>
  app.task(task, function (...args) {
    const { id, periodicTaskName = null, deliveryInfo } = this.request;
    const delivery_info = { routing_key: deliveryInfo?.routingKey };
    const line = { task, id, args, periodic_task_name: periodicTaskName, delivery_info };
    appendFileSync("runs", JSON.stringify(line) + "\\n");
    return run(...args);
  });
note("sink.add", (x, y) => x + y);
note("sink.fail", () => { throw new Error("asked to fail"); });
note("sink.echo", (value) => value);
note("sink.hello", (name) => "hello " + name);
note("sink.never", () => null);
`;

const projectDir = fileURLToPath(new URL("../helper/python", import.meta.url));
const queues = ["celery", "other"];

async function runsIn(folder: TemporaryFolder): Promise<readonly Run[]> {
  const text = await readFile(folder.file("runs"), "utf8").catch(() => "");
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Run);
}

/** Both entries have run, and what was linked to them has. */
async function expectFollowUps(folder: TemporaryFolder, detail: () => string): Promise<void> {
  const followUps = async (): Promise<readonly Run[]> =>
    (await runsIn(folder)).filter(({ periodic_task_name: name }) => name === null);
  await waitUntil(
    async () => {
      const texts = (await followUps()).map(({ args }) => JSON.stringify(args));
      return (
        texts.includes("[5]") && texts.includes('["link"]') && texts.some((text) => text.includes("after failure"))
      );
    },
    { what: "links to be called", timeoutMs: 30_000, detail },
  );
  const runs = await runsIn(folder);
  const failed = runs.filter(({ task }) => task === "sink.fail").map(({ id }) => id);
  const told = runs.filter(({ args }) => args.includes("after failure"));
  expect(told.map(({ args }) => args.length)).toEqual(told.map(() => 2));
  expect(told.every(({ args: [id] }) => failed.includes(String(id)))).toBe(true);
  expect(runs.find(({ task }) => task === "sink.hello")?.delivery_info?.routing_key).toBe("other");
  expect(runs.filter(({ task }) => task === "sink.never")).toEqual([]);
}

const hasServices = requireService("redis") && requireService("celery");

describe.skipIf(!hasServices)("link and link_error of an entry", { timeout: 90_000 }, () => {
  it("are called by a Python worker with the result, and with the id of what failed", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/all.yaml": schedule });
    await using beat = await startBeat(["-b", redis.url], folder.path);
    await using worker = await startCeleryWorker({
      brokerUrl: redis.url,
      projectDir,
      app: "sink",
      queues,
      env: { OUTPUT: folder.file("runs") },
    });
    await expectFollowUps(folder, () => beat.output() + worker.output());
  });

  it("are called by our worker in the same way", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    await linkPackage(folder.path);
    await writeFiles(folder.path, { "proj.mjs": ours, "schedules/all.yaml": schedule });
    await using beat = await startBeat(["-b", redis.url], folder.path);
    await using worker = await startWorker(
      ["-A", "proj", "-b", redis.url, "-Q", queues.join(","), "-c", "1"],
      folder.path,
    );
    await expectFollowUps(folder, () => beat.output() + worker.output());
  });

  it("stand in the message byte for byte as Celery writes them", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    await writeFiles(folder.path, { "schedules/all.yaml": schedule });
    await using beat = await startBeat(["-b", redis.url], folder.path);
    await beat.saw("Sending due task sums");
    await beat.saw("Sending due task failures");
    await beat.stop();
    const messages = (await redis.client().lrange("celery", 0, -1)).map(
      (text) => JSON.parse(text) as { readonly body: string; readonly headers: { readonly task: string } },
    );
    const bodyOf = (task: string): string =>
      Buffer.from(messages.find(({ headers }) => headers.task === task)?.body ?? "", "base64").toString();
    const script = `
from celery import Celery, signature
from kombu.utils.json import dumps
app = Celery("links")
echo, hello = app.signature("sink.echo"), app.signature("sink.hello", ("link",), immutable=True, queue="other")
failed, never = app.signature("sink.echo", ("after failure",)), app.signature("sink.never")
def body(name, args, **options):
    print(dumps(app.amqp.as_task_v2("id", name, args, **options).body))
body("sink.add", (2, 3), callbacks=[echo, hello])
body("sink.fail", (), callbacks=[never], errbacks=[failed])
`;
    const { stdout } = await promisify(execFile)("/usr/bin/python3", ["-c", script]);
    expect([bodyOf("sink.add"), bodyOf("sink.fail")]).toEqual(stdout.trim().split("\n"));
  });
});
