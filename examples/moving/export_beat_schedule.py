#!/usr/bin/env python3
"""Writes the periodic tasks of a Celery app as a schedule file for Lovage, and the last runs of Celery's beat.

Run it with the project's own Python, where `celery -A proj` works; it needs nothing but Celery and changes nothing there:

    python export_beat_schedule.py -A proj -o schedules/proj.yaml
    python export_beat_schedule.py -A proj --last-runs celerybeat-schedule -o last-runs.json

What cannot be carried over is said on stderr by name. Exit code 0: all of it was carried; 1: something was left out.
"""
import argparse
import datetime
import json
import os
import re
import shelve
import sys

import celery
from celery.app.utils import find_app
from celery.beat import BeatLazyFunc, ScheduleEntry
from celery.schedules import crontab, schedule, solar
from celery.utils.imports import symbol_by_name
from celery.utils.time import LocalTimezone
from kombu.utils.json import dumps as wire_dumps

UTC = datetime.timezone.utc

#: Options that go into the schedule file as they are, where JSON can say them.
CARRIED = {
    "priority", "countdown", "headers", "time_limit", "soft_time_limit", "ignore_result", "shadow", "retries",
    "reply_to", "argsrepr", "kwargsrepr", "link", "link_error",
}
#: Options of a task that `apply_async` adds where the entry does not say otherwise.
FROM_TASK = ("queue", "exchange", "routing_key", "priority", "expires", "delivery_mode", "compression", "time_limit",
             "soft_time_limit", "serializer")
#: About the publisher's own retries: beat tries until the message is sent.
NEEDLESS = {"retry", "retry_policy", "immediate", "mandatory", "producer", "publisher", "connection", "add_to_parent",
            "periodic_task_name"}
COMPRESSIONS = {"gzip": "gzip", "application/x-gzip": "gzip", "zlib": "zlib"}
DELIVERY_MODES = {"transient": 1, "persistent": 2}
#: Of a crontab, in the order of its text.
FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
CANVAS = {"celery.chain", "celery.group", "celery.chord", "celery.map", "celery.starmap", "celery.chunks"}


class NotCarried(Exception):
    """This entry cannot be written as one of ours: why."""


class Report:
    """What a person has to know, on stderr; and whether something was left out."""

    left_out = 0

    def leave_out(self, name, reason):
        self.left_out += 1
        self.say("left out: %s: %s" % (name, reason))

    def note(self, name, text):
        self.say("note: %s: %s" % (name, text))

    def say(self, line):
        print(line, file=sys.stderr)


def load_app(spec):
    """The app as `celery beat` has it: its modules imported, and what waits for its configuration done."""
    sys.path.insert(0, os.getcwd())
    app = find_app(spec)
    app.set_current()
    app.loader.import_default_modules()
    app.finalize()
    return app


def periodic_tasks(app, scheduler):
    """name -> what beat_schedule and add_periodic_task say, and the entry that Celery's beat adds by itself.

    With a scheduler class: the entries that it has.
    """
    if scheduler:
        return dict(symbol_by_name(scheduler)(app=app, lazy=True).schedule)
    entries = dict(app.conf.beat_schedule)
    cleanup = "celery.backend_cleanup"
    keeps_results = app.conf.result_backend and app.conf.result_expires
    if cleanup not in entries and keeps_results and not app.backend.supports_autoexpire:
        options = {"expires": 12 * 3600}
        entries[cleanup] = {"task": cleanup, "schedule": crontab("0", "4", "*"), "options": options}
    return entries


def make_entry(app, name, definition):
    if isinstance(definition, ScheduleEntry):
        return definition
    try:
        entry = ScheduleEntry(**dict(definition, name=name, app=app))
    except Exception as error:
        raise NotCarried("Celery does not take it: %s" % error)
    if not entry.task:
        raise NotCarried("it has no task")
    return entry


# When


def zone_name(tz):
    """The IANA name of a time zone, or None."""
    if isinstance(tz, str):
        return tz
    if tz is None or isinstance(tz, LocalTimezone):
        return local_zone()
    name = getattr(tz, "key", None) or getattr(tz, "zone", None)
    if name:
        return name
    offset = tz.utcoffset(None)
    if offset is None:
        return None
    hours = offset.total_seconds() / 3600
    if hours == 0:
        return "UTC"
    return "Etc/GMT%+d" % -hours if hours == int(hours) and -12 <= hours <= 14 else None


def local_zone():
    """This machine's zone, for an app with `enable_utc = False` and no `timezone`."""
    if os.environ.get("TZ"):
        return os.environ["TZ"].lstrip(":")
    target = os.path.realpath("/etc/localtime")
    return target.split("/zoneinfo/", 1)[1] if "/zoneinfo/" in target else None


def app_zone(app):
    if app.conf.timezone:
        return zone_name(app.conf.timezone)
    return "UTC" if app.conf.enable_utc else local_zone()


