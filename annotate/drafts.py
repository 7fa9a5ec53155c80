"""Drafts: what an annotator has typed and not yet submitted, saved at every change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.annotators import annotator_id
from gatherset.annotate.answer import Answer
from gatherset.annotate.leases import has_place, lease
from gatherset.dataset.catalog.tables import drafts, submissions
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


@dataclass(frozen=True)
class Draft:
    content: dict[str, Any]  # an answer's document; it may be incomplete
    revision: int  # one more at each save
    saved_at: str


@dataclass(frozen=True)
class Saved:
    revision: int
    place: bool  # False: the image went to someone else meanwhile; the draft is kept all the same


class NewerDraftError(SubmissionError):
    """Another tab has saved a newer draft; `draft` is that one."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        super().__init__("this image is open in another tab, which has saved newer text", "Compare the two")


class AnsweredError(SubmissionError):
    """The annotator has answered the task meanwhile; there is nothing to draft."""


def save_draft(
    workspace: Workspace, task_id: int, annotator: str, content: Answer, *, revision: int, version: int
) -> Saved:
    """Keep `content` as the annotator's draft, and the task in their hands.

    `revision` is that of the draft that it goes on from, 0 for the first, and `version` that of their submission, 0
    where there is none. Raises NewerDraftError and AnsweredError where another tab was quicker.
    """
    with workspace.catalog.write() as connection:
        person = annotator_id(connection, annotator)
        place = has_place(connection, workspace, task_id, person)
        if own_version(connection, task_id, person) > version:
            raise AnsweredError("you have submitted this image in another tab", "Go on to the next image")
        there = read_draft(connection, task_id, person)
        document = content.document()
        if there is not None and there.revision != revision and there.content != document:
            raise NewerDraftError(there)
        number = there.revision + 1 if there else 1
        values = {"revision": number, "content": document, "saved_at": now()}
        if there is None:
            connection.execute(sa.insert(drafts).values(task_id=task_id, annotator_id=person, **values))
        else:
            connection.execute(sa.update(drafts).where(*_own(task_id, person)).values(values))
        if place and version == 0:  # a correction takes no place: its answer is counted already
            lease(connection, workspace, task_id, person)
        return Saved(number, place)


def read_draft(connection: Connection, task_id: int, person: int) -> Draft | None:
    """The person's draft of the task, where there is one."""
    row = connection.execute(sa.select(drafts).where(*_own(task_id, person))).one_or_none()
    return None if row is None else Draft(dict(row.content), row.revision, row.saved_at)


def drop_draft(connection: Connection, task_id: int, person: int) -> None:
    """Forget the draft: it was submitted."""
    connection.execute(_DROP, {"task": task_id, "person": person})


_DROP = sa.delete(drafts).where(
    drafts.c.task_id == sa.bindparam("task"), drafts.c.annotator_id == sa.bindparam("person")
)


def own_version(connection: Connection, task_id: int, person: int) -> int:
    """The version of the person's last submission to the task, 0 where there is none."""
    own = (submissions.c.task_id == task_id, submissions.c.annotator_id == person)
    return connection.execute(sa.select(sa.func.max(submissions.c.version)).where(*own)).scalar() or 0


def _own(task_id: int, person: int) -> tuple[sa.ColumnElement[bool], ...]:
    return drafts.c.task_id == task_id, drafts.c.annotator_id == person
