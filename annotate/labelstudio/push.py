"""Push: the open tasks of the workspace go over, once each, and ask for as many answers there as are wanted here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.labelstudio.client import Client, Json, MissingError
from gatherset.annotate.labelstudio.configuration import REMARKS
from gatherset.annotate.labelstudio.image_address import days_from_now, image_address
from gatherset.annotate.labelstudio.links import Link
from gatherset.annotate.labelstudio.project import people_asked, require_unchanged
from gatherset.annotate.labelstudio.states import STORED, SURPLUS
from gatherset.annotate.labelstudio.tasks_there import IMAGE_ID, TASK, is_unsure, pages, reconcile
from gatherset.annotate.suggestions import suggestions_for
from gatherset.dataset.catalog.tables import images, labelstudio_annotations, labelstudio_tasks, suggestions, tasks
from gatherset.dataset.labelstudio import EVENT_TYPE, IMAGE, caption_name, choices, text
from gatherset.dataset.progress import progress
from gatherset.dataset.submission import captions_wanted
from gatherset.dataset.workspace import Workspace

BATCH = 500  # tasks a request: some hundred kilobytes
RENEWED = 30  # days before its end that the signed address of an image is renewed
VERSION = "gatherset"  # of all suggestions: Label Studio shows those of one version alone


@dataclass
class Pushed:
    sent: int = 0  # tasks
    there: int = 0  # that were there already
    again: int = 0  # of the sent: had been deleted there
    recovered: int = 0  # sent by a run that was cut off, and found there
    doubles: int = 0  # removed: the same task twice
    changed: int = 0  # that want more or fewer annotations than before, or whose image has a new address


def push(workspace: Workspace, client: Client, link: Link) -> Pushed:
    """Send the open tasks of the link's kind that are not there, and bring those that are up to date.

    May be cut off at any moment and run again: what arrived is found there, and nothing is there twice. Raises
    ServerError where the project is not what was set up.
    """
    there = require_unchanged(client, link)
    pushed = Pushed()
    _make_sure(workspace, client, link, there, pushed)
    if there.get("maximum_annotations") != (asked := people_asked(workspace, link.kind)):
        client.change_project(link.project, maximum_annotations=asked)
        _read_overlaps(workspace, client, link)
    pushed.there, waiting = _counts(workspace, link)
    for batch in progress(_waiting(workspace, link), total=-(-waiting // BATCH), label="push"):
        _send(workspace, client, link, batch, pushed)
    if pushed.sent:  # somebody else may have sent at the same time
        _make_sure(workspace, client, link, client.project(link.project), pushed)
    _bring_up_to_date(workspace, client, link, pushed)
    return pushed


def _make_sure(workspace: Workspace, client: Client, link: Link, there: Json, pushed: Pushed) -> None:
    if is_unsure(workspace, link, there):
        found = reconcile(workspace, client, link)
        pushed.recovered += found.recovered
        pushed.doubles += found.doubles


def _read_overlaps(workspace: Workspace, client: Client, link: Link) -> None:
    """Learn how many annotations each task asks for there: changing the project has changed some of them."""
    own = (labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.remote == sa.bindparam("number"))
    update = sa.update(labelstudio_tasks).where(*own).values(overlap=sa.bindparam("asked"))
    for page in pages(client, link, "id,overlap"):
        if page.rows:
            with workspace.catalog.write() as connection:
                connection.execute(update, [{"number": row["id"], "asked": row["overlap"]} for row in page.rows])


def _linked(link: Link) -> sa.ColumnElement[bool]:
    return (labelstudio_tasks.c.task_id == tasks.c.id) & (labelstudio_tasks.c.project_id == link.id)


def _is_waiting(link: Link) -> tuple[sa.ColumnElement[bool], ...]:
    """That a task of `tasks` (outer joined with its link) is to be sent."""
    absent = labelstudio_tasks.c.task_id.is_(None) | labelstudio_tasks.c.deleted_at.is_not(None)
    return tasks.c.kind == link.kind, tasks.c.state == "open", absent


def _counts(workspace: Workspace, link: Link) -> tuple[int, int]:
    """(tasks that are there, tasks that are to be sent)."""
    there = sa.select(sa.func.count()).where(
        labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.deleted_at.is_(None)
    )
    waiting = sa.select(sa.func.count()).select_from(tasks).outerjoin(labelstudio_tasks, _linked(link))
    with workspace.catalog.read() as connection:
        return (
            int(connection.execute(there).scalar_one()),
            int(connection.execute(waiting.where(*_is_waiting(link))).scalar_one()),
        )


def _waiting(workspace: Workspace, link: Link) -> Iterator[Sequence[Any]]:
    """The tasks to be sent, with their images, a batch at a time."""
    query = _WITH_IMAGE.outerjoin(labelstudio_tasks, _linked(link)).where(
        *_is_waiting(link), tasks.c.id > sa.bindparam("last")
    )
    query, last = query.order_by(tasks.c.id).limit(BATCH), 0
    while True:
        with workspace.catalog.read() as connection:
            batch = connection.execute(query, {"last": last}).all()
        if not batch:
            return
        yield batch
        last = batch[-1].id


_WITH_IMAGE = sa.select(
    tasks.c.id,
    tasks.c.image_id,
    *(images.c[name] for name in ("sha256", "format", "captions")),
    labelstudio_tasks.c.deleted_at,
    labelstudio_tasks.c.remarks,
).join(images)


def _send(workspace: Workspace, client: Client, link: Link, batch: Sequence[Any], pushed: Pushed) -> None:
    """Say what is about to be sent, send it, say what arrived: a run that is cut off leaves the first said."""
    with workspace.catalog.write() as connection:
        batch = _announced(connection, workspace, link, batch)
        foreseen = _foreseen(connection, workspace, link.kind, batch)
    if not batch:
        return
    documents = [{"data": task_data(row, _address(workspace, link, row)[0], ""), **foreseen[row.id]} for row in batch]
    numbers = client.add_tasks(link.project, documents)
    with workspace.catalog.write() as connection:
        connection.execute(
            sa.update(labelstudio_tasks)
            .where(labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.task_id == sa.bindparam("task"))
            .values(remote=sa.bindparam("number")),
            [{"task": row.id, "number": number} for row, number in zip(batch, numbers, strict=True)],
        )
    pushed.sent += len(batch)
    pushed.again += sum(row.deleted_at is not None for row in batch)


def _announced(connection: Connection, workspace: Workspace, link: Link, batch: Sequence[Any]) -> list[Any]:
    """Write that these tasks are being sent; those of which another run has not written so meanwhile."""
    ids = [row.id for row in batch]
    own = (labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.task_id.in_(ids))
    query = sa.select(labelstudio_tasks.c.task_id).where(*own, labelstudio_tasks.c.deleted_at.is_(None))
    taken = set(connection.execute(query).scalars())
    connection.execute(sa.delete(labelstudio_tasks).where(*own, labelstudio_tasks.c.deleted_at.is_not(None)))
    left = [row for row in batch if row.id not in taken]
    if left:
        fixed = {"project_id": link.id, "overlap": people_asked(workspace, link.kind), "remarks": ""}
        addresses = ((row.id, _address(workspace, link, row)) for row in left)
        values = [{"task_id": task, "image": image, "until": until} for task, (image, until) in addresses]
        connection.execute(sa.insert(labelstudio_tasks), [{**fixed, **one} for one in values])
    return left


def _foreseen(connection: Connection, workspace: Workspace, kind: str, batch: Sequence[Any]) -> dict[int, Json]:
    """{task: its prediction, as a field of what is sent}."""
    query = sa.select(suggestions.c.image_id).where(suggestions.c.image_id.in_([row.image_id for row in batch]))
    suggested = set(connection.execute(query.distinct()).scalars())
    found: dict[int, Json] = {}
    for row in batch:
        fills = row.image_id in suggested or (kind == "event" and row.captions)
        foreseen = prediction(connection, workspace, kind, row) if fills else None
        found[row.id] = {"predictions": [foreseen]} if foreseen else {}
    return found


def _address(workspace: Workspace, link: Link, row: Any) -> tuple[str, str | None]:
    return image_address(workspace, link.images, row.sha256, row.format)


def task_data(row: Any, image: str, remarks: str) -> Json:
    """The fields of a task there; `row` has the task's id, image_id and captions."""
    captions = "\n".join(entry["text"] for entry in row.captions)
    return {IMAGE: image, TASK: row.id, IMAGE_ID: row.image_id, "captions": captions, REMARKS: remarks}


