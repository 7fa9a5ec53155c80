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

import sqlalchemy as sa

from gatherset.annotate.annotators import annotator_id
from gatherset.annotate.answer import Answer
from gatherset.annotate.queue import next_task
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import tasks
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace
from tests.postgresql import database

COUNT = 1_000_000
ROUNDS = 200
ANSWER = Answer("event", True, "protest")
NUMBERS = {  # n from 1 to COUNT, and n in hexadecimal with so many digits
    "sqlite": (
        "(WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number "
        f"WHERE n < {COUNT}) SELECT n FROM number)",
        "printf('%0{digits}x', n)",
    ),
    "postgresql": (f"generate_series(1, {COUNT}) AS number(n)", "lpad(to_hex(n), {digits}, '0')"),
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


def fill(workspace: Workspace) -> None:
    with workspace.catalog.write() as connection:
        numbers, hexadecimal = NUMBERS[connection.dialect.name]
        short, long = (hexadecimal.format(digits=digits) for digits in (16, 64))
        connection.exec_driver_sql(FILL.format(numbers=numbers, short=short, long=long, now=now()))
        connection.exec_driver_sql(TASKS)
    with workspace.catalog.engine.connect() as connection:  # as PostgreSQL itself does within minutes
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


def timed(act: Callable[[int], object]) -> tuple[list[float], float]:
    """Milliseconds of each of ROUNDS calls, shortest first, and the processor's milliseconds a call.

    The second says what the queue costs where other work keeps the machine busy.
    """
    taken = []
    busy = time.process_time()
    for number in range(ROUNDS):
        started = time.perf_counter()
        act(number)
        taken.append(1000 * (time.perf_counter() - started))
    return sorted(taken), 1000 * (time.process_time() - busy) / ROUNDS


def say(what: str, measured: tuple[list[float], float]) -> None:
    taken, busy = measured
    p50, p95 = statistics.median(taken), taken[int(0.95 * len(taken))]
    print(f"{what:<60}p50 {p50:5.1f}  p95 {p95:5.1f}  most {taken[-1]:6.1f}  processor {busy:5.1f} ms", flush=True)


def run(folder: Path) -> None:
    workspace = Workspace.create(folder / "million")
    fill(workspace)

    def step(name: str) -> None:
        task = next_task(workspace, name)
        assert task is not None
        submit(workspace, task.id, name, ANSWER, key=f"{name}-{task.id}", version=0)

    say("next, nobody has answered anything", timed(lambda n: next_task(workspace, f"new {n}")))
    say("next and submit, one annotator", timed(lambda n: step("anna")))
    answered(workspace, "lone", 1000, COUNT // 2)
    say("next, for the one who has answered the first half alone", timed(lambda n: next_task(workspace, "lone")))
    say("next and submit, for the same", timed(lambda n: step("lone")))
    say("next and submit, for a second one, who walks behind", timed(lambda n: step("ben")))
    say("next, for as many who arrive at once", timed(lambda n: next_task(workspace, f"guest {n}")))
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
