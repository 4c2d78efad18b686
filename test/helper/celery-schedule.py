"""Asks the real Celery when the periodic tasks of an app run. Reads {from: epoch seconds, count} on stdin.

Writes {entry: [epoch seconds]}: the first runs after that instant, each computed from the one before.
"""
import datetime
import json
import sys

from celery.app.utils import find_app
from celery.beat import ScheduleEntry

UTC = datetime.timezone.utc
sys.path.insert(0, ".")
app = find_app(sys.argv[1])
app.set_current()
app.finalize()


def runs(name, definition, after, count):
    when = ScheduleEntry(**dict(definition, name=name, app=app)).schedule
    zone = when.now().tzinfo
    found = []
    for _ in range(count):
        last = datetime.datetime.fromtimestamp(after, UTC).astimezone(zone)
        when.nowfun = lambda: last
        # On the wall clock, as Celery counts.
        after = (last + when.remaining_estimate(last)).timestamp()
        found.append(after)
    return found


asked = json.load(sys.stdin)
json.dump(
    {name: runs(name, definition, asked["from"], asked["count"]) for name, definition in app.conf.beat_schedule.items()},
    sys.stdout,
)
