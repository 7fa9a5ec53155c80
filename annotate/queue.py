"""The queue: which task an annotator gets next, held for them by a lease."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.annotators import annotator_id
from gatherset.dataset.catalog.tables import images, leases, submissions, tasks
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

ANNOTATED = ("screen", "event", "caption")  # the kinds that the queue hands out; reviews wait for a reviewer


@dataclass(frozen=True)
class Task:
    """A task in the hands of an annotator, with what the page shows."""

    id: int
    kind: str
    image_id: str
    sha256: str  # of the stored image
    format: str
    captions: tuple[str, ...]  # the imported ones


def next_task(workspace: Workspace, annotator: str) -> Task | None:
    """The task that `annotator` holds, else the next one for them, leased; None where nothing is left for them.

    Nobody gets an image's task twice, and no more than `overlap` annotators hold or have answered it at once.
    """
    with workspace.catalog.write() as connection:
        person = annotator_id(connection, annotator)
        connection.execute(sa.delete(leases).where(leases.c.expires_at < now()))
        chosen = _held(connection, person) or _free(connection, person)
        if chosen is None:
            return None
        until = now(plus_minutes=workspace.settings.queue.lease_minutes)
        connection.execute(sa.delete(leases).where(leases.c.task_id == chosen, leases.c.annotator_id == person))
        connection.execute(sa.insert(leases).values(task_id=chosen, annotator_id=person, expires_at=until))
        return _task(connection, chosen)


def _held(connection: Connection, person: int) -> int | None:
    """A reload, or a second tab, shows the same task again."""
    query = (
        sa.select(leases.c.task_id)
        .join(tasks, tasks.c.id == leases.c.task_id)
        .where(leases.c.annotator_id == person, tasks.c.state == "open")
        .order_by(leases.c.task_id)
    )
    return connection.execute(query.limit(1)).scalar()


def _free(connection: Connection, person: int) -> int | None:
    held = sa.select(sa.func.count()).where(leases.c.task_id == tasks.c.id).scalar_subquery()
    answered = sa.exists().where(submissions.c.task_id == tasks.c.id, submissions.c.annotator_id == person)
    query = (
        sa.select(tasks.c.id)
        .where(
            tasks.c.state == "open", tasks.c.kind.in_(ANNOTATED), tasks.c.answers + held < tasks.c.overlap, ~answered
        )
        .order_by(tasks.c.id)
    )
    return connection.execute(query.limit(1)).scalar()


def _task(connection: Connection, task_id: int) -> Task:
    query = sa.select(tasks, images.c.sha256, images.c.format, images.c.captions).join(images)
    row = connection.execute(query.where(tasks.c.id == task_id)).one()
    captions = tuple(entry["text"] for entry in row.captions)
    return Task(row.id, row.kind, row.image_id, row.sha256, row.format, captions)
