"""Asks the real Celery what its crontabs mean. Reads one JSON object on stdin, writes one on stdout.

expand: [[max, min, text]]                        -> sorted values, or null where Celery refuses the text
next:   [{zone, fields, after: epoch seconds}]    -> the wall time of the next run, as ISO text without an offset
chain:  [{zone, fields, after, count}]            -> runs, each computed from the one before, as epoch seconds
relative: [{zone, seconds, after}]                -> the end of a relative interval, as a wall time
"""
import json
import sys
from datetime import datetime, timedelta, timezone

import celery
from celery.schedules import crontab, crontab_parser
from celery.utils.time import delta_resolution

UTC = timezone.utc
apps = {}


def app_in(zone):
    if zone not in apps:
        apps[zone] = celery.Celery(set_as_current=False)
        apps[zone].conf.timezone = zone
    return apps[zone]


def expand(case):
    most, least, text = case
    try:
        return sorted(crontab_parser(most, least).parse(text))
    except Exception:
        return None


def end_of(case, after):
    app = app_in(case["zone"])
    last = datetime.fromtimestamp(after, UTC).astimezone(app.timezone)
    schedule = crontab(**case["fields"], nowfun=lambda: last, app=app)
    start, delta, _ = schedule.remaining_delta(last)
    return start + delta


def next_wall(case):
    return end_of(case, case["after"]).replace(tzinfo=None).isoformat()


def chain(case):
    runs = []
    after = case["after"]
    for _ in range(case["count"]):
        after = end_of(case, after).astimezone(UTC).timestamp()
        runs.append(int(after))
    return runs


def relative(case):
    start = datetime.fromtimestamp(case["after"], UTC).astimezone(app_in(case["zone"]).timezone)
    delta = timedelta(seconds=case["seconds"])
    return delta_resolution(start + delta, delta).replace(tzinfo=None, microsecond=0).isoformat()


asked = json.load(sys.stdin)
json.dump(
    {
        "version": celery.__version__,
        "months": expand([12, 1, "jan"]) == [1],
        "expand": [expand(case) for case in asked.get("expand", [])],
        "next": [next_wall(case) for case in asked.get("next", [])],
        "chain": [chain(case) for case in asked.get("chain", [])],
        "relative": [relative(case) for case in asked.get("relative", [])],
    },
    sys.stdout,
)