def seconds(delta):
    value = delta.total_seconds()
    return int(value) if value == int(value) else value


def interval(when):
    span = seconds(when.run_every)
    if span < 0.001:
        raise NotCarried("an interval of %s seconds; the shortest is 0.001" % span)
    return {"every": span, "relative": True} if when.relative else span


def crontab_field(original, expanded):
    """As the user wrote it; as numbers where it is written in a way of which our dialect has another idea."""
    if isinstance(original, int):
        return str(original)
    if isinstance(original, str) and re.match(r"^[\w*,/-]+$", original):
        return original
    return ",".join(str(number) for number in sorted(expanded))


def crontab_text(when):
    return " ".join(
        crontab_field(getattr(when, "_orig_" + field), getattr(when, field)) for field in FIELDS
    )


def crontab_zone(when):
    """The zone of a crontab with a `nowfun` of its own, else None."""
    if when.nowfun is None:
        return None
    now = when.nowfun()
    if now.tzinfo is None:
        raise NotCarried("its nowfun gives times without a zone; write the entry by hand, with a timezone")
    zone = zone_name(now.tzinfo)
    if zone is None:
        raise NotCarried("the zone of its nowfun, %s, has no IANA name; write the entry by hand" % now.tzinfo)
    return zone


def describe_schedule(when, app, report, name):
    """The keys of our entry that say when."""
    kind = type(when)
    if kind is schedule:
        return {"schedule": interval(when)}
    if kind is solar:
        return {"schedule": {"solar": when.event, "latitude": float(when.lat), "longitude": float(when.lon)}}
    if kind is crontab or kind.__name__ == "TzAwareCrontab":
        zone = crontab_zone(when)
        deadline = app.conf.get("beat_cron_starting_deadline")
        keys = {"schedule": crontab_text(when), "timezone": zone if zone != app_zone(app) else None}
        return dict(keys, missed_within=deadline)
    if kind.__name__ == "clocked":
        return {"schedule": {"at": when.clocked_time.isoformat()}}
    raise NotCarried("its schedule is a %s.%s; write the entry by hand" % (kind.__module__, kind.__qualname__))


# What


def as_sent(value, what):
    """A value as Celery puts it on the wire."""
    if any(isinstance(part, BeatLazyFunc) for part in (value.values() if isinstance(value, dict) else value)):
        raise NotCarried("%s has a BeatLazyFunc, which is called whenever beat sends; let the task do that" % what)
    try:
        text = wire_dumps(value)
        json.loads(text, parse_constant=lambda word: 1 / 0)
    except Exception:
        raise NotCarried("%s cannot be written as JSON: %.200r" % (what, value))
    return json.loads(text)


def time_or_span(value):
    """`expires` and `eta`; a time without an offset is read in the app's zone there as here."""
    return value.isoformat() if isinstance(value, datetime.datetime) else value


def name_of(value):
    """A queue or an exchange, which may be an object of kombu."""
    return value if isinstance(value, str) else value.name


def destination(app, entry, options):
    """Where task_routes, task_queues and the task itself send it; our beat reads none of these."""
    routed = app.amqp.router.route(dict(options), entry.task, entry.args, entry.kwargs)
    queue = routed.get("queue")
    if queue is None:
        place = {"exchange": routed.get("exchange"), "routing_key": routed.get("routing_key")}
        return {key: name_of(value) for key, value in place.items() if value}, None
    kind = "direct" if isinstance(queue, str) or queue.exchange is None else queue.exchange.type or "direct"
    if kind == "fanout":
        raise NotCarried("%s is a broadcast (fanout); our beat sends to queues" % queue.exchange.name)
    name = name_of(queue)
    warning = None if kind == "direct" else "goes to the queue %s alone, not by its %s exchange" % (name, kind)
    return ({} if name == "celery" else {"queue": name}), warning


def describe_options(app, entry, report):
    task = app.tasks.get(entry.task)
    options = {key: getattr(task, key, None) for key in FROM_TASK}
    if getattr(task, "ignore_result", False):
        options["ignore_result"] = True
    options.update(entry.options)
    options = {key: value for key, value in options.items() if value is not None}
    carried, warning = destination(app, entry, options)
    if warning:
        report.note(entry.name, warning)
    for key, value in options.items():
        if key in ("queue", "exchange", "routing_key") or key in NEEDLESS:
            continue
        if key in ("expires", "eta"):
            carried[key] = as_sent([time_or_span(value)], key)[0]
        elif key == "delivery_mode":
            carried[key] = DELIVERY_MODES.get(value, value)
        elif key == "compression" and value in COMPRESSIONS:
            carried[key] = COMPRESSIONS[value]
        elif key in CARRIED:
            carried[key] = as_sent([value], "the option " + key)[0]
        elif not (key == "serializer" and value in ("json", "application/json")):
            report.note(entry.name, "without its option %s = %.100r" % (key, value))
    return carried


