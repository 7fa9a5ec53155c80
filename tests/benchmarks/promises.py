"""What must hold of a catalog whatever was killed meanwhile: each function lists what is broken, best nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.returns import returned
from gatherset.dataset.catalog.tables import (
    annotators,
    decisions,
    images,
    leases,
    records,
    revisions,
    submissions,
    tasks,
)
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


@dataclass
class Sent:
    """A submission on its way; `stored` is its number once it was acknowledged."""

    task: int
    name: str
    answer: Mapping[str, Any]
    stored: int | None = None


def broken(workspace: Workspace, sent: Mapping[str, Sent], decided: Mapping[str, int]) -> list[str]:
    """All that is broken, in words. `sent`: {key: submission}; `decided`: {key: number of an acknowledged review}."""
    with workspace.catalog.read() as connection:
        return [
            *submissions_broken(connection, sent),
            *decisions_broken(connection, decided),
            *tasks_broken(connection),
            *leases_broken(connection, workspace.settings.queue.lease_minutes),
            *records_broken(connection, workspace.settings.captions_per_image),
        ]


def submissions_broken(connection: Connection, sent: Mapping[str, Sent]) -> Iterator[str]:
    """An acknowledged submission that is not there once, as it was sent; one that nobody sent."""
    query = sa.select(submissions, annotators.c.name).join(annotators, annotators.c.id == submissions.c.annotator_id)
    rows: defaultdict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(query):
        rows[row.key].append(row)
    for key, one in sent.items():
        if one.stored is not None and [row.id for row in rows[key]] != [one.stored]:
            yield f"{key} was acknowledged as {one.stored}, and is there as {[row.id for row in rows[key]]}"
    for key, found in rows.items():
        known = sent.get(key)
        if known is None and found and not key.startswith("labelstudio-"):
            yield f"nobody has sent {key}"
        for row in found if known else ():
            assert known
            other = {name: row.answer.get(name) for name, said in known.answer.items() if row.answer.get(name) != said}
            if other or (row.task_id, row.name) != (known.task, known.name):
                yield f"{key} is of {row.name} to task {row.task_id}, and says otherwise: {other}"


def decisions_broken(connection: Connection, decided: Mapping[str, int]) -> Iterator[str]:
    there = {row.key: row.id for row in connection.execute(sa.select(decisions.c.key, decisions.c.id))}
    for key, number in decided.items():
        if there.get(key) != number:
            yield f"the decision {key} was acknowledged as {number}, and is there as {there.get(key)}"


def tasks_broken(connection: Connection) -> Iterator[str]:
    """A task that more have answered than it asks, or that says another number of answers than there are."""
    people = sa.func.count(sa.distinct(submissions.c.annotator_id)).label("people")
    query = sa.select(tasks.c.id, tasks.c.overlap, tasks.c.answers, people).outerjoin(submissions).group_by(tasks.c.id)
    for row in connection.execute(query):
        if not row.people == row.answers <= row.overlap:
            yield f"task {row.id} asks {row.overlap}, says {row.answers} and was answered by {row.people}"
    versions: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for task, person, version in connection.execute(
        sa.select(submissions.c.task_id, submissions.c.annotator_id, submissions.c.version).order_by(submissions.c.id)
    ):
        versions[task, person].append(version)
    for (task, person), found in versions.items():
        if found != list(range(1, len(found) + 1)):
            yield f"annotator {person} has the versions {found} of task {task}"


def leases_broken(connection: Connection, minutes: int) -> Iterator[str]:
    """A lease that holds a place which its task does not have, or for longer than one lasts."""
    last, places = now(plus_minutes=minutes + 1), defaultdict[int, int](int)
    query = sa.select(leases, tasks.c.kind, tasks.c.answers, tasks.c.overlap, submissions.c.id.label("answered"))
    mine = (submissions.c.task_id == leases.c.task_id) & (submissions.c.annotator_id == leases.c.annotator_id)
    query = query.join(tasks, tasks.c.id == leases.c.task_id).outerjoin(submissions, mine)
    for row in connection.execute(query.where(leases.c.expires_at >= now())).all():
        if row.expires_at > last:
            yield f"task {row.task_id} is held until {row.expires_at}"
        if row.answered is not None:
            if returned(connection, row.task_id, row.annotator_id) is None:
                yield f"task {row.task_id} is held for annotator {row.annotator_id}, who has answered it"
            continue
        places[row.task_id] += 1
        most = 1 if row.kind == "review" else row.overlap - row.answers
        if places[row.task_id] > most:
            yield f"task {row.task_id} is held by {places[row.task_id]} where {most} have a place"


def records_broken(connection: Connection, captions: int) -> Iterator[str]:
    """A record without the revision it names, or whose captions nobody has written about its image."""
    written: defaultdict[str, set[str]] = defaultdict(set)
    given: defaultdict[str, set[int]] = defaultdict(set)
    answers = sa.select(tasks.c.image_id, submissions.c.id, submissions.c.answer).join(submissions)
    for image, number, answer in connection.execute(answers):
        written[image].update(answer["captions"])
        given[image].add(number)
    for image, entries in connection.execute(sa.select(images.c.id, images.c.captions)):
        written[image].update(entry["text"] for entry in entries)
    history: defaultdict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(sa.select(revisions).order_by(revisions.c.record_id, revisions.c.revision)):
        history[row.record_id].append(row)
    known = connection.execute(sa.select(records)).all()
    yield from (f"{lost} has revisions and no record" for lost in history.keys() - {record.id for record in known})
    for record in known:
        found = history[record.id]
        if [row.revision for row in found] != list(range(1, record.revision + 1)):
            yield f"{record.id} is at revision {record.revision} of {[row.revision for row in found]}"
            continue
        content, texts = found[-1].content, [entry["text"] for entry in found[-1].content["captions"]]
        if (content["id"], content["event"]["type"]) != (record.id, record.event_type) or len(texts) != captions:
            yield f"{record.id} does not fit its revision {record.revision}"
        if not (set(texts) <= written[record.id] and set(found[-1].submissions) <= given[record.id]):
            yield f"{record.id} says what nobody has said of it"
