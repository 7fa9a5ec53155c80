"""Pull: what was annotated there since the last pull is found, fetched, and taken over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.labelstudio.annotation import Pulled, annotations_in, check, is_news, take
from gatherset.annotate.labelstudio.client import Client, Json
from gatherset.annotate.labelstudio.links import Link
from gatherset.annotate.labelstudio.project import require_unchanged
from gatherset.annotate.labelstudio.sent_back import send_back
from gatherset.annotate.labelstudio.states import SURPLUS
from gatherset.annotate.labelstudio.tasks_there import (
    LISTED,
    Page,
    is_ours,
    is_unsure,
    mark_gone,
    pages,
    reconcile,
)
from gatherset.dataset.catalog.tables import images, labelstudio_annotations, labelstudio_tasks, tasks
from gatherset.dataset.progress import progress
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

BATCH = 100  # tasks with their annotations a request, and a transaction


def pull(workspace: Workspace, client: Client, link: Link) -> Pulled:
    """Take over what was annotated there since the last pull. Once more, it changes nothing.

    Raises ServerError, before anything is applied, where the project is gone or asks something else than was set up.
    May be cut off at any moment: what was taken over stays, the rest comes with the next pull.
    """
    there = require_unchanged(client, link)
    pulled = Pulled()
    if is_unsure(workspace, link, there):
        pulled.gone += reconcile(workspace, client, link).gone
    people, total = client.people(), there.get("task_number") or 0
    gone = _pull_pages(workspace, client, link, people, total, pulled)
    pulled.gone += gone
    if gone and reconcile(workspace, client, link).recovered:  # they are there under other numbers
        _pull_pages(workspace, client, link, people, total, pulled)
    pulled.sent_back += send_back(workspace, client, link)
    return pulled


def _pull_pages(
    workspace: Workspace, client: Client, link: Link, people: Mapping[int, str], total: int, pulled: Pulled
) -> int:
    """Take over what was changed in all tasks there; how many that were there are gone."""
    gone = 0
    listed = pages(client, link, "id,data,updated_at,total_annotations,cancelled_annotations")
    for page in progress(listed, total=2 + total // LISTED, label="pull"):
        for documents in _fetched(client, link, _changed(workspace, link, page)):
            _pull_tasks(workspace, client, link, documents, people, pulled)
        gone += mark_gone(workspace, client, link, page)
    return gone


def pull_some(workspace: Workspace, client: Client, link: Link, remote: Sequence[int]) -> Pulled:
    """Take over what was annotated in these tasks there: those that a webhook spoke of."""
    require_unchanged(client, link)
    pulled, people = Pulled(), client.people()
    for documents in _fetched(client, link, remote):
        _pull_tasks(workspace, client, link, documents, people, pulled)
    pulled.sent_back += send_back(workspace, client, link)
    return pulled


def _changed(workspace: Workspace, link: Link, page: Page) -> list[int]:
    """The numbers there of the tasks of a page that were changed since they were last pulled.

    Those with an annotation that had no place come again too: there may be one now.
    """
    waits = sa.exists().where(
        labelstudio_annotations.c.project_id == link.id,
        labelstudio_annotations.c.task_id == labelstudio_tasks.c.task_id,
        labelstudio_annotations.c.state == SURPLUS,
        labelstudio_annotations.c.deleted_at.is_(None),
        tasks.c.state == "open",
    )
    alive = (
        sa.select(sa.func.count())
        .where(
            labelstudio_annotations.c.project_id == link.id,
            labelstudio_annotations.c.task_id == labelstudio_tasks.c.task_id,
            labelstudio_annotations.c.deleted_at.is_(None),
        )
        .scalar_subquery()
    )
    query = (
        sa.select(labelstudio_tasks.c.remote, labelstudio_tasks.c.seen, waits.label("waits"), alive.label("alive"))
        .join(tasks, tasks.c.id == labelstudio_tasks.c.task_id)
        .where(labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.remote > page.after)
    )
    if page.end is not None:
        query = query.where(labelstudio_tasks.c.remote <= page.end)
    with workspace.catalog.read() as connection:
        known = {row.remote: row for row in connection.execute(query)}
    found = []
    for row in page.rows:
        if (own := known.get(row["id"])) is None:
            continue
        count = (row.get("total_annotations") or 0) + (row.get("cancelled_annotations") or 0)
        # Deleting many at once does not touch the time of the task there: the count tells.
        touched = (count or own.alive) and own.seen != row["updated_at"]
        if own.waits or touched or count != own.alive:
            found.append(row["id"])
    return found


def _fetched(client: Client, link: Link, remote: Sequence[int]) -> Iterator[Sequence[Json]]:
    """These tasks with their annotations, a batch at a time; the next one is fetched while a batch is worked on."""
    batches = [remote[start : start + BATCH] for start in range(0, len(remote), BATCH)]
    with ThreadPoolExecutor(1) as ahead:
        coming = [ahead.submit(client.whole_tasks, link.project, batch) for batch in batches[:1]]
        for number in range(len(batches)):
            documents = coming.pop().result()
            coming += [
                ahead.submit(client.whole_tasks, link.project, batch) for batch in batches[number + 1 : number + 2]
            ]
            yield documents


def _pull_tasks(
    workspace: Workspace,
    client: Client,
    link: Link,
    documents: Sequence[Json],
    people: Mapping[int, str],
    pulled: Pulled,
) -> None:
    """Take over the annotations of these tasks in one transaction: all of them, or none."""
    remote = [document["id"] for document in documents]
    with workspace.catalog.read() as connection:
        ours = _ours(connection, link, remote)
        numbers = [one["id"] for document in documents for one in document.get("annotations") or ()]
        known = _known(connection, link, [task.id for task in ours.values()], numbers)
    # The number of a task that was deleted there may be another task's by now.
    documents = [one for one in documents if one["id"] in ours and is_ours(one, ours[one["id"]].id)]
    checked = []
    for document in documents:
        task = ours[document["id"]]
        for returned in annotations_in(document, task, people, link):
            if is_news(known.get(returned.remote), returned):
                checked.append(check(workspace, client, link, task, known.get(returned.remote), returned))
    counts = Pulled()
    with workspace.catalog.write() as connection:
        for returned, answer, findings in checked:
            take(connection, workspace, link, returned, answer, findings, known, counts)
        _finish(connection, link, documents, ours, known, counts)
    _add(pulled, counts)


def _add(total: Pulled, part: Pulled) -> None:
    for name, value in vars(part).items():
        setattr(total, name, getattr(total, name) + value)


def _ours(connection: Connection, link: Link, remote: Sequence[int]) -> dict[int, Any]:
    """{number there: the task here, with the captions that its image came with}."""
    query = (
        sa.select(tasks.c.id, tasks.c.kind, tasks.c.image_id, images.c.captions, labelstudio_tasks.c.remote)
        .join(labelstudio_tasks, labelstudio_tasks.c.task_id == tasks.c.id)
        .join(images, images.c.id == tasks.c.image_id)
        .where(labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.remote.in_(remote))
    )
    return {row.remote: row for row in connection.execute(query)}


def _known(connection: Connection, link: Link, ids: Sequence[int], numbers: Sequence[int]) -> dict[int, Any]:
    """{number of an annotation there: what is known of it} of these tasks, and of these numbers."""
    there = labelstudio_annotations
    query = sa.select(there).where(
        there.c.project_id == link.id, there.c.task_id.in_(ids) | there.c.remote.in_(numbers)
    )
    return {row.remote: row for row in connection.execute(query)}


def _finish(
    connection: Connection,
    link: Link,
    documents: Sequence[Json],
    ours: Mapping[int, Any],
    known: Mapping[int, Any],
    counts: Pulled,
) -> None:
    """Mark the annotations of these tasks that are gone there, and up to when the tasks were seen."""
    present = {annotation["id"] for document in documents for annotation in document.get("annotations") or ()}
    looked_at = {ours[document["id"]].id for document in documents}
    missing = [
        row.remote
        for row in known.values()
        if row.task_id in looked_at and row.deleted_at is None and row.remote not in present
    ]
    if missing:
        own = (labelstudio_annotations.c.project_id == link.id, labelstudio_annotations.c.remote.in_(missing))
        connection.execute(sa.update(labelstudio_annotations).where(*own).values(deleted_at=now()))
        counts.deleted += len(missing)
    if documents:
        seen = [{"number": document["id"], "moment": document["updated_at"]} for document in documents]
        connection.execute(_SEEN, [{"link": link.id, **one} for one in seen])


_SEEN = (
    sa.update(labelstudio_tasks)
    .where(labelstudio_tasks.c.project_id == sa.bindparam("link"), labelstudio_tasks.c.remote == sa.bindparam("number"))
    .values(seen=sa.bindparam("moment"))
)
