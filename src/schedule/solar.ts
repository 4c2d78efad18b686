// By the sun: Celery's nine events at a place, always the next one that really happens.
import type { Instant } from "../clock.ts";
import { didYouMean, LovageError } from "../error.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import type { Schedule, ScheduleJson } from "./schedule.ts";
import { nextSunEvent } from "./sun-event.ts";
import type { SolarEvent } from "./sun-event.ts";
import { skyOver } from "./sun-position.ts";
import type { Place, Sky } from "./sun-position.ts";

export type { SolarEvent } from "./sun-event.ts";

export interface SolarOptions {
  /** How much later than the event, or earlier when negative: seconds, or a span such as `-15m`. */
  readonly offset?: number | string | undefined;
}

/** In the order of a day. */
const NAMES: Readonly<Record<SolarEvent, string>> = {
  dawn_astronomical: "astronomical dawn",
  dawn_nautical: "nautical dawn",
  dawn_civil: "civil dawn",
  sunrise: "sunrise",
  solar_noon: "solar noon",
  sunset: "sunset",
  dusk_civil: "civil dusk",
  dusk_nautical: "nautical dusk",
  dusk_astronomical: "astronomical dusk",
};

/** The names of the solar events, in the order of a day. */
export const solarEvents: readonly SolarEvent[] = Object.freeze(Object.keys(NAMES).filter(isSolarEvent));

/**
 * A schedule by the sun, in Celery's words: `dawn_astronomical`, `dawn_nautical` and `dawn_civil` (the centre of the sun
 * rises through -18, -12 and -6 degrees), `sunrise` and `sunset` (the upper limb at -34'), `solar_noon` (the sun crosses
 * the meridian), and `dusk_civil`, `dusk_nautical` and `dusk_astronomical`. Latitude is degrees north (-90 to 90),
 * longitude degrees east (-180 to 180); the observer is at sea level. Times are whole seconds, never before the event.
 *
 * Where an event does not happen every day, the next one that really does is taken: in the polar night a sunrise is weeks
 * away, and at the poles it comes once a year. The sun's position is astronomy-engine's (VSOP87, nutation IAU 2000B,
 * parallax), within seconds of Celery's own below 80 degrees of latitude.
 *
 * @throws LovageError (`schedule`) for an unknown event, a place that is not on Earth, or an offset that cannot be read.
 */
export function solar(
  event: SolarEvent | (string & Record<never, never>),
  latitude: number,
  longitude: number,
  options: SolarOptions = {},
): Required<Schedule> {
  if (!isSolarEvent(event)) throw unknownEvent(event);
  const place = readPlace(latitude, longitude);
  return new Solar(event, place, parseDuration(options.offset ?? 0, { allowNegative: true }));
}

class Solar implements Schedule {
  readonly #event: SolarEvent;
  readonly #sky: Sky;
  readonly #offsetMs: number;
  /** Finding a sunset takes a quarter of a millisecond, and entries share their schedules. */
  #askedAt = Number.NaN;
  #answer: Instant | null = null;

  constructor(event: SolarEvent, place: Place, offsetMs: number) {
    this.#event = event;
    this.#sky = skyOver(place);
    this.#offsetMs = offsetMs;
    Object.freeze(this);
  }

  next(after: Instant): Instant | null {
    if (after !== this.#askedAt) {
      const eventAt = nextSunEvent(this.#event, this.#sky, after - this.#offsetMs);
      this.#answer = eventAt === null ? null : eventAt + this.#offsetMs;
      this.#askedAt = after;
    }
    return this.#answer;
  }

  describe(): string {
    const { latitude, longitude } = this.#sky.place;
    return `${describeOffset(this.#offsetMs)}${NAMES[this.#event]} at ${latitude}, ${longitude}`;
  }

  toJSON(): ScheduleJson {
    const { latitude, longitude } = this.#sky.place;
    return { kind: "solar", event: this.#event, latitude, longitude, offsetMs: this.#offsetMs };
  }

  /** The sun needs no zone and no anchor. */
  bind(): Required<Schedule> {
    return this;
  }
}

function isSolarEvent(word: unknown): word is SolarEvent {
  return typeof word === "string" && Object.hasOwn(NAMES, word);
}

function describeOffset(offsetMs: number): string {
  if (offsetMs === 0) return "";
  return `${formatDuration(Math.abs(offsetMs))} ${offsetMs < 0 ? "before" : "after"} `;
}

function unknownEvent(event: unknown): LovageError {
  const meant = typeof event === "string" ? didYouMean(event, solarEvents) : null;
  const hint = meant === null ? `one of ${solarEvents.join(", ")}` : `did you mean ${meant}?`;
  return new LovageError("schedule", `no solar event is called ${show(event)}`, { hint });
}

function readPlace(latitude: number, longitude: number): Place {
  if (!isWithin(latitude, 90)) {
    throw new LovageError("schedule", `latitude must be a number from -90 to 90: ${show(latitude)}`, {
      hint: "degrees north of the equator, south is negative; latitude comes first, then longitude",
    });
  }
  if (!isWithin(longitude, 180)) {
    throw new LovageError("schedule", `longitude must be a number from -180 to 180: ${show(longitude)}`, {
      hint: "degrees east of Greenwich, west is negative",
    });
  }
  return Object.freeze({ latitude, longitude });
}

function isWithin(degrees: unknown, most: number): boolean {
  return typeof degrees === "number" && Math.abs(degrees) <= most;
}

function show(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : String(value);
}
