# Tasks that end in every way a task can end, for clients that read their results.
import os

from celery import Celery, chain
from celery.exceptions import Ignore

app = Celery("outcomes", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_BACKEND"])
app.conf.task_track_started = True
app.conf.result_extended = bool(os.environ.get("RESULT_EXTENDED"))


class Odd(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)


@app.task(name="outcomes.add")
def add(x, y):
    return x + y


@app.task(name="outcomes.data")
def data():
    return {"text": "za\u017c\u00f3\u0142\u0107 \u2603", "big": 2**63, "list": [1, 2.5, None, True]}


@app.task(name="outcomes.fail")
def fail():
    raise ValueError("boom", 42)


@app.task(name="outcomes.odd")
def odd():
    raise Odd(7, "custom")


@app.task(name="outcomes.chained")
def chained():
    try:
        raise KeyError("inner")
    except KeyError as error:
        raise RuntimeError("outer") from error


@app.task(bind=True, name="outcomes.again", max_retries=1)
def again(self):
    raise self.retry(exc=ValueError("try again"), countdown=0.2)


@app.task(name="outcomes.ignore")
def ignore():
    raise Ignore()


@app.task(bind=True, name="outcomes.progress")
def progress(self):
    self.update_state(state="PROGRESS", meta={"done": 3})
    raise Ignore()


@app.task(name="outcomes.start_chain")
def start_chain():
    return chain(add.s(1, 2), add.s(3), add.s(4))().id
