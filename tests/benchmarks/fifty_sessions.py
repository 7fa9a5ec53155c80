"""Fifty annotators at once on the running server, each with the page open: a draft every 2 s, a submission every 10.

Then the closed loop: submissions one after the other without a pause, by one session and by eight.

Run it: python tests/benchmarks/fifty_sessions.py [SECONDS]
"""

from __future__ import annotations

import itertools
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import sqlalchemy as sa

from gatherset.dataset.catalog.tables import submissions, tasks
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.benchmarks.session import Session
from tests.browser import APP, Server
from tests.conftest import draw

SESSIONS = 50
IMAGES = 600
OVERLAP = 2
DRAFT_EVERY, SUBMIT_EVERY = 2.0, 10.0  # seconds


def annotate(session: Session, until: float, taken: dict[str, list[float]], errors: list[str]) -> None:
    """One annotator's minutes."""
    numbers = itertools.count()
    time.sleep(random.uniform(0, SUBMIT_EVERY))
    try:
        desk = session.post("next")
        while time.monotonic() < until and desk["task"]:
            task, revision = desk["task"]["id"], 0
            for step in range(int(SUBMIT_EVERY / DRAFT_EVERY)):
                time.sleep(DRAFT_EVERY)
                partial = session.answer(task, captions=[f"Half a sentence {step}", "", "", "", ""])
                started = time.perf_counter()
                saved = session.post("draft", task=task, revision=revision, version=0, answer=partial)
                taken["draft"].append(time.perf_counter() - started)
                revision = saved["revision"]
            started = time.perf_counter()
            key = f"{session.name}-{task}-{next(numbers)}"
            desk = session.post("submission", task=task, key=key, version=0, answer=session.answer(task))
            taken["submission"].append(time.perf_counter() - started)
    except Exception as error:
        errors.append(f"{session.name}: {error!r}")


def hurry(session: Session, count: int, taken: list[float]) -> None:
    """Submissions without a pause."""
    desk = session.post("next")
    for number in range(count):
        task = desk["task"]["id"]
        started = time.perf_counter()
        key = f"{session.name}-{task}-{number}"
        desk = session.post("submission", task=task, key=key, version=0, answer=session.answer(task))
        taken.append(time.perf_counter() - started)


def together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def say(what: str, taken: list[float]) -> None:
    times = sorted(1000 * one for one in taken)
    p95 = times[int(0.95 * len(times))]
    print(
        f"{what:<44}{len(times):6} p50 {statistics.median(times):6.0f} ms  p95 {p95:6.0f} ms  most {times[-1]:6.0f} ms"
    )


def counted(workspace: Workspace) -> None:
    """Say how often an image was answered, and whether anybody answered one twice."""
    query = sa.select(sa.func.count(), sa.func.count(sa.distinct(submissions.c.annotator_id)), tasks.c.overlap)
    query = query.join(tasks).group_by(submissions.c.task_id)
    with workspace.catalog.read() as connection:
        rows = connection.execute(query).all()
    too_many = sum(count > overlap for count, _, overlap in rows)
    twice = sum(count != people for count, people, _ in rows)
    whole = sum(count == overlap for count, _, overlap in rows)
    print(f"{len(rows)} images answered, {whole} by exactly `overlap`; by more: {too_many}; twice by one: {twice}")


def run(folder: Path, seconds: float) -> None:
    workspace = Workspace.create(folder / "mg", overlap=OVERLAP)
    for number in range(IMAGES):
        draw(folder / "photos" / f"{number}.jpg", number)
    ingest(workspace, folder / "photos", Provenance(license="CC-BY-4.0"))
    server = Server(workspace.root, APP)
    server.start()
    try:
        sessions = [Session(workspace, f"annotator {number}", server.port) for number in range(SESSIONS)]
        for session in sessions:
            session.open_page()
        taken: dict[str, list[float]] = {"draft": [], "submission": []}
        errors: list[str] = []
        until = time.monotonic() + seconds
        together([threading.Thread(target=annotate, args=(one, until, taken, errors)) for one in sessions])
        print(f"{SESSIONS} sessions with their pages open, {seconds:.0f} s; errors: {len(errors)} {errors[:3]}")
        for what, times in taken.items():
            say(what, times)
        counted(workspace)
        for writers in (1, 8):
            busy: list[float] = []
            own = [Session(workspace, f"writer {writers} {number}", server.port) for number in range(writers)]
            together([threading.Thread(target=hurry, args=(one, 100 // writers, busy)) for one in own])
            say(f"closed loop, {writers} at once: submission", busy)
        counted(workspace)
    finally:
        server.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        run(Path(made), float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
