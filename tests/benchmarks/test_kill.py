"""kill -9 of the server at random moments under load: every acknowledged submission is there, exactly once."""

import http.client
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

pytest.importorskip("streamlit", reason="streamlit is not installed: pip install 'gatherset[app]'")

from gatherset.annotate.answer import check_answer, read_answer
from gatherset.dataset.catalog.tables import submissions
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.benchmarks.promises import tasks_broken
from tests.benchmarks.session import Session
from tests.browser import APP, Server

WRITERS = 6
SECONDS = 300  # after a restart, until the next acknowledged submission


class StoppedError(Exception):
    """The test has ended while a writer waits for the server."""


def write(session: Session, acknowledged: list[str], stop: threading.Event) -> None:
    """Submit and correct until told to stop, sending again what was not acknowledged, as the page does."""
    with suppress(StoppedError):
        _write(session, acknowledged, stop)


def _write(session: Session, acknowledged: list[str], stop: threading.Event) -> None:
    def persist(path: str, **body: object) -> dict[str, object]:
        while not stop.is_set():
            try:
                return session.post(path, **body)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.05)
        raise StoppedError

    desk = persist("next")
    number = 0
    while not stop.is_set():
        if not desk["task"]:  # everything is answered: corrections then
            desk = persist("back")
        task = desk["task"]["id"]  # type: ignore[index]
        number += 1
        key = f"{session.name}-{number:06}"
        event = ("protest", "sports_event")[number % 2]
        answer = session.answer(task, event_type=event, note=str(number))
        given = {"task": task, "key": key, "version": desk["version"], "answer": answer}
        desk = persist("submission", **given)
        acknowledged.append(key)
        time.sleep(0.01)


def check(workspace: Workspace, acknowledged: list[str]) -> None:
    with workspace.catalog.read() as connection:
        stored = connection.execute(sa.select(submissions.c.key)).scalars().all()
        assert list(tasks_broken(connection)) == []
    assert len(stored) == len(set(stored))
    assert set(acknowledged) <= set(stored)
    assert len(set(stored) - set(acknowledged)) <= WRITERS  # the ones on their way when the test ended


def kill_often(workspace: Workspace, kills: int) -> int:
    """Kill the server `kills` times under load; returns how many submissions were acknowledged."""
    server = Server(workspace.root, APP)
    server.start()
    acknowledged: list[str] = []
    stop = threading.Event()
    sessions = [Session(workspace, f"writer {number}", server.port) for number in range(WRITERS)]
    threads = [threading.Thread(target=write, args=(one, acknowledged, stop), daemon=True) for one in sessions]
    try:
        for thread in threads:
            thread.start()
        for _ in range(kills):
            seen = len(acknowledged)
            time.sleep(random.uniform(0.05, 0.6))
            server.kill()
            server.start()
            until = time.monotonic() + SECONDS
            while len(acknowledged) == seen:  # once the load is back, the next kill hits work
                assert all(thread.is_alive() for thread in threads), "a writer has ended: its error stands above"
                assert time.monotonic() < until, f"nothing was acknowledged in {SECONDS} s"
                time.sleep(0.01)
        stop.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
    finally:
        stop.set()
        server.stop()
        for session in sessions:
            session.close()
    check(workspace, acknowledged)
    return len(acknowledged)


def test_the_rules_let_pass_what_the_writers_submit(workspace: Workspace) -> None:
    given = Session(workspace, "writer", 0).answer(7)
    assert check_answer(workspace, read_answer(given)) == []


def test_ten_kills_lose_no_acknowledged_submission(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(400, captions=False), Provenance(license="CC-BY-4.0"))
    assert kill_often(workspace, 10) > 10


@pytest.mark.nightly
def test_two_hundred_kills_lose_no_acknowledged_submission(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(2000, captions=False), Provenance(license="CC-BY-4.0"))
    print(kill_often(workspace, 200), "submissions acknowledged")
