// What a process and its children have cost so far, by the kernel's own books.
import { readFileSync } from "node:fs";

/** User and system time, from the kernel's count of ticks of 10 ms. */
export function cpuMs(pid: number): number {
  return sumOf(pid, (member) => {
    const fields = readFileSync(`/proc/${member}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  });
}

/** Resident memory now; pages that processes share count once for each. */
export function residentMiB(pid: number): number {
  return memoryMiB(pid, "VmRSS");
}

/** The most resident memory there ever was. */
export function peakMiB(pid: number): number {
  return memoryMiB(pid, "VmHWM");
}

function memoryMiB(pid: number, field: "VmRSS" | "VmHWM"): number {
  const sizeOf = (member: number): number =>
    Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${member}/status`, "utf8"))?.[1] ?? 0);
  return sumOf(pid, sizeOf) / 1024;
}

function sumOf(pid: number, amountOf: (member: number) => number): number {
  return family(pid).reduce((sum, member) => sum + amountOf(member), 0);
}

function family(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return [pid, ...(children === "" ? [] : children.split(" ").map(Number)).flatMap(family)];
}
