"""The server is killed in the midst of a push and of a pull, and comes back: each start takes it seconds."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from gatherset.annotate.labelstudio.tasks_there import TASK
from gatherset.dataset.catalog.tables import labelstudio_tasks, submissions
from gatherset.dataset.errors import ServerError
from tests.labelstudio_server import LabelStudioServer
from tests.labelstudio_workspace import Over

pytestmark = [pytest.mark.labelstudio, pytest.mark.slow]
Make = Callable[..., Over]


def count(over: Over, column: Any) -> int:
    with over.workspace.catalog.read() as connection:
        return int(connection.execute(sa.select(sa.func.count(column))).scalar_one())


def killed_after(
    server: LabelStudioServer, act: Callable[[], object], begun: Callable[[], bool]
) -> BaseException | None:
    """What `act` raised when the server was killed as soon as `begun`."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive() and not begun():
        time.sleep(0.005)
    server.kill()
    thread.join()
    server.start()
    return raised[0] if raised else None


def test_a_push_goes_on_where_the_server_died(over: Make, server: LabelStudioServer) -> None:
    there = over(1200, sent=False)
    error = killed_after(server, there.push, lambda: count(there, labelstudio_tasks.c.remote) > 0)
    assert isinstance(error, ServerError)
    arrived = count(there, labelstudio_tasks.c.remote)
    assert 0 < arrived < 1200
    pushed = there.push()
    assert pushed.sent + pushed.recovered + arrived == 1200
    seen, last = [], 0
    while rows := there.client.tasks_after(there.link.project, last, 1000):
        seen += [row["data"][TASK] for row in rows]
        last = rows[-1]["id"]
    assert sorted(seen) == list(range(1, 1201))


def test_a_pull_goes_on_where_the_server_died(over: Make, server: LabelStudioServer) -> None:
    there = over(250, overlap=1)
    there.annotate_all()
    error = killed_after(server, there.pull, lambda: count(there, submissions.c.id) > 0)
    assert isinstance(error, ServerError)
    assert 0 < count(there, submissions.c.id) < 250
    there.pull()
    assert count(there, submissions.c.id) == 250
    assert there.pull().read == 0
