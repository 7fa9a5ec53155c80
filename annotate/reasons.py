"""Reasons: why an image is before a reviewer. Its review task is open as long as one of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.catalog.tables import reasons, returns, tasks
from gatherset.dataset.timestamps import now

# What a reviewer reads, in the order in which the review queue hands out.
CAUSES = {
    "conflict": "The annotators disagree",
    "returned": "Was sent back",
    "flag": "Flagged",
    "suspect": "Suspect",
    "rule": "Breaks a rule",
    "skipped": "Skipped",
    "retired": "Rests on retired work",
    "low agreement": "Few agree",
}
SETTLED_BY_AGREEMENT = ("conflict", "returned", "rule", "skipped")


@dataclass(frozen=True)
class Reason:
    cause: str
    note: str
    raised_at: str


def send_to_review(
    connection: Connection, image_id: str, note: str, *, cause: str = "conflict", evidence: str = ""
) -> None:
    """Put the image before a reviewer. A reason with the same cause and evidence takes the new note, and is open."""
    known = connection.execute(_SAME, {"image": image_id, "of": cause, "by": evidence}).scalar()
    if known is None:
        row = {"image_id": image_id, "cause": cause, "evidence": evidence, "note": note, "raised_at": now()}
        connection.execute(_RAISE, row)
    else:
        connection.execute(sa.update(reasons).where(reasons.c.id == known).values(note=note, settled_at=None))
    review = review_task(connection, image_id)
    state = "waiting" if is_returned(connection, image_id) else "open"
    connection.execute(_SET, {"review": review, "now": state, "why": note})


def raise_once(connection: Connection, image_id: str, note: str, *, cause: str, evidence: str) -> bool:
    """The same for what is found again at every look: what was raised before, settled or not, stays as it is."""
    if connection.execute(_SAME, {"image": image_id, "of": cause, "by": evidence}).scalar() is not None:
        return False
    send_to_review(connection, image_id, note, cause=cause, evidence=evidence)
    return True


def review_task(connection: Connection, image_id: str) -> int:
    """The number of the image's review task, which is made where there is none; it is done until it is opened."""
    known = connection.execute(_REVIEW, {"image": image_id}).scalar()
    if known is None:
        row = {"image_id": image_id, "kind": "review", "state": "done", "overlap": 1, "answers": 0, "note": ""}
        known = connection.execute(_NEW_REVIEW, row).scalar_one()
    return int(known)


# Composed once: that takes longer than to run them, and a model may doubt thousands of records at once.
_SAME = sa.select(reasons.c.id).where(
    reasons.c.image_id == sa.bindparam("image"),
    reasons.c.cause == sa.bindparam("of"),
    reasons.c.evidence == sa.bindparam("by"),
)
_RAISE = sa.insert(reasons)
_REVIEW = sa.select(tasks.c.id).where(tasks.c.image_id == sa.bindparam("image"), tasks.c.kind == "review")
_NEW_REVIEW = sa.insert(tasks).returning(tasks.c.id)
_SET = (
    sa.update(tasks)
    .where(tasks.c.id == sa.bindparam("review"))
    .values(state=sa.bindparam("now"), note=sa.bindparam("why"))
)


def is_returned(connection: Connection, image_id: str) -> bool:
    """Whether an annotator still has to answer what a reviewer has sent back."""
    return connection.execute(_RETURNED, {"image": image_id}).scalar() is not None


_RETURNED = (
    sa.select(returns.c.task_id)
    .join(tasks, tasks.c.id == returns.c.task_id)
    .where(tasks.c.image_id == sa.bindparam("image"), returns.c.answered_at.is_(None))
    .limit(1)
)


def settle(connection: Connection, image_id: str, causes: Sequence[str] = tuple(CAUSES)) -> None:
    """Say that these causes are dealt with; where none is left, the review is done."""
    of_image = (reasons.c.image_id == image_id, reasons.c.settled_at.is_(None))
    settled = sa.update(reasons).where(*of_image, reasons.c.cause.in_(causes)).values(settled_at=now())
    if connection.execute(settled).rowcount == 0:
        return
    if connection.execute(sa.select(reasons.c.id).where(*of_image).limit(1)).scalar() is None:
        review = (tasks.c.image_id == image_id, tasks.c.kind == "review")
        connection.execute(sa.update(tasks).where(*review).values(state="done"))


def open_reasons(connection: Connection, image_id: str) -> list[Reason]:
    """Why the image is before a reviewer, the weightiest first."""
    query = sa.select(reasons).where(reasons.c.image_id == image_id, reasons.c.settled_at.is_(None))
    found = [Reason(row.cause, row.note, row.raised_at) for row in connection.execute(query.order_by(reasons.c.id))]
    return sorted(found, key=lambda reason: list(CAUSES).index(reason.cause))
