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
    decided_at: str | None
    remarks: tuple[Remark, ...]


def raise_discussion(workspace: Workspace, image_id: str, by: str, question: str) -> None:
    """Put an image before the team; one that is there already gets the question as a remark.

    What its asker has said there already is not said again: a browser that heard no answer sends it once more. Raises
    InputError for no such image, and for an empty question.
    """
    question = said(question, "Say what is to be discussed")[:MAX_TEXT]
    with workspace.catalog.write() as connection:
        if connection.execute(sa.select(images.c.id).where(images.c.id == image_id)).scalar() is None:
            raise InputError(f"there is no image {image_id}", "Take one of the catalog")
        there = connection.execute(sa.select(discussions).where(discussions.c.image_id == image_id)).one_or_none()
        if there is not None:
            again = (remarks.c.image_id == image_id, remarks.c.author == by, remarks.c.text == question)
            remarked = connection.execute(sa.select(remarks.c.id).where(*again)).first()
            if remarked is None and (there.raised_by, there.question) != (by, question):
                _add(connection, image_id, by, question)
            return
        row = {"image_id": image_id, "question": question, "raised_by": by, "raised_at": now()}
        connection.execute(sa.insert(discussions).values(row))


def add_remark(workspace: Workspace, image_id: str, by: str, text: str) -> None:
    """Say something about an image that is discussed. Raises InputError where it is not, and for an empty text."""
    text = said(text, "Write something")[:MAX_TEXT]
    with workspace.catalog.write() as connection:
        if connection.execute(sa.select(discussions).where(discussions.c.image_id == image_id)).first() is None:
            raise _not_discussed(image_id)
        _add(connection, image_id, by, text)


def decide_discussion(workspace: Workspace, image_id: str, by: str, decision: str) -> None:
    """Decide: from now on the guidelines say so, with the picture.

    Raises InputError for an empty decision, and where the image is not discussed.
    """
    decision = said(decision, "Write what the guidelines are to say")[:MAX_TEXT]
    _set(workspace, image_id, {"decision": decision, "decided_by": by, "decided_at": now()})


def reopen_discussion(workspace: Workspace, image_id: str) -> None:
    """Take the decision out of the guidelines again. Raises InputError where the image is not discussed."""
    _set(workspace, image_id, {"decision": None, "decided_by": None, "decided_at": None})


def _set(workspace: Workspace, image_id: str, values: dict[str, str | None]) -> None:
    with workspace.catalog.write() as connection:
        change = sa.update(discussions).where(discussions.c.image_id == image_id).values(values)
        if connection.execute(change).rowcount == 0:
            raise _not_discussed(image_id)


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
    """What was decided, the oldest decision first: the guidelines grow at their end."""
    decided = [one for one in reversed(all_discussions(workspace)) if one.decision]
    return sorted(decided, key=lambda one: one.decided_at or "")


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
        row.decided_at,
        spoken,
    )


def _not_discussed(image_id: str) -> InputError:
    return InputError(f"the image {image_id} is not discussed", "Put it on the list first")


def _add(connection: Connection, image_id: str, by: str, text: str) -> None:
    row = {"image_id": image_id, "author": by, "text": text, "said_at": now()}
    connection.execute(sa.insert(remarks).values(row))
