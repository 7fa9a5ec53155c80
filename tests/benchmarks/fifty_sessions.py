"""Fifty annotators at once on the running server, each with the page open: a draft every 2 s, a submission every 10.

Then the closed loop: submissions one after the other without a pause, by one session and by eight. With --postgresql
the catalog is in a server of its own; with --restarts N that is stopped, and started again, N times meanwhile.

Run it: python tests/benchmarks/fifty_sessions.py [SECONDS] [--postgresql [--restarts 2]]
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
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
from tests.postgresql import Cluster, database

SESSIONS = 50
IMAGES = 600
OVERLAP = 2
DRAFT_EVERY, SUBMIT_EVERY = 2.0, 10.0  # seconds
DOWN = 5.0  # seconds that PostgreSQL stays down
PATIENCE = 120.0  # seconds after the end, in which every session must have got its answer


def annotate(
    session: Session, until: float, taken: dict[str, list[float]], errors: list[str], acknowledged: list[str]
) -> None:
    """One annotator's minutes."""
    numbers = itertools.count()
    time.sleep(random.uniform(0, SUBMIT_EVERY))
    end = until + PATIENCE
    try:
        desk = session.persist("next", end)
        while time.monotonic() < until and desk["task"]:
            task, revision = desk["task"]["id"], 0
            for step in range(int(SUBMIT_EVERY / DRAFT_EVERY)):
                time.sleep(DRAFT_EVERY)
                partial = session.answer(task, captions=[f"Half a sentence {step}", "", "", "", ""])
                started = time.perf_counter()
                revision = session.keep(end, task, revision, 0, partial)
                taken["draft"].append(time.perf_counter() - started)
            started = time.perf_counter()
            key = f"{session.name}-{task}-{next(numbers)}"
            desk = session.persist("submission", end, task=task, key=key, version=0, answer=session.answer(task))
            taken["submission"].append(time.perf_counter() - started)
            acknowledged.append(key)
    except Exception as error:
        errors.append(f"{session.name}: {error!r}")


def restart(cluster: Cluster, pauses: list[float]) -> None:
    """Stop PostgreSQL after each of the pauses (seconds), and start it again."""
    for pause in pauses:
        time.sleep(pause)
        cluster.stop("fast")
        time.sleep(DOWN)
        cluster.start()
        print(f"PostgreSQL was down for {DOWN:.0f} s and more", flush=True)


def lost(workspace: Workspace, acknowledged: list[str]) -> int:
    """How many acknowledged submissions are not in the catalog."""
    with workspace.catalog.read() as connection:
        return len(set(acknowledged) - set(connection.execute(sa.select(submissions.c.key)).scalars()))


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
    query = query.join(tasks).group_by(submissions.c.task_id, tasks.c.overlap)
    with workspace.catalog.read() as connection:
        rows = connection.execute(query).all()
    too_many = sum(count > overlap for count, _, overlap in rows)
    twice = sum(count != people for count, people, _ in rows)
    whole = sum(count == overlap for count, _, overlap in rows)
    print(f"{len(rows)} images answered, {whole} by exactly `overlap`; by more: {too_many}; twice by one: {twice}")


def run(folder: Path, seconds: float, cluster: Cluster | None, restarts: int) -> None:
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
        acknowledged: list[str] = []
        until = time.monotonic() + seconds
        given = (until, taken, errors, acknowledged)
        threads = [threading.Thread(target=annotate, args=(one, *given)) for one in sessions]
        if cluster and restarts:
            pauses = [seconds / (restarts + 1)] * restarts
            threads.append(threading.Thread(target=restart, args=(cluster, pauses)))
        together(threads)
        print(f"{SESSIONS} sessions with their pages open, {seconds:.0f} s; errors: {len(errors)} {errors[:3]}")
        print(
            f"acknowledged submissions: {len(acknowledged)}, lost: {lost(workspace, acknowledged)}; "
            f"load {os.getloadavg()[0]:.0f}"
        )
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
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--restarts", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, database(asked.postgresql) as started:
        run(Path(made), asked.seconds, started, asked.restarts)
