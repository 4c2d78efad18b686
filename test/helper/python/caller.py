# A Python client of somebody else's worker: runs one scenario and prints what it saw as JSON.
import json
import os
import sys
from datetime import datetime, timedelta, timezone

from celery import Celery, chain, group, signature
from celery.exceptions import TaskRevokedError
from celery.exceptions import TimeoutError as ResultTimeout

app = Celery("caller", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_BACKEND"])


def seen(result, timeout=20):
    try:
        value = result.get(timeout=timeout)
        return {"state": result.state, "value": value}
    except ResultTimeout:
        return {"state": result.state, "timeout": True}
    except Exception as error:
        return {
            "state": result.state,
            "type": type(error).__name__,
            "args": [str(arg) for arg in error.args],
            "text": str(error),
            "traceback": result.traceback,
        }


def call(name, *args, **options):
    kwargs = options.pop("kwargs", {})
    return app.send_task(name, args, kwargs, **options)


def value():
    return seen(call("proj.add", 2, 3))


def types():
    return seen(call("proj.echo", {"text": "zażółć ☃", "big": 2**53 + 1, "none": None, "list": [1, [2.5]], "flag": True}))


def keywords():
    return seen(call("proj.subtract", kwargs={"y": 2, "x": 44}))


def wrong_keyword():
    return seen(call("proj.subtract", kwargs={"x": 44, "z": 2}))


def error():
    return seen(call("proj.fail", "boom"))


def custom_error():
    return seen(call("proj.fail_custom"))


def unknown():
    return seen(call("proj.nothing"))


def retried():
    result = call("proj.flaky", 2)
    return {**seen(result), "id": result.id}


def exhausted():
    return seen(call("proj.never"))


def revoked():
    result = call("proj.add", 1, 1, countdown=5)
    result.revoke()
    return seen(result)


def terminated():
    result = call("proj.sleep", 60)
    while result.state != "STARTED":
        pass
    result.revoke(terminate=True)
    return seen(result)


def expired():
    return seen(call("proj.add", 1, 1, expires=datetime.now(timezone.utc) - timedelta(seconds=5)))


def hard_limit():
    return seen(call("proj.spin", time_limit=1))


def soft_limit():
    return seen(call("proj.sleep", 60, soft_time_limit=1))


def lost():
    return seen(call("proj.exit"))


def progress():
    result = call("proj.progress")
    states = set()
    while not result.ready():
        meta = result.backend.get_task_meta(result.id)
        states.add((meta["status"], json.dumps(meta["result"]) if meta["status"] == "PROGRESS" else ""))
    return {"states": sorted(states), **seen(result)}


def linked():
    parent = call("proj.add", 2, 2, link=signature("proj.add", (10,), app=app))
    parent.get(timeout=20)
    return {"children": [seen(child) for child in parent.children]}


def chained():
    first = signature("proj.add", (1, 2), app=app)
    return seen(chain(first, signature("proj.add", (3,), app=app), signature("proj.add", (4,), app=app)).apply_async())


def grouped():
    result = group(signature("proj.add", (n, n), app=app) for n in range(5)).apply_async()
    return {"values": result.get(timeout=20)}


def children():
    parent = call("proj.parent")
    parent.get(timeout=20)
    return {"children": [seen(child) for child in parent.children]}


def many():
    results = [call("proj.add", n, n) for n in range(500)]
    return {"sum": sum(result.get(timeout=60) for result in results)}


def compressed():
    return seen(call("proj.echo", "x" * 50_000, compression="gzip"))


def pickled():
    return seen(call("proj.add", 1, 1, serializer="pickle"), timeout=2)


def priorities():
    # Enqueued at once: each gets its place by priority, 0 first on Redis.
    return {"ids": [call("proj.echo", n, priority=n).id for n in (9, 6, 3, 0)]}


print(json.dumps(globals()[sys.argv[1]]()))
