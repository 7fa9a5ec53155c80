"""The review queue: which image a reviewer gets next, held for them by a lease, and where further images come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.annotators import annotator_id
from gatherset.annotate.leases import end_leases, lease
from gatherset.annotate.reasons import CAUSES, raise_once
from gatherset.dataset.catalog.tables import (
    REVIEWS,
    STARTED,
    annotators,
    leases,
    reasons,
    records,
    skips,
    submissions,
    suspects,
    tasks,
)
from gatherset.dataset.suspects import open_suspects
from gatherset.dataset.workspace import Workspace

BATCH = 50  # images a transaction: others write in between


@dataclass(frozen=True)
class Found:
    """An image that a source wants to be reviewed."""

    image_id: str
    evidence: str  # the same at every look; an image is not raised twice for it
    note: str


def unresolved(connection: Connection, workspace: Workspace, among: Sequence[str] | None) -> Iterable[Found]:
    """Images that wait for one more opinion which nobody is left to give: the whole team has answered or skipped."""
    of_these = sa.true() if among is None else tasks.c.image_id.in_(among)
    active = annotators.alias()
    resting = active.c.paused.is_not(None) | active.c.retired.is_not(None)
    worked = sa.exists().where(submissions.c.annotator_id == active.c.id)

    def said(table: sa.Table) -> sa.Exists:
        own = sa.exists().where(table.c.task_id == tasks.c.id, table.c.annotator_id == active.c.id)
        return own.correlate(tasks, active)

    last = sa.select(sa.func.max(submissions.c.id)).where(submissions.c.task_id == tasks.c.id).scalar_subquery()
    raised = sa.exists().where(
        reasons.c.image_id == tasks.c.image_id, reasons.c.cause == "conflict", reasons.c.settled_at.is_(None)
    )
    somebody = sa.exists().where(~resting, worked, ~said(submissions), ~said(skips))
    stuck = sa.select(tasks.c.image_id, tasks.c.kind, tasks.c.answers, last.label("last")).where(
        sa.text(STARTED), tasks.c.answers >= workspace.settings.queue.overlap, ~raised, ~somebody, of_these
    )
    for row in connection.execute(stuck.order_by(tasks.c.id)):
        note = f"{row.answers} annotators disagree on the {row.kind} task, and no other is left to ask"
        yield Found(row.image_id, f"{row.kind} {row.last}", note)


def suspected(connection: Connection, workspace: Workspace, among: Sequence[str] | None) -> Iterable[Found]:
    """Records of which a trained model doubts a caption or the event type (`gatherset suspects`), the surest first."""
    raised = sa.exists().where(
        reasons.c.image_id == suspects.c.record_id,
        reasons.c.cause == "suspect",
        reasons.c.evidence == sa.cast(suspects.c.id, sa.Text),
    )
    of_these = sa.true() if among is None else suspects.c.record_id.in_(among)
    for suspect in open_suspects(connection, ~raised, of_these):
        what = f"caption {suspect.position + 1}" if suspect.kind == "caption" else "the event type"
        yield Found(suspect.record_id, str(suspect.id), f"a model doubts {what}: {suspect.reason}")


Source = Callable[[Connection, Workspace, Sequence[str] | None], Iterable[Found]]
# Asked whenever a reviewer begins: (cause, what finds the images: all, or those among the given ids). A further source
# joins here with its cause from `reasons.CAUSES`, and leaves out what it can see was raised before.
SOURCES: tuple[tuple[str, Source], ...] = (
    ("conflict", unresolved),
    ("suspect", suspected),
)


def gather(workspace: Workspace) -> int:
    """Put before the reviewers what the sources have found since the last time; how many reasons that are.

    What there is is looked for while others write, and looked at again, a few images at a time, before it is written.
    """
    with workspace.catalog.read() as connection:
        found = list(
            dict.fromkeys(one.image_id for _, source in SOURCES for one in source(connection, workspace, None))
        )
    raised = 0
    for start in range(0, len(found), BATCH):
        with workspace.catalog.write() as connection:
            for cause, source in SOURCES:
                for one in list(source(connection, workspace, found[start : start + BATCH])):
                    raised += raise_once(connection, one.image_id, one.note, cause=cause, evidence=one.evidence)
    return raised


def next_review(workspace: Workspace, reviewer: str, *, later: Sequence[int] = ()) -> str | None:
    """The image that `reviewer` holds, else the next one, leased; None where nothing is left for them.

    The weightiest reason first; an image that another reviewer holds is left to them. The tasks `later` come last, and
    are free for others until then.
    """
    with workspace.catalog.write() as connection:
        person = annotator_id(connection, reviewer)
        put_off = sa.and_(leases.c.task_id.in_(later), leases.c.annotator_id == person)
        connection.execute(sa.delete(leases).where(put_off))
        end_leases(connection, workspace)
        row = connection.execute(_next(person, later)).first()
        if row is None:
            return None
        lease(connection, workspace, row.id, person)
        return str(row.image_id)


def waiting_reviews(connection: Connection) -> dict[str, int]:
    """{cause: images that wait for a reviewer, each by its weightiest reason}."""
    rank = _weightiest()
    counts = sa.select(rank.c.rank, sa.func.count()).group_by(rank.c.rank)
    found = {number: count for number, count in connection.execute(counts)}
    return {cause: found[number] for number, cause in enumerate(CAUSES) if number in found}


def _weightiest() -> sa.Subquery:
    """(task, image, priority, the rank of its weightiest open reason) of every open review."""
    order = sa.case(*((reasons.c.cause == cause, number) for number, cause in enumerate(CAUSES)), else_=len(CAUSES))
    withdrawn = sa.exists().where(records.c.id == tasks.c.image_id, records.c.withdrawn.is_not(None))
    return (
        sa.select(tasks.c.id, tasks.c.image_id, tasks.c.priority, sa.func.min(order).label("rank"))
        .join(reasons, reasons.c.image_id == tasks.c.image_id)
        .where(sa.text(REVIEWS), reasons.c.settled_at.is_(None), ~withdrawn)
        .group_by(tasks.c.id, tasks.c.image_id, tasks.c.priority)
        .subquery()
    )


def _next(person: int, later: Sequence[int]) -> sa.Select[tuple[int, str]]:
    review = _weightiest()
    of_review = leases.c.task_id == review.c.id
    by_others = sa.exists().where(of_review, leases.c.annotator_id != person)
    own = sa.exists().where(of_review, leases.c.annotator_id == person)
    put_off = sa.case((review.c.id.in_(later), 1), else_=0)
    order = (put_off, sa.case((own, 0), else_=1), review.c.priority.desc(), review.c.rank, review.c.id)
    return sa.select(review.c.id, review.c.image_id).where(~by_others).order_by(*order).limit(1)
