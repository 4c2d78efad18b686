import { readFileSync } from "node:fs";
import { type } from "node:os";
import { describe, expect, it } from "vitest";
import { Heartbeat, heartbeatFields } from "../../src/remote/heartbeat.ts";
import { ManualClock } from "../helper/manual-clock.ts";

function startStage() {
  const clock = new ManualClock(0);
  const sent: { at: number; type: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const send = (type: string, fields: Readonly<Record<string, unknown>>): void =>
    void sent.push({ at: clock.now(), type, fields });
  const events = { enabled: false, enable: () => undefined, disable: () => undefined, send };
  let processed = 0;
  const heartbeat = new Heartbeat({ events, clock, load: () => ({ active: 1, processed: (processed += 1) }) });
  return { clock, sent, heartbeat };
}

describe("a heartbeat", () => {
  it("tells that the worker is there, every two seconds that it lives, and that it goes", async () => {
    const { clock, sent, heartbeat } = startStage();
    await heartbeat.start();
    await heartbeat.start();
    await clock.advance(6500);
    await heartbeat.stop();
    await heartbeat.stop();
    await clock.advance(10_000);
    expect(sent.map(({ at, type }) => [at, type])).toEqual([
      [0, "worker-online"],
      [2000, "worker-heartbeat"],
      [4000, "worker-heartbeat"],
      [6000, "worker-heartbeat"],
      [6500, "worker-offline"],
    ]);
    expect(sent.map(({ fields }) => fields["processed"])).toEqual([1, 2, 3, 4, 5]);
    expect(clock.sleepers).toBe(0);
  });

  it("that never began has nothing to end", async () => {
    const { sent, heartbeat } = startStage();
    await heartbeat.stop();
    expect(sent).toEqual([]);
  });

  it("says how often it comes, how busy the worker is, and what it is", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    const fields = heartbeatFields({ active: 3, processed: 40 });
    expect(fields).toMatchObject({ freq: 2, active: 3, processed: 40, sw_ident: "lovage", sw_ver: version });
    expect(fields["sw_sys"]).toBe(type());
    const load = fields["loadavg"] as number[];
    expect(load.length).toBe(3);
    expect(load.every((average) => /^\d+(\.\d{1,2})?$/.test(String(average)))).toBe(true);
  });
});
