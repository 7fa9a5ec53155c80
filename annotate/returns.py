"""Returns: what a reviewer has sent back to annotators, with a comment, until they have answered again."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.reasons import is_returned, open_reasons
from gatherset.dataset.catalog.tables import decisions, returns, tasks
from gatherset.dataset.timestamps import now


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
