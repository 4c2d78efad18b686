// The next time the sun does something: a search over its height that depends on the day alone, never on the question.
import type { Instant } from "../clock.ts";
import type { Sky } from "./sun-position.ts";

/** Celery's nine. */
export type SolarEvent =
  | "dawn_astronomical"
  | "dawn_nautical"
  | "dawn_civil"
  | "sunrise"
  | "solar_noon"
  | "sunset"
  | "dusk_civil"
  | "dusk_nautical"
  | "dusk_astronomical";

/** The sun passing a height on its way up or down: its centre, or for rise and set the upper limb. */
interface Crossing {
  readonly rising: boolean;
  readonly edge: "centre" | "upperLimb";
  /** Degrees. */
  readonly horizon: number;
}

/** What the air lifts the sun by at the horizon, as Celery and the almanacs have it. */
const REFRACTION = 34 / 60;

const CROSSINGS: Readonly<Record<Exclude<SolarEvent, "solar_noon">, Crossing>> = {
  dawn_astronomical: { rising: true, edge: "centre", horizon: -18 },
  dawn_nautical: { rising: true, edge: "centre", horizon: -12 },
  dawn_civil: { rising: true, edge: "centre", horizon: -6 },
  sunrise: { rising: true, edge: "upperLimb", horizon: -REFRACTION },
  sunset: { rising: false, edge: "upperLimb", horizon: -REFRACTION },
  dusk_civil: { rising: false, edge: "centre", horizon: -6 },
  dusk_nautical: { rising: false, edge: "centre", horizon: -12 },
  dusk_astronomical: { rising: false, edge: "centre", horizon: -18 },
};

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
const QUARTER_DAY_MS = DAY_MS / 4;
/** The mean sun crosses a degree of longitude in four minutes. */
const SECONDS_PER_DEGREE = 240;
/** At any latitude every event happens at least once a year: twice that long without one is no sky of ours. */
const SEARCH_DAYS = 731;
/** Further than this from the horizon, in degrees, the mean noon or midnight is as good as the sun's true turning point. */
const CLEAR = 1;
/** From one noon, or midnight, to the next the height there changes by less than this, in degrees. */
const DAILY_CHANGE = 0.6;
/** The range of a Date. */
const LATEST_AT = 8_640_000_000_000_000;

/**
 * The first event strictly after `after`, on a whole second: the first at which the sun has crossed. Where the sun does not
 * reach the height for weeks (polar day and night), the event is weeks away; at the poles themselves the sun rises and sets
 * once a year. Null only at the end of representable time.
 */
export function nextSunEvent(event: SolarEvent, sky: Sky, after: Instant): Instant | null {
  if (!(Math.abs(after) <= LATEST_AT - SEARCH_DAYS * DAY_MS)) return null;
  return event === "solar_noon" ? nextTransit(sky, after) : nextCrossing(CROSSINGS[event], sky, after);
}

function nextTransit(sky: Sky, after: Instant): Instant | null {
  const firstAt = meanNoonBefore(after, sky.place.longitude);
  for (let noonAt = firstAt; noonAt <= firstAt + 2 * DAY_MS; noonAt += DAY_MS) {
    const past = (at: Instant): boolean => sky.hourAngle(at) >= 0;
    const at = firstSecond(noonAt - QUARTER_DAY_MS, noonAt + QUARTER_DAY_MS, past);
    if (at > after) return at;
  }
  return null;
}

function nextCrossing(crossing: Crossing, sky: Sky, after: Instant): Instant | null {
  const { rising, edge, horizon } = crossing;
  const height: Height = (at) => sky[edge](at) - horizon;
  const toMidnightMs = rising ? -DAY_MS / 2 : DAY_MS / 2;
  let noonAt = meanNoonBefore(after, sky.place.longitude) - DAY_MS;
  const endAt = noonAt + SEARCH_DAYS * DAY_MS;
  while (noonAt < endAt) {
    const high = turningPoint(height, noonAt, "highest");
    const low = turningPoint(height, noonAt + toMidnightMs, "lowest");
    const isCrossed = low.height < 0 && high.height >= 0;
    const at = isCrossed ? crossingBetween(low.at, high.at, height) : null;
    if (at !== null && at > after) return at;
    const lacking = Math.max(low.height, -high.height);
    noonAt += Math.max(1, Math.floor(lacking / DAILY_CHANGE)) * DAY_MS;
  }
  return null;
}

/** Degrees above the horizon of the event. */
type Height = (at: Instant) => number;

interface TurningPoint {
  readonly at: Instant;
  readonly height: number;
}

/**
 * Where the sun turns back, within six hours of the mean noon or midnight. Close to the poles the season moves the sun
 * faster than the day, and it may climb or sink all through; then it is the end of the window, where the next window begins,
 * so that between one turning point and the next the height never turns.
 */
function turningPoint(height: Height, middleAt: Instant, kind: "highest" | "lowest"): TurningPoint {
  const middle = height(middleAt);
  if (Math.abs(middle) > CLEAR) return { at: middleAt, height: middle };
  const sign = kind === "highest" ? 1 : -1;
  const turned = (at: Instant): boolean => sign * (height(at + SECOND_MS) - height(at)) <= 0;
  const at = firstSecond(middleAt - QUARTER_DAY_MS - SECOND_MS, middleAt + QUARTER_DAY_MS, turned);
  return { at, height: height(at) };
}

function crossingBetween(lowAt: Instant, highAt: Instant, height: Height): Instant {
  if (lowAt < highAt) return firstSecond(lowAt, highAt, (at) => height(at) >= 0);
  return firstSecond(highAt, lowAt, (at) => height(at) < 0);
}

/** The first whole second after `from` at which the test holds, given that it then goes on holding; at the latest, `to`. */
function firstSecond(from: Instant, to: Instant, test: (at: Instant) => boolean): Instant {
  let before = from;
  let found = to;
  while (found - before > SECOND_MS) {
    const middle = before + Math.floor((found - before) / (2 * SECOND_MS)) * SECOND_MS;
    if (test(middle)) found = middle;
    else before = middle;
  }
  return found;
}

/** The last mean solar noon up to an instant, on a whole second: a grid of days that belongs to the place. */
function meanNoonBefore(at: Instant, longitude: number): Instant {
  const noonOfDayMs = DAY_MS / 2 - Math.round(longitude * SECONDS_PER_DEGREE) * SECOND_MS;
  return Math.floor((at - noonOfDayMs) / DAY_MS) * DAY_MS + noonOfDayMs;
}
