"""Consensus: what follows from the answers to an image: a record, a rejection, one more opinion, or a review."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from gatherset.dataset.catalog.tables import annotators, images, records, submissions, tasks
from gatherset.dataset.records import add_revision, caption, make_record
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.timestamps import now
from gatherset.dataset.validation import record_errors
from gatherset.dataset.workspace import Workspace

_newer = submissions.alias()
# Composed once: putting this statement together costs several times what running it does.
_CURRENT_ANSWERS = (
    sa.select(
        submissions.c.id,
        submissions.c.answer,
        tasks.c.kind,
        annotators.c.id.label("person"),
        annotators.c.pseudonym,
    )
    .join(tasks, tasks.c.id == submissions.c.task_id)
    .join(annotators, annotators.c.id == submissions.c.annotator_id)
    .where(
        tasks.c.image_id == sa.bindparam("image"),
        ~sa.exists().where(
            _newer.c.task_id == submissions.c.task_id,
            _newer.c.annotator_id == submissions.c.annotator_id,
            _newer.c.version > submissions.c.version,
        ),
    )
    .order_by(submissions.c.id)
)


def majority(votes: Mapping[Any, int], needed: int) -> Any:
    """What more than half of at least `needed` votes say; None while there is no such thing."""
    total = sum(votes.values())
    winner, count = max(votes.items(), key=lambda item: item[1], default=(None, 0))
    return winner if total >= needed and 2 * count > total else None


def decide(connection: Connection, workspace: Workspace, image_id: str) -> None:
    """Bring the tasks of an image up to date with its answers, and make its record when all is agreed.

    A record that exists stays as it is: only a review changes it.
    """
    if connection.execute(sa.select(records.c.id).where(records.c.id == image_id)).scalar() is not None:
        return
    image = connection.execute(sa.select(images).where(images.c.id == image_id)).mappings().one()
    own_tasks = {row.kind: row for row in connection.execute(sa.select(tasks).where(tasks.c.image_id == image_id))}
    answers = current_answers(connection, image_id)
    needed = workspace.settings.queue.overlap
    screened = "screen" in own_tasks
    gathering = majority(_gathering_votes(answers, screened=screened), needed)
    event_votes = _event_votes(answers)
    event_type = majority(event_votes, needed)
    rejected = now() if gathering is False else None
    if bool(rejected) != bool(image["rejected"]):
        connection.execute(sa.update(images).where(images.c.id == image_id).values(rejected=rejected))
    if rejected:
        connection.execute(sa.update(tasks).where(tasks.c.image_id == image_id).values(state="done"))
        return
    typed = event_type is not None and (screened or gathering is True)
    settled = {"screen": gathering is True, "event": typed, "caption": typed}
    for kind, task in own_tasks.items():
        if kind in settled:
            # The type of a screened image is asked once it is known to be a gathering.
            unsettled = "waiting" if kind == "event" and screened and gathering is None else "open"
            _advance(connection, workspace, task, "done" if settled[kind] else unsettled)
    if gathering is True and event_type is not None:
        _make_record(connection, workspace, image, event_type, event_votes, answers)


def current_answers(connection: Connection, image_id: str) -> Sequence[RowMapping]:
    """The answers to an image's tasks that no later one of the same annotator supersedes, oldest first."""
    return connection.execute(_CURRENT_ANSWERS, {"image": image_id}).mappings().all()


def _gathering_votes(answers: Sequence[RowMapping], *, screened: bool) -> Counter[bool]:
    """One vote an annotator, the latest. Where nobody screens, choosing a type says that it is a gathering."""
    votes: dict[int, bool] = {}
    for row in answers:
        said = row["answer"]["is_gathering"]
        if said is None and not screened and row["answer"]["event_type"]:
            said = True
        if said is not None:
            votes[row["person"]] = said
    return Counter(votes.values())


def _event_votes(answers: Sequence[RowMapping]) -> Counter[str]:
    """The types chosen, by those who did not say in the same answer that it is no gathering."""
    given = (row["answer"] for row in answers)
    return Counter(
        answer["event_type"] for answer in given if answer["event_type"] and answer["is_gathering"] is not False
    )


def _advance(connection: Connection, workspace: Workspace, task: Any, state: str) -> None:
    """Give the task its new state; one that all have answered without agreeing asks one more, or a reviewer."""
    values: dict[str, Any] = {"state": state}
    if state != "done" and task.answers >= task.overlap:
        if task.overlap < workspace.settings.queue.max_overlap:
            values["overlap"] = task.overlap + 1
        else:
            _review(connection, task.image_id, f"{task.answers} annotators disagree on the {task.kind} task")
            values["state"] = "done"
    if any(getattr(task, name) != value for name, value in values.items()):
        connection.execute(sa.update(tasks).where(tasks.c.id == task.id).values(values))


def _make_record(
    connection: Connection,
    workspace: Workspace,
    image: RowMapping,
    event_type: str,
    votes: Mapping[str, int],
    answers: Sequence[RowMapping],
) -> None:
    record = make_record(image, event_type, votes, _captions(image, event_type, answers))
    context = Context(workspace.settings, workspace.taxonomy, splits_assigned=False)
    if findings := record_errors(record, context):
        _review(connection, image["id"], "; ".join(f"{finding.rule}: {finding.message}" for finding in findings))
        return
    ids = [row["id"] for row in answers]
    add_revision(connection, record, submissions=ids, reason="the annotators agree", decided_by="agreement")


def _captions(image: RowMapping, event_type: str, answers: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """The captions of the first annotator who wrote some and chose the agreed type; else the imported ones."""
    for row in answers:
        if row["answer"]["captions"] and row["answer"]["event_type"] == event_type:
            texts, author = row["answer"]["captions"], row["pseudonym"]
            return [caption(text, origin="human", author=author, verified=True) for text in texts]
    return [dict(entry) for entry in image["captions"]]


def _review(connection: Connection, image_id: str, note: str) -> None:
    """Put the image before a reviewer, with the reason; one that was closed meanwhile is opened again."""
    there = sa.select(tasks.c.id).where(tasks.c.image_id == image_id, tasks.c.kind == "review")
    review = connection.execute(there).scalar()
    if review is not None:
        connection.execute(sa.update(tasks).where(tasks.c.id == review).values(state="open", note=note))
    else:
        row = {"image_id": image_id, "kind": "review", "state": "open", "overlap": 1, "answers": 0, "note": note}
        connection.execute(sa.insert(tasks).values(row))
