import { describe, expect, it } from "vitest";
import { dstCommand } from "../../src/cli/dst.ts";
import { commandStage, printed, type Printed } from "../helper/command-stage.ts";

const schedule = `
timezone: America/New_York
entries:
  backup: {task: p.t, schedule: "30 2 * * *"}
  noon: {task: p.t, schedule: "0 12 * * *"}
  oslo: {task: p.t, schedule: "30 2 * * *", timezone: Europe/Oslo}
  paulo: {task: p.t, schedule: "30 2 * * *", timezone: America/Sao_Paulo}
  taipei: {task: p.t, schedule: "30 2 * * *", timezone: Asia/Taipei}
  utc: {task: p.t, schedule: "30 2 * * *", timezone: UTC}
  ten: {task: p.t, schedule: 10}
  twenty: {task: p.t, schedule: 20}
  day: {task: p.t, schedule: {every: 1d, relative: true}}
  sun: {task: p.t, schedule: {solar: sunset, latitude: 40, longitude: -74}}
  off: {task: p.t, schedule: "30 2 * * *", enabled: false}
`;

async function dst(names: readonly string[] = [], more: object = {}): Promise<Printed> {
  await using stage = await commandStage(schedule);
  return await printed(() => dstCommand(names, { ...stage.options, from: "2027-01-01", years: 1, ...more }));
}

describe("beat dst", () => {
  it("tells of every change of every zone in use, in order, and of what is not touched", async () => {
    const { stdout, exitCode } = await dst();
    expect(exitCode).toBe(0);
    expect(
      stdout,
    ).toBe(`Sun 2027-03-14  America/New_York: the clock goes from 02:00 forward to 03:00 (2027-03-14T07:00:00Z)
  backup  30 2 * * * (America/New_York)  02:30 does not exist: runs at 03:00
  besides, 1 entry keeps its time on the clock

Sun 2027-03-28  Europe/Oslo: the clock goes from 02:00 forward to 03:00 (2027-03-28T01:00:00Z)
  oslo  30 2 * * * (Europe/Oslo)  02:30 does not exist: runs at 03:00

Sun 2027-10-31  Europe/Oslo: the clock goes from 03:00 back to 02:00 (2027-10-31T01:00:00Z)
  oslo  30 2 * * * (Europe/Oslo)  02:30 comes twice: runs in the first copy only

Sun 2027-11-07  America/New_York: the clock goes from 02:00 back to 01:00 (2027-11-07T06:00:00Z)
  2 entries keep their time on the clock

no clock change until 2028-01-01: America/Sao_Paulo (1 entry), Asia/Taipei (1 entry), UTC (1 entry)
rounded to the clock's days or hours, before a change and after it: 1 relative interval
not touched by any clock change: 2 intervals, 1 solar schedule
`);
  });

  it("takes names, disabled ones too, and says which was meant", async () => {
    const { stdout } = await dst(["off"], { years: 2 });
    expect(stdout.match(/02:30 does not exist: runs at 03:00/g)).toHaveLength(2);
    expect(stdout).not.toContain("oslo");
    await expect(dst(["bakup"])).rejects.toMatchObject({ code: "usage", hint: "did you mean backup?" });
  });

  it("gives JSON, a line for each entry and change", async () => {
    const lines = (await dst(["backup", "oslo"], { json: true })).json();
    expect(lines).toHaveLength(3);
    expect(lines[0]).toEqual({
      zone: "America/New_York",
      change_at: "2027-03-14T07:00:00Z",
      from: "02:00",
      to: "03:00",
      entry: "backup",
      task: "p.t",
      paused: false,
      kind: "gap",
      labels: ["02:30"],
      count: 1,
      outcome: "moved",
      runs_at: ["2027-03-14T07:00:00Z"],
      text: "02:30 does not exist: runs at 03:00",
    });
  });
});
