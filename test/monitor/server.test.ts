import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { EventStream, type LovageEvent } from "../../src/event.ts";
import { parseHttpAddress } from "../../src/monitor/http-address.ts";
import { createMetrics } from "../../src/monitor/metrics.ts";
import { EntryBook } from "../../src/monitor/entry-book.ts";
import { beatRoutes, openWarning } from "../../src/monitor/routes.ts";
import { HttpServer, type Routes } from "../../src/monitor/server.ts";
import { parseMetrics } from "../helper/prometheus.ts";
import { waitUntil } from "../helper/wait.ts";
import { leading, type WatchedBeat, watchedBeat } from "../helper/watched-beat.ts";

interface Served extends WatchedBeat, AsyncDisposable {
  readonly url: string;
}

async function served(): Promise<Served> {
  const beat = watchedBeat();
  const { monitor, events } = beat;
  const book = new EntryBook();
  const metrics = createMetrics({ monitor, events, book, mostEntries: 10 });
  const { url, stop } = await serve(beatRoutes(monitor, metrics), events);
  return Object.assign(beat, { url, [Symbol.asyncDispose]: stop });
}

async function serve(
  routes: Routes,
  events = new EventStream(),
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const server = new HttpServer({ address: parseHttpAddress("0"), routes, emit: events.emit });
  await server.start();
  return { url: server.url, stop: () => server.stop() };
}

async function get(url: string): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(url);
  return { status: response.status, body: await response.text() };
}

describe("the HTTP server of a beat", () => {
  it("lists its paths at /", async () => {
    await using beat = await served();
    const { status, body } = await get(beat.url);
    const paths = body.split("\n").flatMap((line) => /^\/\w+/.exec(line) ?? []);
    expect([status, paths]).toEqual([200, ["/healthz", "/livez", "/readyz", "/metrics"]]);
  });

  it("serves health as JSON: 200 when degraded, 503 when down", async () => {
    await using beat = await served();
    const ok = await fetch(`${beat.url}/healthz?verbose`);
    expect([ok.status, ok.headers.get("content-type"), ok.headers.get("cache-control")]).toEqual([
      200,
      "application/json; charset=utf-8",
      "no-store",
    ]);
    expect(await ok.json()).toMatchObject({ status: "ok", checks: { loop: { status: "ok" } } });
    beat.events.emit({ type: "record-failed", reason: "full" });
    expect(await get(`${beat.url}/healthz`)).toMatchObject({ status: 200, body: expect.stringContaining("degraded") });
    await beat.clock.advance(60_000);
    expect(await get(`${beat.url}/healthz`)).toMatchObject({ status: 503, body: expect.stringContaining("it hangs") });
  });

  it("answers liveness and readiness apart: a broker that is away calls for no restart", async () => {
    await using beat = await served();
    beat.status = { ...leading, leads: false, leader: null };
    expect(await get(`${beat.url}/livez`)).toEqual({ status: 200, body: "ok\n" });
    expect((await get(`${beat.url}/readyz`)).status).toBe(503);
    beat.status = { ...leading, leads: false, leader: "host:2" };
    expect(await get(`${beat.url}/readyz`)).toEqual({ status: 200, body: "ok: it stands by, host:2 leads\n" });
    beat.status = leading;
    expect(await get(`${beat.url}/readyz`)).toEqual({ status: 200, body: "ok: it leads\n" });
    await beat.clock.advance(60_000);
    expect((await get(`${beat.url}/livez`)).status).toBe(503);
  });

  it("serves metrics with those of the process", async () => {
    await using beat = await served();
    const response = await fetch(`${beat.url}/metrics`);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    const names = [...parseMetrics(text).keys()];
    expect(names).toEqual(
      expect.arrayContaining([
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "nodejs_eventloop_lag_p99_seconds",
        "lovage_beat_up",
      ]),
    );
  });

  it("answers HEAD without a body", async () => {
    await using beat = await served();
    const response = await fetch(`${beat.url}/readyz`, { method: "HEAD" });
    expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([200, "13", ""]);
  });

  it("changes nothing: other methods are refused, unknown paths are answered with the index", async () => {
    await using beat = await served();
    const post = await fetch(`${beat.url}/metrics`, { method: "POST", body: "x" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    for (const path of ["/nope", "/toString", "/__proto__"]) {
      const { status, body } = await get(`${beat.url}${path}`);
      expect([status, body]).toEqual([404, expect.stringContaining("/healthz")]);
    }
  });

  it("answers 500 where a page fails, and tells of it", async () => {
    const events = new EventStream();
    const seen: LovageEvent[] = [];
    events.subscribe((event) => seen.push(event));
    const render = (): never => {
      throw new Error("no such page");
    };
    const { url, stop } = await serve({ "/bad": { about: "bad", render } }, events);
    expect(await get(`${url}/bad`)).toEqual({ status: 500, body: "no such page\n" });
    expect(seen).toEqual([{ type: "failure", where: "http /bad", reason: "no such page" }]);
    await stop();
  });

  it("lets in a probe, however many connections want nothing: the one that has been so for longest has to go", async () => {
    await using beat = await served();
    const { port } = new URL(beat.url);
    const idle: Socket[] = [];
    for (let index = 0; index < 1100; index += 1) {
      const socket = connect(Number(port), "127.0.0.1").on("error", () => undefined);
      await once(socket, "connect");
      idle.push(socket.resume());
    }
    expect((await get(`${beat.url}/livez`)).status).toBe(200);
    await waitUntil(() => idle.filter(({ closed }) => closed).length >= 300, { what: "the first of them to go" });
    expect(idle.slice(-700).some(({ closed }) => closed)).toBe(false);
    for (const socket of idle) socket.destroy();
  });

  it("stops at once, with clients that hold their connections", async () => {
    const beat = await served();
    await get(`${beat.url}/livez`);
    await beat[Symbol.asyncDispose]();
    await expect(fetch(`${beat.url}/livez`)).rejects.toThrow();
  });

  it("says in one line that a port is taken", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const server = new HttpServer({
      address: parseHttpAddress(String(port)),
      routes: {},
      emit: new EventStream().emit,
    });
    await expect(server.start()).rejects.toThrow(
      expect.objectContaining({
        code: "usage",
        message: `--http: cannot listen on http://127.0.0.1:${port}: something listens there already`,
      }),
    );
    await new Promise((resolve) => taken.close(resolve));
  });

  it("says of an address that others can reach what it gives away", () => {
    expect(openWarning(parseHttpAddress("8787"))).toBeNull();
    expect(openWarning(parseHttpAddress("0.0.0.0:8787"))).toContain("open to the network, without a password");
  });
});
