"""How long the queue of a million tasks takes to hand out the next one, and a submission to be stored.

Run it: python tests/benchmarks/queue_of_a_million.py [FOLDER] (half a gigabyte; a few minutes)
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

COUNT = 1_000_000
ROUNDS = 200
FIRST = (100_001, 160_000)  # the tasks that the lead puts first
ANSWER = Answer("event", True, "protest")
FILL = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})
INSERT INTO images (id, sha256, phash, width, height, format, bytes, language, captions, source, flags, ref, added_at)
SELECT printf('gs-%016x', n), printf('%064x', n), printf('%016x', n), 640, 480, 'jpeg', 1000, 'en', '[]', '{{}}', '[]',
       n || '.jpg', '{now}' FROM number
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
        connection.exec_driver_sql(FILL.format(count=COUNT, now=now()))
        connection.exec_driver_sql(TASKS)


def answered(workspace: Workspace, name: str, first: int, last: int) -> None:
    """Say that `name` has answered the tasks `first` to `last`, which now wait for a second opinion."""
    with workspace.catalog.write() as connection:
        person = annotator_id(connection, name)
        answer = json.dumps(ANSWER.document())
        made = ANSWERED.format(person=person, answer=answer, now=now(), first=first, last=last)
        connection.exec_driver_sql(made)
        connection.execute(sa.update(tasks).where(tasks.c.id.between(first, last)).values(answers=1))


def timed(act: Callable[[int], object]) -> tuple[list[float], list[float]]:
    """Milliseconds of each of ROUNDS calls, shortest first, and the processor's of each likewise.

    The second says what the queue costs where other work keeps the machine busy.
    """
    taken, busy = [], []
    for number in range(ROUNDS):
        started, worked = time.perf_counter(), time.process_time()
        act(number)
        taken.append(1000 * (time.perf_counter() - started))
        busy.append(1000 * (time.process_time() - worked))
    return sorted(taken), sorted(busy)


def say(what: str, measured: tuple[list[float], list[float]]) -> None:
    told = []
    for name, ordered in zip(("clock", "processor"), measured, strict=True):
        p50, p95 = statistics.median(ordered), ordered[int(0.95 * len(ordered))]
        told.append(f"{name} p50 {p50:5.1f}  p95 {p95:5.1f}  most {ordered[-1]:6.1f} ms")
    print(f"{what:<60}{'   '.join(told)}", flush=True)


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
    with workspace.catalog.write() as connection:  # the lead puts 60,000 first, all of which the first has answered
        connection.execute(sa.update(tasks).where(tasks.c.id.between(*FIRST)).values(priority=1))
    say("next, 60,000 put first, for the one who has answered all", timed(lambda n: next_task(workspace, "lone")))
    say("next and submit, for the same", timed(lambda n: step("lone")))
    half = sum(FIRST) // 2
    answered(workspace, "halfway", FIRST[0], half)
    say("next, for one who has answered half of them", timed(lambda n: next_task(workspace, "halfway")))
    say("next and submit, for the same", timed(lambda n: step("halfway")))
    say("next, for as many who arrive at once", timed(lambda n: next_task(workspace, f"visitor {n}")))
    with workspace.catalog.write() as connection:
        connection.execute(sa.update(tasks).values(priority=0))
    answered(workspace, "diligent", COUNT // 2 + 1000, COUNT)
    with workspace.catalog.write() as connection:  # nothing fresh is left: only a walk finds what others have begun
        connection.execute(sa.update(tasks).where(tasks.c.answers == 0).values(state="done"))
    started = time.perf_counter()
    next_task(workspace, "lone")
    print(f"the one long walk, past all that is one's own: {1000 * (time.perf_counter() - started):.0f} ms")
    say("next and submit after it", timed(lambda n: step("lone")))
    workspace.catalog.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            run(Path(made))
