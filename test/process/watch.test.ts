import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { runBeat, startBeat, writeFiles } from "../helper/beat-process.ts";
import { notifySocket } from "../helper/notify-socket.ts";
import { pingTarget } from "../helper/ping-target.ts";
import { freePort } from "../helper/port.ts";
import { parseMetrics, valueOf } from "../helper/prometheus.ts";
import { temporaryFolder, type TemporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";
import { projectFolder, startWorker } from "../helper/worker-process.ts";

const everySecond = "entries:\n  tick: {task: proj.tick, schedule: 1}\n";

async function scheduleFolder(text = everySecond): Promise<TemporaryFolder> {
  const folder = temporaryFolder();
  await writeFiles(folder.path, { "schedules/a.yaml": text });
  return folder;
}

async function get(url: string): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(url);
  return { status: response.status, body: await response.text() };
}

async function answers(url: string, status: number): Promise<string> {
  let last = "";
  const isIt = async (): Promise<boolean> => {
    const got = await get(url);
    last = got.body;
    return got.status === status;
  };
  await waitUntil(isIt, { what: `${url} to answer ${status}`, timeoutMs: 30_000, detail: () => last });
  return last;
}

async function moves(url: string, series: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
  const isMoved = async (): Promise<boolean> => valueOf((await get(`${url}/metrics`)).body, series, labels) > 0;
  await waitUntil(isMoved, { what: `${series} to move`, timeoutMs: 20_000 });
}

describe("beat --http", () => {
  it("tells probes and Prometheus how it stands, from before it leads to its end", async () => {
    await using folder = await scheduleFolder();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    await using beat = await startBeat(["--http", String(port)], folder.path);
    await beat.saw(`http: listening on ${url}`);
    expect(await answers(`${url}/readyz`, 200)).toBe("ok: it leads\n");
    expect((await get(`${url}/livez`)).status).toBe(200);
    await moves(url, "lovage_beat_occurrences_sent_total", { occasion: "scheduled" });
    await moves(url, "lovage_beat_entry_last_run_timestamp_seconds", { entry: "tick" });
    const text = (await get(`${url}/metrics`)).body;
    expect([...parseMetrics(text).keys()]).toEqual(expect.arrayContaining(["process_resident_memory_bytes"]));
    expect(JSON.parse((await get(`${url}/healthz`)).body)).toMatchObject({ status: "ok" });
    await beat.stop();
    expect(beat.exitCode()).toBe(0);
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
  });

  it("says of a bad file what is wrong with it until it is mended", async () => {
    await using folder = await scheduleFolder();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    await using beat = await startBeat(["--http", `127.0.0.1:${port}`], folder.path);
    await beat.saw("leading scope");
    await writeFile(folder.file("schedules/a.yaml"), "entries:\n  tick: {taks: proj.tick, schedule: 1}\n");
    await beat.saw("not reloaded");
    const bad = JSON.parse(await answers(`${url}/healthz`, 200)) as { checks: { schedule: { problems: string[] } } };
    expect(bad).toMatchObject({ status: "degraded", checks: { schedule: { status: "degraded" } } });
    expect(bad.checks.schedule.problems.join("\n")).toMatch(/schedules\/a\.yaml:2:\d+: .*taks/);
    await moves(url, "lovage_beat_reloads_total", { result: "failed" });
    await writeFile(folder.file("schedules/a.yaml"), everySecond);
    await beat.saw("schedule: reloaded");
    expect(await answers(`${url}/healthz`, 200)).toContain('"status": "ok"');
  });

  it("ends the start, before beat leads, where something listens already", async () => {
    await using folder = await scheduleFolder();
    await using target = await pingTarget();
    const { port } = new URL(target.url);
    const { exitCode, output } = await runBeat(["--http", port], folder.path);
    expect([exitCode, output.trim().split("\n")]).toEqual([
      1,
      [
        `beat: --http: cannot listen on ${target.url}: something listens there already (give each beat on one machine a port of its own, or stop the other)`,
      ],
    ]);
  });

  it("is live and not ready while the broker has never answered", async () => {
    await using folder = await scheduleFolder();
    const [port, nobody] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${port}`;
    await using socket = await notifySocket();
    const args = ["-b", `redis://127.0.0.1:${nobody}/0`, "--http", String(port)];
    await using beat = await startBeat(args, folder.path, { NOTIFY_SOCKET: socket.path });
    await beat.saw("cannot ask who leads");
    await socket.heard("READY=1");
    const statuses = await Promise.all(["livez", "readyz", "healthz"].map((path) => get(`${url}/${path}`)));
    expect(statuses.map(({ status }) => status)).toEqual([200, 503, 200]);
    expect(statuses[2]?.body).toContain("the broker has been away for");
    expect(socket.messages().flat()).toContain("STATUS=waits for the broker");
  });

  it("is passed on by worker -B, and refused by a worker without", async () => {
    await using folder = await projectFolder({
      "schedules/a.yaml": "entries:\n  h: {task: proj.hello, schedule: 1, args: [x]}\n",
    });
    const port = await freePort();
    await using socket = await notifySocket();
    const alone = await startWorker(["-A", "proj", "--http", String(port)], folder.path);
    expect(await alone.ended()).toBe(1);
    expect(alone.output()).toContain(
      "worker: --http: it is beat that does this, and no beat runs along (add -B, or leave it out)",
    );
    const args = ["-A", "proj", "-B", "-P", "async", "--http", String(port)];
    const env = { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: "500000" };
    await using worker = await startWorker(args, folder.path, env);
    await socket.heard("READY=1");
    await socket.heard("WATCHDOG=1");
    await answers(`http://127.0.0.1:${port}/readyz`, 200);
    await worker.saw("proj.hello");
    await worker.stop();
    await socket.heard("STOPPING=1");
    const ready = socket.messages().filter((one) => one.includes("READY=1"));
    expect(ready).toEqual([["READY=1", expect.stringMatching(/^STATUS=celery@.* runs 0 tasks$/)]]);
  });
});

