"""Own work: what an annotator has done, what became of it, and the texts that are kept for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.annotators import annotator_id, stored_name
from gatherset.annotate.answer import IS_CURRENT
from gatherset.annotate.drafts import drop_draft
from gatherset.dataset.catalog.tables import (
    annotators,
    drafts,
    gold,
    images,
    records,
    revisions,
    skips,
    submissions,
    tasks,
)
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


@dataclass(frozen=True)
class Progress:
    today: int  # tasks answered since midnight, UTC
    all: int


@dataclass(frozen=True)
class Past:
    """One task that the annotator has answered, with what became of the image."""

    submission: int
    task: int
    sha256: str
    format: str
    sensitive: bool
    submitted_at: str
    rejected: bool  # the image is taken for no gathering
    answer: Mapping[str, Any]
    record: Mapping[str, Any] | None  # the content of its record, where there is one
    decided_by: str | None  # "agreement", or the reviewer
    reason: str | None  # of the record's current revision

    @property
    def corrected(self) -> bool:
        """Whether what became of the image is something else than the annotator said."""
        if self.record is None:
            return self.rejected and self.answer["is_gathering"] is not False
        said = self.answer["event_type"]
        texts = [entry["text"] for entry in self.record["captions"]]
        reworded = self.decided_by != "agreement" and any(text not in texts for text in self.answer["captions"])
        return self.answer["is_gathering"] is False or said not in (None, self.record["event"]["type"]) or reworded


@dataclass(frozen=True)
class KeptDraft:
    task: int
    captions: tuple[str, ...]
    saved_at: str


def progress_of(connection: Connection, annotator: str) -> Progress:
    """How many tasks `annotator` has answered."""
    first = sa.select(sa.func.count()).select_from(submissions).join(annotators).where(submissions.c.version == 1)
    own = first.where(annotators.c.name == stored_name(connection, annotator))
    today = own.where(submissions.c.submitted_at >= now()[:10])
    return Progress(connection.execute(today).scalar_one(), connection.execute(own).scalar_one())


def past_work(
    workspace: Workspace, annotator: str, *, before: int | None = None, task: int | None = None, limit: int = 20
) -> list[Past]:
    """The annotator's current submissions, the latest first: those older than `before`, or to one task, if given."""
    query = (
        sa.select(
            submissions.c.id,
            submissions.c.task_id,
            submissions.c.submitted_at,
            submissions.c.answer,
            *(images.c[name] for name in ("sha256", "format", "flags", "rejected")),
            revisions.c.content,
            revisions.c.decided_by,
            revisions.c.reason,
        )
        .join(annotators, annotators.c.id == submissions.c.annotator_id)
        .join(tasks, tasks.c.id == submissions.c.task_id)
        .join(images, images.c.id == tasks.c.image_id)
        .outerjoin(records, records.c.id == images.c.id)
        .outerjoin(revisions, (revisions.c.record_id == records.c.id) & (revisions.c.revision == records.c.revision))
        .where(
            IS_CURRENT,
        )
        .order_by(submissions.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(submissions.c.id < before)
    if task is not None:
        query = query.where(submissions.c.task_id == task)
    with workspace.catalog.read() as connection:
        query = query.where(annotators.c.name == stored_name(connection, annotator))
        return [
            Past(
                row.id,
                row.task_id,
                row.sha256,
                row.format,
                "sensitive" in row.flags,
                row.submitted_at,
                row.rejected is not None,
                row.answer,
                row.content,
                row.decided_by,
                row.reason,
            )
            for row in connection.execute(query)
        ]


def kept_drafts(connection: Connection, annotator: str) -> list[KeptDraft]:
    """The annotator's texts for images that they skipped, or that went to others: kept, though not to be submitted."""
    laid_aside = sa.exists().where(skips.c.task_id == drafts.c.task_id, skips.c.annotator_id == drafts.c.annotator_id)
    query = (
        sa.select(drafts.c.task_id, drafts.c.content, drafts.c.saved_at)
        .join(annotators, annotators.c.id == drafts.c.annotator_id)
        .join(tasks, tasks.c.id == drafts.c.task_id)
        .outerjoin(gold, gold.c.task_id == tasks.c.id)
        .where(
            annotators.c.name == stored_name(connection, annotator),
            tasks.c.kind != "review",  # a reviewer's draft waits in the review
            (tasks.c.state != "open") | (tasks.c.answers >= tasks.c.overlap) | laid_aside,
            gold.c.task_id.is_(None),
            ~sa.exists().where(
                submissions.c.task_id == drafts.c.task_id, submissions.c.annotator_id == drafts.c.annotator_id
            ),
        )
        .order_by(drafts.c.saved_at.desc())
    )
    kept = (
        KeptDraft(row.task_id, tuple(text for text in row.content["captions"] if text.strip()), row.saved_at)
        for row in connection.execute(query)
    )
    return [draft for draft in kept if draft.captions]  # a page that was only looked at leaves an empty one


def discard_draft(workspace: Workspace, annotator: str, task_id: int) -> None:
    """Forget the annotator's draft of the task, where there is one: they want it no more."""
    with workspace.catalog.write() as connection:
        drop_draft(connection, task_id, annotator_id(connection, annotator))