def describe_entry(app, name, definition, report):
    entry = make_entry(app, name, definition)
    if entry.task in CANVAS:
        raise NotCarried("%s cannot be sent by beat, by Celery's neither; make a task that calls it" % entry.task)
    described = {"task": entry.task}
    described.update(describe_schedule(entry.schedule, app, report, name))
    described["args"] = as_sent(list(entry.args or ()), "args")
    described["kwargs"] = as_sent(dict(entry.kwargs or {}), "kwargs")
    described["options"] = describe_options(app, entry, report)
    return {key: value for key, value in described.items() if value not in (None, [], {})}


# YAML: the part of it that needs no library

WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def scalar(value):
    if not isinstance(value, str):
        return json.dumps(value)
    if re.match(r"^[A-Za-z_][\w./-]*$", value, re.ASCII) and value.lower() not in WORDS:
        return value
    escaped = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]", lambda found: "\\u%04x" % ord(found.group()), escaped)


def flow(value):
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (scalar(key), flow(item)) for key, item in value.items())
    if isinstance(value, list):
        return "[%s]" % ", ".join(flow(item) for item in value)
    return scalar(value)


def schedule_file(app, asked, report):
    entries, zone = {}, app_zone(app)
    if zone is None:
        raise SystemExit("cannot tell this machine's time zone: set TZ, such as TZ=Europe/Oslo")
    for name, definition in periodic_tasks(app, asked.scheduler).items():
        try:
            entries[str(name)] = describe_entry(app, str(name), definition, report)
        except NotCarried as reason:
            report.leave_out(name, reason)
    lines = ["# From %s, Celery %s, by export_beat_schedule.py." % (asked.app, celery.__version__), "timezone: %s" % zone]
    if asked.dst:
        lines.append("defaults: {dst: %s}" % asked.dst)
    lines.append("entries:" if entries else "entries: {}")
    for name, entry in entries.items():
        lines.append("  %s:" % scalar(name))
        lines.extend("    %s: %s" % (key, flow(value)) for key, value in entry.items())
    return "\n".join(lines) + "\n", len(entries)


# Last runs


def kept_entries(path):
    """What Celery's beat keeps in its file."""
    try:
        with shelve.open(path, flag="r") as kept:
            return dict(kept.get("entries", {}))
    except Exception as error:
        raise SystemExit("cannot read %s: %s (stop Celery's beat first; leave out an extension that dbm added)"
                         % (path, error))


def same_times(one, other):
    """But for `nowfun`, which Celery's file forgets."""
    if isinstance(one, crontab) and isinstance(other, crontab):
        return all(getattr(one, field) == getattr(other, field) for field in FIELDS)
    return one == other


def last_runs(app, asked, report):
    """name -> when Celery's beat last sent it, and how often; of entries that are as they were then."""
    entries = periodic_tasks(app, asked.scheduler)
    stored = entries if asked.scheduler else kept_entries(asked.last_runs)
    runs = {}
    for name, definition in entries.items():
        try:
            entry = make_entry(app, name, definition)
        except NotCarried:
            continue
        before = stored.get(name)
        if before is None:
            report.leave_out(name, "%s does not know it" % asked.last_runs)
        elif not same_times(before.schedule, entry.schedule):
            report.leave_out(name, "its schedule was another one then")
        else:
            last = before.last_run_at
            last = last.replace(tzinfo=UTC) if last.tzinfo is None else last.astimezone(UTC)
            runs[str(name)] = {"last_run_at": last.isoformat(), "total_run_count": before.total_run_count}
    return json.dumps({"last_runs": runs}, indent=2, ensure_ascii=False) + "\n", len(runs)


def write(text, path):
    """Whole or not at all, since a beat may be watching."""
    if path is None:
        sys.stdout.write(text)
        return
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-A", "--app", required=True, help="the app, as for celery -A")
    parser.add_argument("-o", "--output", help="write to this file (default: stdout)")
    parser.add_argument("-S", "--scheduler", help="take the entries of this scheduler class, as for celery beat -S")
    parser.add_argument("--last-runs", metavar="FILE", nargs="?", const="celerybeat-schedule",
                        help="write last runs instead: those in this file of Celery's beat; with -S, of its entries")
    parser.add_argument("--dst", choices=["celery", "vixie", "wall"], help="what clock changes do to crontabs; see docs/dst.md")
    asked = parser.parse_args()
    report, app = Report(), load_app(asked.app)
    if asked.last_runs:
        text, count = last_runs(app, asked, report)
    else:
        text, count = schedule_file(app, asked, report)
    write(text, asked.output)
    report.say("%d carried, %d left out" % (count, report.left_out))
    return 1 if report.left_out else 0


if __name__ == "__main__":
    sys.exit(main())
