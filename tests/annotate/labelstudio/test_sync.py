import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import sqlalchemy as sa

from gatherset.annotate.labelstudio.annotation import Pulled
from gatherset.annotate.labelstudio.client import TOKEN as TOKEN_NAME
from gatherset.annotate.labelstudio.links import keep_link
from gatherset.annotate.labelstudio.project import Wanted, set_up
from gatherset.annotate.labelstudio.push import Pushed
from gatherset.annotate.labelstudio.sync import HEADER, Inbox, Webhooks, _for_each_project, receiver, sync
from gatherset.annotate.standing import standing
from gatherset.annotate.team import change_queue
from gatherset.dataset.catalog.tables import annotators, submissions
from gatherset.dataset.errors import ServerError
from gatherset.dataset.workspace import Workspace
from tests.labelstudio_server import TOKEN
from tests.labelstudio_workspace import PEOPLE, Over, results

Make = Callable[..., Over]
SECONDS = 60  # to wait for what should come at once


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_NAME, TOKEN)


def count(over: Over) -> int:
    with over.workspace.catalog.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(submissions)).scalar_one())


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.05)


@contextmanager
def syncing(
    over: Over, *, every: float, inbox: Inbox | None = None, webhooks: Webhooks | None = None
) -> Iterator[list[Pushed]]:
    """Sync in the background, once through its first round; what it has pushed."""
    stop, rounds = threading.Event(), list[Pushed]()

    def told(_: object, pushed: Pushed | None, pulled: Pulled | None) -> None:
        if pushed is not None:
            rounds.append(pushed)

    arguments = {"every": every, "stop": stop, "told": told, "failed": lambda error: None}
    arguments |= {"inbox": inbox, "webhooks": webhooks}
    thread = threading.Thread(target=sync, args=(over.workspace.root,), kwargs=arguments)
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
        syncing(there, every=3600, inbox=inbox, webhooks=Webhooks(f"http://127.0.0.1:{port}/", inbox.secret)),
    ):
        number = there.annotate(1)
        wait_for(lambda: count(there) == 1)
        there.client.change_annotation(number, result=results(1, "sports_event"))
        wait_for(lambda: count(there) == 2)
    assert inbox.refused == 0


@pytest.mark.labelstudio
def test_what_the_app_changes_meanwhile_holds_from_the_next_round(over: Make) -> None:
    there = over(1, overlap=2)
    with syncing(there, every=0.2):
        app = Workspace.open(there.workspace.root)
        change_queue(app, "lea", overlap=3, max_overlap=5, gold_rate=0.0)
        wait_for(lambda: there.client.project(there.link.project)["maximum_annotations"] == 3)
        there.annotate(1, 0)
        there.annotate(1, 1)
        wait_for(lambda: count(there) == 2)
    assert standing(app)["records"] == 0  # two of three
    app.catalog.close()


@pytest.mark.labelstudio
def test_who_is_named_meanwhile_is_known_by_that_name(over: Make) -> None:
    there = over(1)
    with syncing(there, every=0.2) as rounds:
        set_up(there.workspace, there.client, Wanted(images_url=there.link.images, people={PEOPLE[0]: "anna"}))
        begun = len(rounds)
        wait_for(lambda: len(rounds) > begun + 1)  # the one under way may have read who is who
        there.annotate(1)
        wait_for(lambda: count(there) == 1)
    with there.workspace.catalog.read() as connection:
        assert connection.execute(sa.select(annotators.c.name)).scalars().all() == ["anna"]


@pytest.mark.labelstudio
def test_a_webhook_that_was_left_behind_is_replaced(over: Make) -> None:
    there = over(1)
    there.client.add_webhook(there.link.project, "http://127.0.0.1:9/", {HEADER: "old"}, ["ANNOTATION_CREATED"])
    webhooks = Webhooks("http://127.0.0.1:9/", "new")
    for _ in range(2):
        webhooks.register(there.client, there.link)
        [webhook] = there.client.webhooks(there.link.project)
        assert webhook["headers"] == {HEADER: "new"}
    webhooks.remove()
    assert there.client.webhooks(there.link.project) == []


def test_a_database_that_cannot_be_used_is_told_as_a_server_that_is_away(workspace: Workspace) -> None:
    with workspace.catalog.write() as connection:
        values = {"url": "http://127.0.0.1:1", "project": 1, "title": "mg", "config": "", "images": "", "people": {}}
        keep_link(connection, "event", **values)

    def ask(space: Workspace, *_: object) -> None:
        with space.catalog.read() as connection:
            connection.execute(sa.text("SELECT 1 FROM what_is_not_there"))

    with pytest.raises(ServerError, match="The database was moved or changed"):
        _for_each_project(workspace.root, ask)


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
