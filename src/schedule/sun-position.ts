// Where the sun stands over a place: astronomy-engine's apparent position, from the ground, without refraction.
import { AstroTime, Body, Equator, Horizon, HourAngle, Observer } from "astronomy-engine";
import type { Instant } from "../clock.ts";

/** Degrees: north of the equator, and east of Greenwich. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/**
 * The sun over one place. Ask for whole seconds only: astronomy-engine takes the nutation from its last answer when the
 * two instants are less than 0.09 s apart, and the same question must have the same answer whatever came before.
 */
export interface Sky {
  readonly place: Place;
  /** Degrees of the centre of the sun above the horizon, at sea level. */
  readonly centre: (at: Instant) => number;
  /** Degrees of the upper limb; the radius of the disc follows the distance of the sun. */
  readonly upperLimb: (at: Instant) => number;
  /** Degrees since the sun crossed the meridian, from -180 to 180. */
  readonly hourAngle: (at: Instant) => number;
}

/** Seen from one astronomical unit, 959.63 seconds of arc: the almanacs' value (Auwers), and that of Celery's ephem. */
const SUN_RADIUS = 959.63 / 3600;
const DEGREES_PER_HOUR = 15;

export function skyOver(place: Place): Sky {
  const observer = new Observer(place.latitude, place.longitude, 0);
  return Object.freeze({
    place,
    centre: (at: Instant) => sunFrom(observer, at).centre,
    upperLimb: (at: Instant) => {
      const { centre, radius } = sunFrom(observer, at);
      return centre + radius;
    },
    hourAngle: (at: Instant) => {
      const hours = HourAngle(Body.Sun, timeOf(at), observer);
      return (hours > 12 ? hours - 24 : hours) * DEGREES_PER_HOUR;
    },
  });
}

function sunFrom(observer: Observer, at: Instant): { centre: number; radius: number } {
  const time = timeOf(at);
  const { ra, dec, dist } = Equator(Body.Sun, time, observer, true, true);
  const { altitude } = Horizon(time, observer, ra, dec);
  return { centre: altitude, radius: SUN_RADIUS / dist };
}

function timeOf(at: Instant): AstroTime {
  return new AstroTime(new Date(at));
}
