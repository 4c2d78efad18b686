"""Answers for the solar tests. Reads [[event, latitude, longitude, after in epoch ms], ...] on stdin and writes, for each,
{"celery": ms, "scan": ms}: what Celery's own search finds, and what a blind scan of ephem's sun finds. Null: not found.

Celery's search gives up on a day without the event, and ephem's now and then turns in circles where the sun only grazes the
horizon; so days are stepped over here, and a search that does not end is cut off.
"""
import json
import math
import signal
import sys

import ephem
from celery.schedules import solar

DAY_MS = 86_400_000
EPOCH = float(ephem.Date("1970/1/1"))
STUCK_AFTER_SECONDS = 0.3
SEARCH_DAYS = 400
SUN_RADIANS_PER_DAY = math.radians(15.1 * 24)
SHORTEST_STEP_DAYS = 15 / 86_400


class Stuck(Exception):
    pass


def give_up(_signal, _frame):
    raise Stuck


def schedule_for(event, latitude, longitude):
    schedule = solar(event, latitude, longitude)
    if event == "dusk_astronomical":
        schedule.cal.horizon = "-18"  # 5.2 says 18, put right in later releases
    return schedule


def celery_next(event, latitude, longitude, after):
    schedule = schedule_for(event, latitude, longitude)
    search = getattr(schedule.cal, schedule.method)
    options = {"use_center": True} if schedule.use_center else {}
    date = EPOCH + after / DAY_MS
    for _ in range(SEARCH_DAYS):
        signal.setitimer(signal.ITIMER_REAL, STUCK_AFTER_SECONDS)
        try:
            return (search(ephem.Sun(), start=date, **options) - EPOCH) * DAY_MS
        except ephem.CircumpolarError:
            date = schedule.cal.next_antitransit(ephem.Sun(), start=date) + ephem.minute
        except Stuck:
            return None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def scan_next(event, latitude, longitude, after):
    if event == "solar_noon":
        return celery_next(event, latitude, longitude, after)
    schedule = schedule_for(event, latitude, longitude)
    direction = 1 if schedule.method == "next_rising" else -1
    sun = ephem.Sun()

    def past(date):
        schedule.cal.date = date
        sun.compute(schedule.cal)
        limb = 0 if schedule.use_center else sun.radius
        return direction * (sun.alt + limb - schedule.cal.horizon)

    before = EPOCH + after / DAY_MS
    end = before + SEARCH_DAYS
    height = past(before)
    while before < end:
        # No step is so long that the sun could cross and come back within it.
        date = before + max(abs(height) / SUN_RADIANS_PER_DAY, SHORTEST_STEP_DAYS)
        next_height = past(date)
        if height < 0 <= next_height:
            return (bisect(past, before, date) - EPOCH) * DAY_MS
        before, height = date, next_height
    return None


def bisect(past, low, high):
    for _ in range(40):
        middle = (low + high) / 2
        if past(middle) < 0:
            low = middle
        else:
            high = middle
    return high


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, give_up)
    cases = json.load(sys.stdin)
    json.dump([{"celery": celery_next(*case), "scan": scan_next(*case)} for case in cases], sys.stdout)