def prediction(connection: Connection, workspace: Workspace, kind: str, row: Any) -> Json | None:
    """What fills the task's boxes beforehand: the captions that it came with, else suggested ones, and the type."""
    if kind == "screen":
        return None
    suggested = suggestions_for(connection, workspace, row.image_id)
    captions = [entry["text"] for entry in row.captions] if kind == "event" else []
    captions = captions or list(dict.fromkeys(one.value for one in suggested if one.kind == "caption"))
    event = next((one for one in suggested if one.kind == "event"), None)
    wanted = captions_wanted(workspace.settings, kind)
    results = [text(caption_name(number), caption) for number, caption in enumerate(captions[:wanted], 1)]
    if event is not None:
        results.append(choices(EVENT_TYPE, [event.value]))
    if not results:
        return None
    score = {} if event is None or event.score is None else {"score": event.score}
    return {"model_version": VERSION, "result": results, **score}


def _bring_up_to_date(workspace: Workspace, client: Client, link: Link, pushed: Pushed) -> None:
    """Ask there for as many annotations as are still wanted, and renew the addresses of images that end soon."""
    with workspace.catalog.read() as connection:
        stale = connection.execute(_stale(link, days_from_now(RENEWED))).all()
    for row in progress(stale, total=len(stale), label="bring up to date"):
        fields: Json = {}
        values: dict[str, Any] = {"overlap": row.wanted}
        if row.wanted != row.overlap:
            fields |= {"overlap": row.wanted, "is_labeled": row.wanted <= row.given}
        if row.until is not None and row.until < days_from_now(RENEWED):
            values["image"], values["until"] = _address(workspace, link, row)
            fields["data"] = task_data(row, values["image"], row.remarks)
        try:
            client.change_task(row.remote, **fields)
        except MissingError:
            continue  # deleted just now: the next push finds it gone
        own = (labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.task_id == row.id)
        with workspace.catalog.write() as connection:
            connection.execute(sa.update(labelstudio_tasks).where(*own).values(**values))
        pushed.changed += 1


