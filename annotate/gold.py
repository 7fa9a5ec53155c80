"""Gold: images whose answer is known, mixed into the queue unmarked, or asked in the practice round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.annotators import annotator_id, stored_name
from gatherset.annotate.answer import IS_CURRENT, Answer
from gatherset.annotate.drafts import drop_draft
from gatherset.dataset.catalog.tables import annotators, gold, leases, practice_answers, submissions, tasks
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

JUDGED = ("is_gathering", "event_type")  # of a known answer; captions are as many as there are people


@dataclass(frozen=True)
class Feedback:
    """What is told after an answer in the practice round."""

    right: bool
    answer: Mapping[str, Any]  # the known one
    explanation: str


def set_gold(workspace: Workspace, task_id: int, answer: Answer, *, explanation: str = "", practice: bool) -> None:
    """Say that the answer to a task is known. From now on nobody's answer to it decides anything."""
    with workspace.catalog.write() as connection:
        task = connection.execute(sa.select(tasks).where(tasks.c.id == task_id)).one_or_none()
        if task is None:
            raise SubmissionError(f"there is no task {task_id}", "Name an image of the catalog")
        connection.execute(sa.delete(gold).where(gold.c.task_id == task_id))
        row = {"answer": answer.document(), "explanation": explanation, "practice": practice}
        connection.execute(sa.insert(gold).values(task_id=task_id, **row))
        connection.execute(
            sa.update(tasks).where(tasks.c.image_id == task.image_id, tasks.c.state != "done").values(state="gold")
        )


def is_gold(connection: Connection, image_id: str) -> bool:
    """Whether the answer to one of the image's tasks is known: then its other answers decide nothing either."""
    return connection.execute(_OF_IMAGE, {"image": image_id}).scalar() is not None


_OF_IMAGE = sa.select(gold.c.task_id).join(tasks).where(tasks.c.image_id == sa.bindparam("image")).limit(1)


def is_right(known: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Whether an answer says what is known, as far as something is known."""
    said = dict(answer)
    if said.get("event_type") and said.get("is_gathering") is None:
        said["is_gathering"] = True  # who chooses a type says that it is a gathering
    if known.get("is_gathering") is False:
        return said.get("is_gathering") is False
    return all(known.get(name) is None or known[name] == said.get(name) for name in JUDGED)


def practise(workspace: Workspace, task_id: int, annotator: str, answer: Answer) -> Feedback:
    """Take an answer in the practice round; it counts for nothing but the feedback."""
    with workspace.catalog.write() as connection:
        known = connection.execute(sa.select(gold).where(gold.c.task_id == task_id, gold.c.practice)).one_or_none()
        if known is None:
            raise SubmissionError(f"task {task_id} is not in the practice round", "Take the next one")
        person = annotator_id(connection, annotator)
        right = is_right(known.answer, answer.document())
        own = (practice_answers.c.task_id == task_id, practice_answers.c.annotator_id == person)
        connection.execute(sa.delete(practice_answers).where(*own))
        row = {"answer": answer.document(), "right": right, "answered_at": now()}
        connection.execute(sa.insert(practice_answers).values(task_id=task_id, annotator_id=person, **row))
        drop_draft(connection, task_id, person)
        connection.execute(sa.delete(leases).where(leases.c.task_id == task_id, leases.c.annotator_id == person))
        return Feedback(right, known.answer, known.explanation)


def practice_place(connection: Connection, annotator: str) -> tuple[int, int]:
    """(images of the practice round that `annotator` has answered, images in it)."""
    done = (
        sa.select(sa.func.count())
        .select_from(practice_answers)
        .join(annotators, annotators.c.id == practice_answers.c.annotator_id)
        .where(annotators.c.name == stored_name(connection, annotator))
    )
    everything = sa.select(sa.func.count()).select_from(gold).where(gold.c.practice)
    return int(connection.execute(done).scalar_one()), int(connection.execute(everything).scalar_one())


def gold_scores(workspace: Workspace) -> dict[str, tuple[int, int]]:
    """{annotator: (right answers, answers)} on the images with a known answer that were mixed into the queue."""
    query = (
        sa.select(annotators.c.name, gold.c.answer.label("known"), submissions.c.answer)
        .join(gold, gold.c.task_id == submissions.c.task_id)
        .join(annotators, annotators.c.id == submissions.c.annotator_id)
        .where(IS_CURRENT)
    )
    scores: dict[str, tuple[int, int]] = {}
    with workspace.catalog.read() as connection:
        for row in connection.execute(query):
            right, count = scores.get(row.name, (0, 0))
            scores[row.name] = (right + is_right(row.known, row.answer), count + 1)
    return scores
