"""Workspaces that have photographs, or a dispute about one, and what people say and decide there."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.review import Verdict, decide_review, seen_version
from gatherset.annotate.review_queue import gather, next_review
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import images, tasks
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.records import Record, current_record
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

Photos = Callable[..., Path]
KEY = "a-key-of-16-signs"
TYPES = {"anna": "protest", "ben": "political_rally"}


@pytest.fixture
def photos(workspace: Workspace, make_photos: Photos) -> Workspace:
    ingest(workspace, make_photos(4), Provenance(license="CC-BY-4.0"))
    return workspace


def say(workspace: Workspace, task: int, **types: str) -> None:
    """What annotators say to a task; "" for no gathering."""
    for name, kind in types.items():
        answer = Answer("event", True, kind) if kind else Answer("event", is_gathering=False)
        submit(workspace, task, name, answer, key=f"{task}-{name}-{kind}", started_at=now(plus_minutes=-0.5))


def some_image(workspace: Workspace) -> str:
    with workspace.catalog.read() as connection:
        return str(connection.execute(sa.select(tasks.c.image_id).where(tasks.c.id == 1)).scalar_one())


@pytest.fixture
def image(workspace: Workspace, make_photos: Callable[..., Path]) -> str:
    """An image on which anna and ben disagree, and nobody else is there to ask."""
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    for name, kind in TYPES.items():
        submit(workspace, 1, name, Answer("event", True, kind), key=f"1-{name}")
    gather(workspace)
    with workspace.catalog.read() as connection:
        return str(connection.execute(sa.select(images.c.id)).scalar_one())


def version(workspace: Workspace, image: str) -> str:
    with workspace.catalog.read() as connection:
        return seen_version(connection, image)


def record(workspace: Workspace, image: str) -> Record:
    with workspace.catalog.read() as connection:
        found = current_record(connection, image)
    assert found is not None
    return found


def captions(workspace: Workspace) -> tuple[str, ...]:
    with workspace.catalog.read() as connection:
        return tuple(entry["text"] for entry in connection.execute(sa.select(images.c.captions)).scalar_one())


def decide(workspace: Workspace, image: str, kind: str = "protest", *, key: str = KEY, **more: object) -> None:
    verdict = Verdict(True, kind, captions(workspace), **more)  # type: ignore[arg-type]
    decide_review(workspace, image, "rita", verdict, key=key, version=version(workspace, image))


def state(workspace: Workspace, kind: str = "review") -> str:
    with workspace.catalog.read() as connection:
        return str(connection.execute(sa.select(tasks.c.state).where(tasks.c.kind == kind)).scalar_one())


def agreed(workspace: Workspace, make_photos: Callable[..., Path]) -> str:
    """An image whose record anna and ben agree on: nothing puts it before a reviewer."""
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    for name in TYPES:
        submit(workspace, 1, name, Answer("event", True, "protest"), key=f"1-{name}")
    assert next_review(workspace, "rita") is None
    with workspace.catalog.read() as connection:
        return str(connection.execute(sa.select(images.c.id)).scalar_one())
