import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import sqlalchemy as sa

from gatherset.annotate.labelstudio.pull import Pulled
from gatherset.annotate.labelstudio.push import Pushed
from gatherset.annotate.labelstudio.sync import HEADER, Inbox, receiver, registered, sync
from gatherset.dataset.catalog.tables import submissions
from gatherset.dataset.errors import ServerError
from tests.labelstudio_workspace import Over, results

Make = Callable[..., Over]
SECONDS = 60  # to wait for what should come at once


def count(over: Over) -> int:
    with over.workspace.catalog.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(submissions)).scalar_one())


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.05)


@contextmanager
def syncing(over: Over, *, every: float, inbox: Inbox | None = None) -> Iterator[list[Pushed]]:
    """Sync in the background, once through its first round; what it has pushed."""
    stop, rounds = threading.Event(), list[Pushed]()

    def told(_: object, pushed: Pushed | None, pulled: Pulled | None) -> None:
        if pushed is not None:
            rounds.append(pushed)

    arguments = {"every": every, "stop": stop, "told": told, "failed": lambda error: None, "inbox": inbox}
    thread = threading.Thread(target=sync, args=(over.workspace, over.client, [over.link]), kwargs=arguments)
    thread.start()
    try:
        wait_for(lambda: bool(rounds))
        yield rounds
    finally:
        stop.set()
        thread.join()


@pytest.mark.labelstudio
def test_polling_alone_brings_everything(over: Make) -> None:
    there = over(2, sent=False)
    with syncing(there, every=0.2) as rounds:
        assert rounds[0].sent == 2
        there.annotate(1)
        wait_for(lambda: count(there) == 1)


@pytest.mark.labelstudio
def test_a_webhook_brings_an_annotation_at_once(over: Make) -> None:
    there = over(2)
    with (
        receiver(("127.0.0.1", 0)) as (inbox, port),
        registered(there.client, [there.link], f"http://127.0.0.1:{port}/", inbox.secret),
        syncing(there, every=3600, inbox=inbox),
    ):
        number = there.annotate(1)
        wait_for(lambda: count(there) == 1)
        there.client.change_annotation(number, result=results(1, "sports_event"))
        wait_for(lambda: count(there) == 2)
    assert inbox.refused == 0
    assert there.client.webhooks(there.link.project) == []


@pytest.mark.labelstudio
def test_a_webhook_that_was_left_behind_is_replaced(over: Make) -> None:
    there = over(1)
    there.client.add_webhook(there.link.project, "http://127.0.0.1:9/", {HEADER: "old"}, ["ANNOTATION_CREATED"])
    with registered(there.client, [there.link], "http://127.0.0.1:9/", "new"):
        [webhook] = there.client.webhooks(there.link.project)
        assert webhook["headers"] == {HEADER: "new"}


@pytest.mark.parametrize("headers", [{}, {HEADER: "guessed"}, {HEADER: ""}])
def test_a_webhook_without_the_secret_is_refused(headers: dict[str, str]) -> None:
    with receiver(("127.0.0.1", 0)) as (inbox, port):
        answer = httpx.post(f"http://127.0.0.1:{port}/", json={"task": {"id": 1}}, headers=headers)
        assert (answer.status_code, inbox.refused, inbox.take()) == (403, 1, ([], False))


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b'{"task": {"id": 7}}', ([7], False)),
        (b'{"annotations": [{"id": 7}]}', ([], True)),
        (b'{"task": {"id": "7; DROP TABLE"}}', ([], True)),
        (b'{"task": {"id": -1}}', ([], True)),
        (b"nonsense", ([], True)),
        (b"[" * 100_000, ([], True)),
        (b"", ([], True)),
    ],
)
def test_a_webhook_is_a_hint_and_nothing_more(body: bytes, hint: tuple[list[int], bool]) -> None:
    with receiver(("127.0.0.1", 0)) as (inbox, port):
        headers = {HEADER: inbox.secret}
        assert httpx.post(f"http://127.0.0.1:{port}/", content=body, headers=headers).status_code == 204
        assert inbox.woken.wait(SECONDS)
        assert inbox.take() == hint


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with (
        receiver(("127.0.0.1", 0)) as (_, port),
        pytest.raises(ServerError, match="cannot listen"),
        receiver(("127.0.0.1", port)),
    ):
        pass
