// A clock change's effect in words.
import type { Zone, WallTime } from "../schedule/zone.ts";
import type { DstEffect } from "./dst-effect.ts";

/** More than so many times are told by the first and the last. */
const mostShown = 3;

/** `02:30`, or `02:30:15` where there are seconds. */
export function clockTime(wall: WallTime): string {
  const text = new Date(wall).toISOString().slice(11, 19);
  return text.endsWith(":00") ? text.slice(0, 5) : text;
}

/** `02:30 does not exist: runs at 03:00` */
export function effectText(effect: DstEffect, zone: Zone): string {
  const isOne = effect.count === 1;
  const labels = series(effect.labels.map(clockTime), effect.count);
  if (effect.kind === "gap") return `${labels} ${isOne ? "does" : "do"} not exist: ${gapText(effect, zone)}`;
  return `${labels} ${isOne ? "comes" : "come"} twice: ${overlapText(effect, zone)}`;
}

function gapText({ count, outcome, runsAt }: DstEffect, zone: Zone): string {
  if (outcome === "skipped") return "skipped";
  const runs = times(runsAt, zone);
  if (count === 1) return `runs at ${runs}`;
  return runsAt.length === 1 ? `runs once, at ${runs}` : `runs at ${runs}`;
}

function overlapText({ outcome, runsAt }: DstEffect, zone: Zone): string {
  if (outcome === "both") return "runs in both copies";
  if (outcome === "skipped") return "skipped";
  if (outcome === "mixed") return `runs at ${times(runsAt, zone)}`;
  return `runs in the ${outcome} copy only`;
}

function times(runsAt: DstEffect["runsAt"], zone: Zone): string {
  const texts = runsAt.map((at) => clockTime(at + zone.offsetAt(at)));
  return series(texts, texts.length);
}

function series(texts: readonly string[], count: number): string {
  if (count <= mostShown) return texts.join(", ");
  return `${texts[0]} to ${texts.at(-1)} (${count} times)`;
}
