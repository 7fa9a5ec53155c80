"""Discussions: images that the team talks about, and what was decided about them, which the guidelines show."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from gatherset.annotate.answer import MAX_TEXT
from gatherset.annotate.queue import SENSITIVE
from gatherset.dataset.catalog.tables import discussions, images, remarks
from gatherset.dataset.corrections import said
from gatherset.dataset.errors import InputError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


@dataclass(frozen=True)
class Remark:
    author: str
    text: str
    said_at: str


@dataclass(frozen=True)
class Discussion:
    image_id: str
    sha256: str  # of the stored image
    format: str
    sensitive: bool
    question: str
    raised_by: str
    decision: str | None  # None while it is open
    decided_by: str | None
    remarks: tuple[Remark, ...]


def raise_discussion(workspace: Workspace, image_id: str, by: str, question: str) -> None:
    """Put an image before the team; one that is there already gets the question as a remark.

    Raises InputError for no such image, and for an empty question.
    """
    question = said(question, "Say what is to be discussed")[:MAX_TEXT]
    with workspace.catalog.write() as connection:
        if connection.execute(sa.select(images.c.id).where(images.c.id == image_id)).scalar() is None:
            raise InputError(f"there is no image {image_id}", "Take one of the catalog")
        if connection.execute(sa.select(discussions).where(discussions.c.image_id == image_id)).first() is not None:
            _add(connection, image_id, by, question)
            return
        row = {"image_id": image_id, "question": question, "raised_by": by, "raised_at": now()}
        connection.execute(sa.insert(discussions).values(row))


def add_remark(workspace: Workspace, image_id: str, by: str, text: str) -> None:
    """Say something about an image that is discussed. Raises InputError where it is not, and for an empty text."""
    text = said(text, "Write something")[:MAX_TEXT]
    with workspace.catalog.write() as connection:
        if connection.execute(sa.select(discussions).where(discussions.c.image_id == image_id)).first() is None:
            raise InputError(f"the image {image_id} is not discussed", "Put it on the list first")
        _add(connection, image_id, by, text)


def decide_discussion(workspace: Workspace, image_id: str, by: str, decision: str) -> None:
    """Decide: from now on the guidelines say so, with the picture. Raises InputError for an empty decision."""
    decision = said(decision, "Write what the guidelines are to say")[:MAX_TEXT]
    _set(workspace, image_id, {"decision": decision, "decided_by": by, "decided_at": now()})


def reopen_discussion(workspace: Workspace, image_id: str) -> None:
    """Take the decision out of the guidelines again."""
    _set(workspace, image_id, {"decision": None, "decided_by": None, "decided_at": None})


def _set(workspace: Workspace, image_id: str, values: dict[str, str | None]) -> None:
    with workspace.catalog.write() as connection:
        connection.execute(sa.update(discussions).where(discussions.c.image_id == image_id).values(values))


def all_discussions(workspace: Workspace) -> list[Discussion]:
    """The open ones first, the newest of each first."""
    query = (
        sa.select(discussions, images.c.sha256, images.c.format, images.c.flags)
        .join(images, images.c.id == discussions.c.image_id)
        .order_by(discussions.c.decision.is_not(None), discussions.c.raised_at.desc(), discussions.c.image_id)
    )
    with workspace.catalog.read() as connection:
        spoken: dict[str, list[Remark]] = {}
        for row in connection.execute(sa.select(remarks).order_by(remarks.c.id)):
            spoken.setdefault(row.image_id, []).append(Remark(row.author, row.text, row.said_at))
        return [_discussion(row, tuple(spoken.get(row.image_id, ()))) for row in connection.execute(query)]


def decided_cases(workspace: Workspace) -> list[Discussion]:
    """What was decided, the oldest first: the guidelines grow at their end."""
    return [one for one in reversed(all_discussions(workspace)) if one.decision]


def _discussion(row: Row[tuple[object, ...]], spoken: tuple[Remark, ...]) -> Discussion:
    return Discussion(
        row.image_id,
        row.sha256,
        row.format,
        SENSITIVE in row.flags,
        row.question,
        row.raised_by,
        row.decision,
        row.decided_by,
        spoken,
    )


def _add(connection: Connection, image_id: str, by: str, text: str) -> None:
    row = {"image_id": image_id, "author": by, "text": text, "said_at": now()}
    connection.execute(sa.insert(remarks).values(row))
