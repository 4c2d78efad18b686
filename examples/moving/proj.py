"""A Celery app with periodic tasks of every kind, to try the move with: see docs/moving-from-celery-beat.md."""
import datetime
import os

from celery import Celery
from celery.schedules import crontab, schedule, solar

try:
    from zoneinfo import ZoneInfo
except ImportError:  # Python 3.8
    from backports.zoneinfo import ZoneInfo

app = Celery("proj", broker=os.environ.get("BROKER_URL", "redis://localhost:6379/0"))
app.conf.timezone = "Asia/Taipei"
app.conf.task_routes = {"proj.report": {"queue": "reports"}}


def now_in_oslo():
    """Celery's way to a crontab in a zone of its own."""
    return datetime.datetime.now(ZoneInfo("Europe/Oslo"))


@app.on_after_configure.connect
def setup_periodic_tasks(sender, **kwargs):
    sender.add_periodic_task(10.0, hello.s("there"), name="every 10 seconds", expires=10)
    sender.add_periodic_task(crontab(hour=7, minute=30, day_of_week="mon"), report.s("weekly", format="pdf"))


@app.task(name="proj.hello")
def hello(name):
    return "hello, " + name


@app.task(name="proj.report", expires=3600)
def report(kind, format="html"):
    return "%s.%s" % (kind, format)


app.conf.beat_schedule = {
    "number": {"task": "proj.hello", "schedule": 30, "args": ("my friend",)},
    "timedelta": {"task": "proj.hello", "schedule": datetime.timedelta(hours=1, minutes=30), "kwargs": {"name": "ž☃"}},
    "relative": {"task": "proj.hello", "schedule": schedule(datetime.timedelta(hours=6), relative=True), "args": ["six"]},
    "office hours": {
        "task": "proj.report",
        "schedule": crontab(minute="*/20", hour="8-11,13-17", day_of_week="mon-fri"),
        "args": ["hourly"],
        "options": {"queue": "urgent", "priority": 3, "expires": 600},
    },
    "month's ends": {
        "task": "proj.report",
        "schedule": crontab(minute={0, 30}, hour=4, day_of_month="1,15,28-31", month_of_year="*/3"),
        "args": ["quarterly"],
        "kwargs": {"format": None},
    },
    "morning in Oslo": {
        "task": "proj.report",
        "schedule": crontab(minute=15, hour=7, nowfun=now_in_oslo),
        "args": ["daily"],
    },
    "lights on": {"task": "proj.hello", "schedule": solar("sunset", -37.81753, 144.96715), "args": ["the lights"]},
    "rooster": {"task": "proj.hello", "schedule": solar("dawn_civil", 25.03, 121.56), "args": ["the sun"]},
}
