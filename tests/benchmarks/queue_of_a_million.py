"""How long the queue of a million tasks takes to hand out the next one, and a submission to be stored.

Run it: python tests/benchmarks/queue_of_a_million.py [--postgresql] (half a gigabyte; a few minutes)
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from gatherset.annotate.annotators import annotator_id
from gatherset.annotate.answer import Answer
from gatherset.annotate.queue import Task, next_task
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import tasks
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace
from tests.postgresql import database

T = TypeVar("T")
COUNT = 1_000_000
ROUNDS = 200
FIRST = (100_001, 160_000)  # the tasks that the lead puts first
ANSWER = Answer("event", True, "protest")
NUMBERS = {  # n from 1 to `count`, and n in hexadecimal with so many digits
    "sqlite": (
        "(WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number "
        "WHERE n < {count}) SELECT n FROM number)",
        "printf('%0{digits}x', n)",
    ),
    "postgresql": ("generate_series(1, {count}) AS number(n)", "lpad(to_hex(n), {digits}, '0')"),
}
FILL = """
INSERT INTO images (id, sha256, phash, width, height, format, bytes, language, captions, source, flags, ref, added_at)
SELECT 'gs-' || {short}, {long}, {short}, 640, 480, 'jpeg', 1000, 'en', '[]', '{{}}', '[]', n || '.jpg', '{now}'
FROM {numbers}
"""
TASKS = """
INSERT INTO tasks (image_id, kind, state, overlap, answers, note)
SELECT id, 'event', 'open', 2, 0, '' FROM images ORDER BY id
"""
ANSWERED = """
INSERT INTO submissions (task_id, annotator_id, version, key, answer, submitted_at)
SELECT id, {person}, 1, 'made-{person}-' || id, '{answer}', '{now}' FROM tasks WHERE id BETWEEN {first} AND {last}
"""


def make_images(connection: sa.Connection, count: int) -> None:
    """So many images, each with an open task of event type."""
    numbers, hexadecimal = NUMBERS[connection.dialect.name]
    short, long = (hexadecimal.format(digits=digits) for digits in (16, 64))
    connection.exec_driver_sql(FILL.format(numbers=numbers.format(count=count), short=short, long=long, now=now()))
    connection.exec_driver_sql(TASKS)


def fill(workspace: Workspace) -> None:
    with workspace.catalog.write() as connection:
        make_images(connection, COUNT)
    count_anew(workspace)


def count_anew(workspace: Workspace) -> None:
    """What PostgreSQL does itself within minutes of so many changes: its plans go by it."""
    with workspace.catalog.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")
            connection.commit()


def answered(workspace: Workspace, name: str, first: int, last: int) -> None:
    """Say that `name` has answered the tasks `first` to `last`, which now wait for a second opinion."""
    with workspace.catalog.write() as connection:
        person = annotator_id(connection, name)
        answer = json.dumps(ANSWER.document())
        made = ANSWERED.format(person=person, answer=answer, now=now(), first=first, last=last)
        connection.exec_driver_sql(made)
        connection.execute(sa.update(tasks).where(tasks.c.id.between(first, last)).values(answers=1))
    count_anew(workspace)


def timed(act: Callable[[int], T], then: Callable[[T], object] = lambda _: None) -> tuple[list[float], list[float]]:
    """Milliseconds of each of ROUNDS calls, shortest first, and the processor's of each likewise.

    The second says what the queue costs where other work keeps the machine busy. What is done `then` is not timed.
    """
    taken, busy = [], []
    for number in range(ROUNDS):
        started, worked = time.perf_counter(), time.process_time()
        found = act(number)
        busy.append(1000 * (time.process_time() - worked))
        taken.append(1000 * (time.perf_counter() - started))
        then(found)
    return sorted(taken), sorted(busy)


def say(what: str, measured: tuple[list[float], list[float]]) -> None:
    told = []
    for name, ordered in zip(("clock", "processor"), measured, strict=True):
        p50, p95 = statistics.median(ordered), ordered[int(0.95 * len(ordered))]
        told.append(f"{name} p50 {p50:5.1f}  p95 {p95:5.1f}  most {ordered[-1]:6.1f} ms")
    print(f"{what:<66}{'   '.join(told)}", flush=True)


def give(workspace: Workspace, name: str, task: Task | None) -> None:
    assert task is not None
    submit(workspace, task.id, name, ANSWER, key=f"{name}-{task.id}", version=0)


def put_first(workspace: Workspace) -> None:
    """The lead puts 60,000 first, all of which `lone` has answered."""

    def each(what: str, name: str) -> None:
        say(what, timed(lambda n: next_task(workspace, name), lambda task: give(workspace, name, task)))

    with workspace.catalog.write() as connection:
        connection.execute(sa.update(tasks).where(tasks.c.id.between(*FIRST)).values(priority=1))
    each("next after each answer, 60,000 put first, all of them one's own", "lone")
    answered(workspace, "halfway", FIRST[0], sum(FIRST) // 2)
    each("next after each answer, half of them one's own", "halfway")
    each("next after each answer, none of them one's own", "visitor")
    with workspace.catalog.write() as connection:
        connection.execute(sa.update(tasks).where(tasks.c.priority > 0).values(priority=0))


def run(folder: Path) -> None:
    workspace = Workspace.create(folder / "million")
    fill(workspace)

    def step(name: str) -> None:
        give(workspace, name, next_task(workspace, name))

    say("next, nobody has answered anything", timed(lambda n: next_task(workspace, f"new {n}")))
    say("next and submit, one annotator", timed(lambda n: step("anna")))
    answered(workspace, "lone", 1000, COUNT // 2)
    say("next, for the one who has answered the first half alone", timed(lambda n: next_task(workspace, "lone")))
    say("next and submit, for the same", timed(lambda n: step("lone")))
    say("next and submit, for a second one, who walks behind", timed(lambda n: step("ben")))
    say("next, for as many who arrive at once", timed(lambda n: next_task(workspace, f"guest {n}")))
    put_first(workspace)
    answered(workspace, "diligent", COUNT // 2 + 1000, COUNT)
    with workspace.catalog.write() as connection:  # nothing fresh is left: only a walk finds what others have begun
        connection.execute(sa.update(tasks).where(tasks.c.answers == 0).values(state="done"))
    started = time.perf_counter()
    next_task(workspace, "lone")
    print(f"the one long walk, past all that is one's own: {1000 * (time.perf_counter() - started):.0f} ms")
    say("next and submit after it", timed(lambda n: step("lone")))
    workspace.catalog.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made, database("--postgresql" in sys.argv[1:]):
        run(Path(made))
