"""Returns: what a reviewer has sent back to annotators, with a comment, until they have answered again."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.consensus import decide
from gatherset.annotate.reasons import is_returned, open_reasons
from gatherset.dataset.catalog.tables import decisions, returns, skips, tasks
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


@dataclass(frozen=True)
class Returned:
    """Why an annotator has a task before them again."""

    by: str  # the reviewer
    comment: str


def returned(connection: Connection, task_id: int, person: int) -> Returned | None:
    """What a reviewer says to the person about their answer to the task; None where nothing was sent back."""
    query = (
        sa.select(decisions.c.decided_by, decisions.c.comment)
        .join(returns, returns.c.decision_id == decisions.c.id)
        .where(*_waiting(task_id, person))
        .order_by(decisions.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Returned(row.decided_by, row.comment)


_ANSWERED = (
    sa.update(returns)
    .where(
        returns.c.task_id == sa.bindparam("task"),
        returns.c.annotator_id == sa.bindparam("person"),
        returns.c.answered_at.is_(None),
    )
    .values(answered_at=sa.bindparam("now"))
)


def answer_return(connection: Connection, task_id: int, person: int) -> bool:
    """Say that the person has answered again. False where nothing was sent back to them."""
    return connection.execute(_ANSWERED, {"task": task_id, "person": person, "now": now()}).rowcount > 0


def came_back(connection: Connection, workspace: Workspace, image_id: str, note: str) -> None:
    """One fewer is asked: after the last of them agreement settles the image, or it is before the reviewer again."""
    decide(connection, workspace, image_id)
    look_again(connection, image_id, note)


def ask_instead(connection: Connection, task_id: int, person: int, other: int) -> bool:
    """Ask `other` what a reviewer has sent back to `person`, with the comment; False where they are asked nothing.

    Who has skipped the task, or was asked the same and has answered, is not asked again; then nobody is.
    """
    theirs, laid_aside = returns.alias(), sa.exists().where(skips.c.task_id == task_id, skips.c.annotator_id == other)
    asked = sa.select(theirs.c.decision_id).where(theirs.c.task_id == task_id, theirs.c.annotator_id == other)
    mine = sa.update(returns).where(*_waiting(task_id, person))
    connection.execute(mine.where(returns.c.decision_id.not_in(asked), ~laid_aside).values(annotator_id=other))
    connection.execute(mine.values(answered_at=now()))
    waiting = sa.select(returns.c.task_id).where(*_waiting(task_id, other), ~laid_aside).limit(1)
    return connection.execute(waiting).scalar() is not None


def ask_nothing(connection: Connection, person: int) -> list[str]:
    """Ask the person nothing any more that was sent back to them; the images, which have come back, for `came_back`."""
    waiting = (returns.c.annotator_id == person, returns.c.answered_at.is_(None))
    query = sa.select(tasks.c.image_id).join(returns, returns.c.task_id == tasks.c.id).where(*waiting).distinct()
    found = list(connection.execute(query).scalars())
    connection.execute(sa.update(returns).where(*waiting).values(answered_at=now()))
    return found


def look_again(connection: Connection, image_id: str, note: str) -> None:
    """Put the image before a reviewer again when all have answered who were asked; not where it is settled."""
    if is_returned(connection, image_id) or not open_reasons(connection, image_id):
        return
    review = (tasks.c.image_id == image_id, tasks.c.kind == "review")
    connection.execute(sa.update(tasks).where(*review).values(state="open", note=note))


def drop_returns(connection: Connection, image_id: str) -> None:
    """Ask nobody any more: the image was decided meanwhile."""
    of_image = sa.select(tasks.c.id).where(tasks.c.image_id == image_id)
    waiting = (returns.c.task_id.in_(of_image), returns.c.answered_at.is_(None))
    connection.execute(sa.update(returns).where(*waiting).values(answered_at=now()))


def _waiting(task_id: int, person: int) -> tuple[sa.ColumnElement[bool], ...]:
    return returns.c.task_id == task_id, returns.c.annotator_id == person, returns.c.answered_at.is_(None)
