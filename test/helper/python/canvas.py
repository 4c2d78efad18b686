# Chords, groups and chains: a Python worker's tasks under the same names as our worker's, and, run as a program, a client
# that sends one scenario and prints what came of it as JSON.
import json
import os
import sys
import time
import uuid

from celery import Celery, chain, chord, group
from celery.exceptions import TimeoutError as ResultTimeout

app = Celery("canvas", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_BACKEND"] or None)
# So that both of a mixed fleet get their share.
app.conf.worker_prefetch_multiplier = 1


@app.task(name="proj.add")
def add(x, y):
    return x + y


@app.task(name="proj.sum")
def total(values):
    return sum(total(value) if isinstance(value, list) else value for value in values)


@app.task(name="proj.echo")
def echo(value):
    return value


@app.task(name="proj.who")
def who(seconds):
    time.sleep(seconds)
    return "python"


@app.task(name="proj.fail")
def fail(text):
    raise ValueError(text)


@app.task(name="proj.noted")
def noted(task_id):
    return task_id


def seen(result, timeout=30):
    try:
        value = result.get(timeout=timeout)
        return {"state": result.state, "value": value}
    except ResultTimeout:
        return {"state": result.state, "timeout": True}
    except Exception as error:
        return {"state": result.state, "type": type(error).__name__, "text": str(error)}


def kept(task_id, timeout=30):
    """What is kept of a task alone, whatever became of those before it."""
    result = app.AsyncResult(task_id)
    ends = time.time() + timeout
    while not result.ready() and time.time() < ends:
        time.sleep(0.05)
    value = result.result
    return {"state": result.state, "value": value if result.successful() else str(value)}


def plain():
    return seen(chord([add.s(n, n) for n in range(5)])(total.s()))


def ordered():
    return seen(chord([echo.s(n) for n in range(12)])(echo.s()))


def one():
    return seen(chord([add.s(1, 2)])(total.s()))


def empty():
    return seen(chain(add.s(1, 1), chord([], echo.s())).apply_async())


def of_chains():
    return seen(chord([chain(add.s(1, 1), add.s(2)), add.s(3, 3)])(echo.s()))


def of_groups():
    header = [chain(add.s(1, 1), group(add.s(10), add.s(20))), add.s(3, 3), group(add.s(4, 4), add.s(5, 5))]
    return seen(chord(header)(echo.s()))


def of_chords():
    header = [chord([add.s(1, 1), add.s(2, 2)], total.s()), add.s(3, 3)]
    return seen(chord(header)(echo.s()))


def chord_as_body():
    inner = chord([total.s(), total.s()], echo.s())
    return seen(chord([add.s(1, 1), add.s(2, 2)])(inner))


def chain_as_body():
    return seen(chord([add.s(1, 1), add.s(2, 2)])(chain(total.s(), add.s(10))))


def group_as_body():
    return {"value": chord([add.s(1, 1), add.s(2, 2)])(group(total.s(), echo.s())).get(timeout=30)}


def group_then_task():
    return seen((add.s(1, 1) | group(add.s(2), add.s(3)) | total.s()).apply_async())


def group_then_chain():
    canvas = add.s(1, 1) | group(add.s(2), add.s(3)) | total.s() | add.s(10) | group(add.s(1), add.s(2)) | echo.s()
    return seen(canvas.apply_async())


def group_at_end():
    result = chain(add.s(1, 1), group(add.s(2), add.s(3))).apply_async()
    value = result.get(timeout=30)
    (child,) = result.parent.children
    return {"value": value, "is_group": child.id == result.id, "children": [task.id for task in child.results]
            == [task.id for task in result.results]}


def linked():
    link_id = str(uuid.uuid4())
    header = chord([add.s(1, 1), add.s(2, 2)], total.s())
    header.link(add.s(100).set(task_id=link_id))
    result = chain(add.s(1, 1), chord([add.s(1), add.s(2)], total.s())).apply_async()
    return {"body": seen(header.apply_async()), "link": kept(link_id), "in_chain": seen(result)}


def failing():
    return kept(chord([add.s(1, 1), fail.s("boom"), add.s(2, 2)])(total.s()).id)


def failing_chain():
    return kept(chord([chain(add.s(1, 1), fail.si("boom"), add.s(1)), add.s(2, 2)])(total.s()).id)


def failing_chain_alone():
    last = str(uuid.uuid4())
    chain(fail.s("boom"), add.s(1), add.s(2).set(task_id=last)).apply_async()
    return kept(last)


def failing_within():
    result = chord([chord([fail.s("boom")], total.s()), add.s(2, 2)])(total.s())
    return kept(result.id)


def failing_chain_body():
    result = chord([fail.s("boom"), add.s(1, 1)])(chain(total.s(), add.s(10)))
    return kept(result.id)


def failing_then_chain():
    result = (group(fail.s("boom"), add.s(1, 1)) | total.s() | add.s(1)).apply_async()
    return kept(result.id)


def errback():
    errback_id, body_id = str(uuid.uuid4()), str(uuid.uuid4())
    body = total.s().set(task_id=body_id)
    body.link_error(noted.s().set(task_id=errback_id))
    chord([fail.s("boom"), add.s(1, 1)])(body)
    return {"told": kept(errback_id)["value"] == body_id, "body": kept(body_id)}


def unknown_body():
    result = chord([add.s(1, 1)])(app.signature("proj.unknown"))
    return kept(result.id)


def revoked():
    result = chord([add.s(1, 1), add.s(2, 2).set(countdown=2)])(total.s())
    result.parent.results[1].revoke()
    return kept(result.id)


def fleet():
    results = [chord([who.s(0.01) for _ in range(10)])(echo.s()) for _ in range(20)]
    values = [result.get(timeout=60) for result in results]
    return {"sizes": [len(value) for value in values], "who": sorted({name for value in values for name in value})}


def left():
    """The keys of chords that are still there."""
    return sorted(key.decode() for key in app.backend.client.keys("celery-taskset-meta-*.*"))


if __name__ == "__main__":
    print(json.dumps({name: globals()[name]() for name in sys.argv[1:]}))