describe("beat --ping", () => {
  it("refuses an URL that cannot be fetched, without its password", async () => {
    await using folder = await scheduleFolder();
    const { exitCode, output } = await runBeat(["--ping", "ftp://u:secret@host/x"], folder.path);
    expect([exitCode, output]).toEqual([2, expect.stringContaining("'ftp://u:***@host/x' is invalid")]);
  });
});

describe("beat under systemd", () => {
  it("tells that it is ready, lives, reloads and stops", async () => {
    await using folder = await scheduleFolder();
    await using socket = await notifySocket();
    const env = { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: "1000000" };
    await using beat = await startBeat([], folder.path, env);
    await socket.heard("READY=1");
    await socket.heard("STATUS=leads scope lovage with 1 entry");
    await socket.heard("WATCHDOG=1");
    beat.signal("SIGHUP");
    await socket.heard("RELOADING=1");
    await waitUntil(() => socket.messages().filter((one) => one.includes("READY=1")).length === 2, {
      what: "the end of the reload",
      detail: () => JSON.stringify(socket.messages()),
    });
    await beat.stop();
    await socket.heard("STOPPING=1");
    expect(beat.exitCode()).toBe(0);
  });
});

describe("beat and its dead-man's switches", () => {
  it("pings for each occurrence where its entry says so, and for itself with --ping", async () => {
    await using target = await pingTarget();
    const entries = `entries:\n  tick: {task: proj.tick, schedule: 1, ping: "${target.url}/tick"}\n`;
    await using folder = await scheduleFolder(entries);
    await using beat = await startBeat(["--ping", `${target.url}/beat`, "--ping-every", "1"], folder.path);
    const counts = (path: string): number => target.paths.filter((one) => one === path).length;
    await waitUntil(() => counts("/tick") >= 2 && counts("/beat") >= 2, {
      what: "two pings of each",
      timeoutMs: 20_000,
      detail: beat.output,
    });
    await beat.stop();
    expect(new Set(target.paths)).toEqual(new Set(["/tick", "/beat"]));
  });
});

describe("--log-format json", () => {
  it("is JSON line by line, on both outputs, from the first line to the last", async () => {
    await using folder = await scheduleFolder();
    await using beat = await startBeat(["--log-format", "json"], folder.path);
    await beat.saw("occurrence-sent");
    await beat.stop();
    const lines = beat
      .output()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of lines) {
      expect(line).toMatchObject({
        level: expect.any(String),
        time: expect.any(String),
        event: expect.any(String),
        msg: expect.any(String),
      });
    }
    expect(lines[0]).toMatchObject({
      event: "beat-starting",
      scope: "lovage",
      broker: expect.stringContaining("sqlite://"),
    });
    expect(lines.at(-1)).toMatchObject({ event: "beat-stopped" });
  });

  it("is JSON for mistakes that end the start, and for the worker", async () => {
    await using folder = await scheduleFolder("entries:\n  tick: {taks: proj.tick}\n");
    const { exitCode, output } = await runBeat(["--log-format", "json"], folder.path);
    const lines = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect([exitCode, lines[0]]).toMatchObject([1, { level: "fatal", name: "beat", event: "command-failed" }]);
    await using project = await projectFolder();
    await using worker = await startWorker(["-A", "proj", "-P", "async", "--log-format", "json"], project.path);
    await worker.saw("worker-ready");
    await worker.stop();
    const said = worker
      .output()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(said[0]).toMatchObject({ event: "worker-starting", level: "info", queues: ["celery"] });
  });
});
