import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EventStream, type LovageEvent } from "../../src/event.ts";
import { Systemd, takeSystemdPlace } from "../../src/monitor/systemd.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { type NotifySocket, notifySocket } from "../helper/notify-socket.ts";
import { waitUntil } from "../helper/wait.ts";

interface Stage {
  readonly clock: ManualClock;
  readonly systemd: Systemd;
  readonly seen: LovageEvent[];
  readonly state: { isLive: boolean; status: string };
}

function stage(socket: Pick<NotifySocket, "path">, watchdogMs: number | null = null): Stage {
  const clock = new ManualClock(Date.UTC(2026, 10, 23, 12));
  const events = new EventStream();
  const seen: LovageEvent[] = [];
  events.subscribe((event) => seen.push(event));
  const state = { isLive: true, status: "starting" };
  const tools = { clock, emit: events.emit, isLive: () => state.isLive, status: () => state.status };
  return { clock, seen, state, systemd: new Systemd({ socket: socket.path, watchdogMs }, tools) };
}

function count(socket: NotifySocket, variable: string): number {
  return socket.messages().filter((one) => one.includes(variable)).length;
}

/** The shell among our children that has this socket in its environment, and is no `systemd-notify` of its own. */
async function helperOf(socket: string): Promise<number> {
  const isHelper = (pid: string): boolean => {
    const [stat, environment] = ["stat", "environ"].map((name) => readFileSync(`/proc/${pid}/${name}`, "utf8"));
    const parent = stat?.slice(stat.lastIndexOf(")")).split(" ")[2];
    return parent === String(process.pid) && environment?.includes(`NOTIFY_SOCKET=${socket}`) === true;
  };
  const find = (): number => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        if (isHelper(pid)) return Number(pid);
      } catch {
        // It has ended, or is somebody else's.
      }
    }
    return 0;
  };
  return waitUntil(() => (find() === 0 ? null : find()), { what: "the helper" });
}

describe("what systemd hears", () => {
  it("is that beat starts, is ready, how it stands, reloads, and stops", async () => {
    await using socket = await notifySocket();
    const { systemd, state, clock } = stage(socket);
    await clock.advance(5000);
    state.status = 'leads scope proj with 2 entries; 50% * "$HOME" `x`';
    systemd.ready();
    await clock.advance(5000);
    state.status = "stands by: web-2:7 leads\nscope proj";
    await clock.advance(5000);
    await systemd.reload(() => {
      state.status = "leads scope proj with 3 entries";
      return Promise.resolve();
    });
    systemd.stopping();
    await socket.heard("STOPPING=1");
    expect(socket.messages()).toEqual([
      ["EXTEND_TIMEOUT_USEC=30000000"],
      ["STATUS=starting"],
      ["EXTEND_TIMEOUT_USEC=30000000"],
      ["READY=1", 'STATUS=leads scope proj with 2 entries; 50% * "$HOME" `x`'],
      ["STATUS=stands by: web-2:7 leads\\nscope proj"],
      ["RELOADING=1", expect.stringMatching(/^MONOTONIC_USEC=\d+$/)],
      ["READY=1", "STATUS=leads scope proj with 3 entries"],
      ["STOPPING=1", "STATUS=stopping"],
    ]);
  });

  it("is a sign of life at half of the time it waits, and none while the loop hangs", async () => {
    await using socket = await notifySocket();
    const { systemd, state, clock } = stage(socket, 30_000);
    systemd.ready();
    await clock.advance(30_000);
    state.isLive = false;
    await clock.advance(60_000);
    systemd.stopping();
    await socket.heard("STOPPING=1");
    expect(socket.messages().filter(([first]) => first === "WATCHDOG=1")).toHaveLength(3);
  });

  it("does not come too early: a reload while beat starts is no sign that it is ready", async () => {
    await using socket = await notifySocket();
    const { systemd } = stage(socket);
    await systemd.reload(() => Promise.resolve());
    systemd.stopping();
    await socket.heard("STOPPING=1");
    expect(
      socket
        .messages()
        .flat()
        .some((one) => /READY|RELOADING/.test(one)),
    ).toBe(false);
  });

  it("is told by another helper when the one has been killed: how things stand, and that it lives", async () => {
    await using socket = await notifySocket();
    const { systemd, state, seen, clock } = stage(socket, 30_000);
    state.status = "leads";
    systemd.ready();
    await socket.heard("STATUS=leads");
    for (const _ of [1, 2]) {
      const before = count(socket, "READY=1");
      process.kill(await helperOf(socket.path), "SIGKILL");
      await waitUntil(() => clock.sleepers === 3, { what: "the end of the helper to be seen" });
      await clock.advance(1000);
      await waitUntil(() => count(socket, "READY=1") > before, { what: "it to be told again" });
    }
    expect(socket.messages().at(-1)).toEqual(["READY=1", "STATUS=leads", "WATCHDOG=1"]);
    expect(seen).toMatchObject([{ reason: "the shell that speaks to it has ended; another is started" }]);
    systemd.stopping();
    await socket.heard("STOPPING=1");
  });

  it("is that it stops, even while there is no helper", async () => {
    await using socket = await notifySocket();
    const { systemd, clock } = stage(socket);
    systemd.ready();
    await socket.heard("READY=1");
    process.kill(await helperOf(socket.path), "SIGKILL");
    await waitUntil(() => clock.sleepers === 2, { what: "the end of the helper to be seen" });
    systemd.stopping();
    await socket.heard("STOPPING=1");
  });

  it("is missed where nobody listens, which is told once", async () => {
    const { systemd, seen } = stage({ path: "/nonexistent/notify" });
    systemd.ready();
    systemd.ready();
    await waitUntil(() => seen.length > 0, { what: "the failure" });
    expect(seen).toEqual([
      {
        type: "failure",
        where: "systemd is not told at /nonexistent/notify",
        reason: expect.stringContaining("Failed"),
      },
    ]);
    systemd.stopping();
  });
});

describe("takeSystemdPlace", () => {
  it("reads what systemd has set and takes it away, so that no child speaks in our name", () => {
    const environment = { NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7", PATH: "/bin" };
    expect(takeSystemdPlace(environment, 7)).toEqual({ socket: "/run/n", watchdogMs: 30_000 });
    expect(environment).toEqual({ PATH: "/bin" });
  });

  it.each([
    [{}, null],
    [{ NOTIFY_SOCKET: "" }, null],
    [{ NOTIFY_SOCKET: "@abstract" }, { socket: "@abstract", watchdogMs: null }],
    [
      { NOTIFY_SOCKET: "/n", WATCHDOG_USEC: "1000", WATCHDOG_PID: "8" },
      { socket: "/n", watchdogMs: null },
    ],
    [
      { NOTIFY_SOCKET: "/n", WATCHDOG_USEC: "1000" },
      { socket: "/n", watchdogMs: 1 },
    ],
    [
      { NOTIFY_SOCKET: "/n", WATCHDOG_USEC: "soon" },
      { socket: "/n", watchdogMs: null },
    ],
  ])("makes of %j: %j", (environment, place) => {
    expect(takeSystemdPlace(environment, 7)).toEqual(place);
  });
});