def _stale(link: Link, soon: str) -> sa.Select[Any]:
    """The linked tasks of which the server should know something else.

    Annotations there count there, those that had no place here as well. Answers given here are wanted there no more;
    a task that is done wants nothing more at all, and one that its annotators disagree on wants another.
    """
    given = (
        sa.select(sa.func.count(sa.distinct(labelstudio_annotations.c.author)))
        .where(
            labelstudio_annotations.c.project_id == link.id,
            labelstudio_annotations.c.task_id == tasks.c.id,
            labelstudio_annotations.c.state.in_((STORED, SURPLUS)),
            labelstudio_annotations.c.deleted_at.is_(None),
        )
        .scalar_subquery()
    )
    open_ = tasks.c.state == "open"
    wanted = sa.case(
        (open_, given + tasks.c.overlap - tasks.c.answers),
        (given < labelstudio_tasks.c.overlap, given),
        else_=labelstudio_tasks.c.overlap,
    )
    query = sa.select(
        tasks.c.id,
        tasks.c.image_id,
        *(images.c[name] for name in ("sha256", "format", "captions")),
        *(labelstudio_tasks.c[name] for name in ("remote", "overlap", "until", "remarks")),
        wanted.label("wanted"),
        given.label("given"),
    )
    query = query.join(images, images.c.id == tasks.c.image_id).join(labelstudio_tasks, _linked(link))
    return query.where(
        labelstudio_tasks.c.remote.is_not(None),
        (wanted != labelstudio_tasks.c.overlap) | (labelstudio_tasks.c.until < soon),
    )
