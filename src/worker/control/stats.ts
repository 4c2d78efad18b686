// `celery inspect stats`: what the worker has done, and what it runs on.
import type { App } from "../../app/app.ts";
import { schemeOf } from "../../redis/url.ts";
import type { Panel } from "./panel.ts";

/** With Celery's keys, also where they mean little here: monitors look into them. */
export function workerStats({ steering, broker, clock, lamport }: Panel): Readonly<Record<string, unknown>> {
  return {
    total: steering.totals(),
    pid: process.pid,
    clock: String(lamport.value),
    uptime: Math.max(0, Math.floor((clock.now() - steering.startedAt) / 1000)),
    pool: { ...steering.pool.stats() },
    broker: brokerStats(broker.url, steering.app),
    prefetch_count: steering.prefetchCount,
    rusage: resourceUsage(),
  };
}

/** @param url without its password */
function brokerStats(url: string, { conf }: App): Readonly<Record<string, unknown>> {
  const scheme = schemeOf(url) ?? "memory";
  return {
    ...addressOf(url),
    insist: false,
    ssl: scheme === "rediss" || conf.brokerUseSsl !== false,
    transport: scheme,
    connect_timeout: conf.brokerConnectionTimeout,
    // Options may hold passwords, of sentinels for one.
    transport_options: {},
    login_method: null,
    uri_prefix: null,
    heartbeat: conf.brokerHeartbeat ?? 0,
    failover_strategy: "round-robin",
    alternates: [],
  };
}

function addressOf(url: string): Readonly<Record<string, unknown>> {
  const [first = ""] = url.split(";");
  if (!URL.canParse(first)) return { hostname: null, userid: null, virtual_host: null, port: null };
  const { hostname, username, pathname, port } = new URL(first);
  return {
    hostname: hostname === "" ? null : hostname,
    userid: username === "" ? null : username,
    virtual_host: pathname.replace(/^\//, ""),
    port: port === "" ? null : Number(port),
  };
}

/** In the words of getrusage(2): seconds, and for `maxrss` KiB. */
function resourceUsage(): Readonly<Record<string, unknown>> {
  const usage = process.resourceUsage();
  return {
    utime: usage.userCPUTime / 1e6,
    stime: usage.systemCPUTime / 1e6,
    maxrss: usage.maxRSS,
    ixrss: usage.sharedMemorySize,
    idrss: usage.unsharedDataSize,
    isrss: usage.unsharedStackSize,
    minflt: usage.minorPageFault,
    majflt: usage.majorPageFault,
    nswap: usage.swappedOut,
    inblock: usage.fsRead,
    oublock: usage.fsWrite,
    msgsnd: usage.ipcSent,
    msgrcv: usage.ipcReceived,
    nsignals: usage.signalsCount,
    nvcsw: usage.voluntaryContextSwitches,
    nivcsw: usage.involuntaryContextSwitches,
  };
}
