"""Submissions: storing what an annotator answered, exactly once, and never changing it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.annotators import annotator_id
from gatherset.annotate.answer import Answer, check_answer, not_overruled
from gatherset.annotate.consensus import decide
from gatherset.annotate.drafts import drop_draft
from gatherset.annotate.gold import is_gold
from gatherset.annotate.leases import ANNOTATED, has_place
from gatherset.annotate.returns import answer_return, came_back
from gatherset.annotate.suggestions import accepted
from gatherset.dataset.catalog.tables import annotators, leases, submissions, tasks
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.findings import Finding
from gatherset.dataset.records import current_record
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

# Composed once: putting a statement together costs more than running it, and a submission needs some thirty.
_KNOWN = sa.select(submissions.c.id).where(submissions.c.key == sa.bindparam("the_key"))
_TASK = sa.select(tasks).where(tasks.c.id == sa.bindparam("task"))
_OWN = (submissions.c.task_id == sa.bindparam("task"), submissions.c.annotator_id == sa.bindparam("person"))
_LAST = sa.select(submissions).where(*_OWN).order_by(submissions.c.version.desc()).limit(1)
_STORE = sa.insert(submissions).returning(submissions.c.id)
_LET_GO = sa.delete(leases).where(
    leases.c.task_id == sa.bindparam("task"), leases.c.annotator_id == sa.bindparam("person")
)
_RETIRED = sa.select(annotators.c.retired).where(annotators.c.id == sa.bindparam("person"))
_COUNT = sa.update(tasks).where(tasks.c.id == sa.bindparam("task")).values(answers=tasks.c.answers + 1)
IMPORTED = "import-"  # how the keys of answers begin that came in a file, all at once


@dataclass(frozen=True)
class Stored:
    id: int
    new: bool  # False: this very submission, or the same answer, was stored before
    late: bool = False  # it contradicts the record that the image has already, which only a review can change


class RefusedError(SubmissionError):
    """The answer breaks rules; `findings` says which."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(finding.message for finding in findings), findings[0].next_step)


class GoneError(SubmissionError):
    """The image went to someone else meanwhile."""


class AnsweredMeanwhileError(SubmissionError):
    """The annotator has answered the task otherwise since this answer was begun."""


def submit(
    workspace: Workspace,
    task_id: int,
    annotator: str,
    answer: Answer,
    *,
    key: str,
    version: int | None = None,
    started_at: str | None = None,
) -> Stored:
    """Store an answer, superseding the annotator's earlier one to this task, and decide what follows from it.

    `key` is chosen by the sender: sending the same one again stores nothing. `version` is that of the annotator's
    submission that the answer goes on from, 0 where there was none; given it, the answer needs a place in the queue,
    and its warnings a reason. Raises RefusedError where the answer breaks a rule, GoneError where the place is lost,
    AnsweredMeanwhileError where another tab was quicker, SubmissionError where the task does not exist or asks for
    something else.
    """
    findings = check_answer(workspace, answer)
    refused = [finding for finding in findings if finding.level == "error"]
    if not refused and version is not None:
        refused = list(not_overruled(answer, findings))
    if refused:
        raise RefusedError(refused)
    with workspace.catalog.write() as connection:
        return store(connection, workspace, task_id, annotator, answer, key=key, version=version, started_at=started_at)


def store(
    connection: Connection,
    workspace: Workspace,
    task_id: int,
    annotator: str,
    answer: Answer,
    *,
    key: str,
    version: int | None = None,
    started_at: str | None = None,
    submitted_at: str | None = None,
) -> Stored:
    """The part of `submit` that runs inside a transaction; the answer was checked.

    `submitted_at` is when it was given, where that is not now.
    """
    known = connection.execute(_KNOWN, {"the_key": key}).scalar()
    if known is not None:
        return Stored(known, new=False)
    task = connection.execute(_TASK, {"task": task_id}).one_or_none()
    if task is None or task.kind != answer.kind or task.kind not in ANNOTATED:
        raise SubmissionError(f"there is no task {task_id} of kind '{answer.kind}'", "Take the next task")
    person = annotator_id(connection, annotator)
    last = _last(connection, task_id, person)
    suggested = accepted(connection, task.image_id, answer.captions)
    document = replace(answer, suggested=suggested).document()
    if last is not None and last.answer == document:
        drop_draft(connection, task_id, person)
        if answer_return(connection, task_id, person):  # they stand by what they said
            connection.execute(_LET_GO, {"task": task_id, "person": person})
            came_back(connection, workspace, task.image_id, f"{annotator} stands by the answer")
        return Stored(last.id, new=False)
    if version is not None:
        _require_place(connection, workspace, task_id, person, version, last)
    row = {
        "task_id": task_id,
        "annotator_id": person,
        "version": last.version + 1 if last else 1,
        "key": key,
        "answer": document,
        "started_at": started_at,
        "submitted_at": submitted_at or now(),
    }
    new = connection.execute(_STORE, row).scalar_one()
    drop_draft(connection, task_id, person)
    connection.execute(_LET_GO, {"task": task_id, "person": person})
    if is_gold(connection, task.image_id):
        return Stored(new, new=True)  # its answer is known: this one decides nothing
    if last is None and connection.execute(_RETIRED, {"person": person}).scalar() is None:
        connection.execute(_COUNT, {"task": task_id})
    if answer_return(connection, task_id, person):
        came_back(connection, workspace, task.image_id, f"{annotator} has answered again")
    else:
        decide(connection, workspace, task.image_id)
    return Stored(new, new=True, late=_contradicts_record(connection, task.image_id, answer))


def _require_place(
    connection: Connection, workspace: Workspace, task_id: int, person: int, version: int, last: Any
) -> None:
    if (last.version if last else 0) != version:
        raise AnsweredMeanwhileError(
            "you have submitted another answer to this image meanwhile, in another tab",
            "Go on to the next image, or go back to correct that answer",
        )
    if not has_place(connection, workspace, task_id, person):
        raise GoneError(
            "this image went to someone else while you were away", "Your text is kept; go on to the next image"
        )


def _last(connection: Connection, task_id: int, person: int) -> Any:
    return connection.execute(_LAST, {"task": task_id, "person": person}).one_or_none()


def _contradicts_record(connection: Connection, image_id: str, answer: Answer) -> bool:
    record = current_record(connection, image_id)
    if record is None:
        return False
    return answer.is_gathering is False or answer.event_type not in (None, record["event"]["type"])
