# The other side of interop tests: tasks that write down what they were given, one JSON line a run.
import json
import os
import time

from celery import Celery

app = Celery("sink", broker=os.environ["BROKER_URL"], backend=os.environ.get("RESULT_BACKEND") or None)
app.conf.task_ignore_result = not os.environ.get("RESULT_BACKEND")
app.conf.enable_utc = True
# How soon a message taken by a worker that died is given to another; kombu's default is an hour.
if os.environ.get("VISIBILITY_TIMEOUT"):
    app.conf.broker_transport_options = {"visibility_timeout": float(os.environ["VISIBILITY_TIMEOUT"])}


def note(request, args, kwargs):
    line = {
        "task": request.task,
        "id": request.id,
        "args": list(args),
        "kwargs": kwargs,
        "at": time.time(),
        "eta": request.eta,
        "expires": request.expires,
        "retries": request.retries,
        "headers": dict(request.headers or {}),
        "tenant": getattr(request, "x-tenant", None),
        "delivery_info": dict(request.delivery_info or {}),
        "correlation_id": request.correlation_id,
        "periodic_task_name": getattr(request, "periodic_task_name", None),
        "scheduled_at": getattr(request, "scheduled_at", None),
        "occurrence": getattr(request, "occurrence", None),
    }
    # One write of one line: several workers may append to the same file.
    descriptor = os.open(os.environ["OUTPUT"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)


@app.task(bind=True, name="sink.echo")
def echo(self, *args, **kwargs):
    note(self.request, args, kwargs)
    return args[0] if args else None


@app.task(bind=True, name="sink.hello")
def hello(self, name):
    note(self.request, (name,), {})
    return f"hello {name}"


@app.task(bind=True, name="sink.add")
def add(self, x, y):
    note(self.request, (x, y), {})
    return x + y


@app.task(bind=True, name="sink.fail")
def fail(self, *args):
    note(self.request, args, {})
    raise ValueError("sink.fail was asked to fail")


@app.task(bind=True, name="sink.slow")
def slow(self, seconds):
    note(self.request, (seconds,), {})
    time.sleep(seconds)
    return seconds
