"""The tasks over there, compared with what is known of them: which are ours, changed, gone, or there twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.labelstudio.client import Client, Json
from gatherset.annotate.labelstudio.links import Link
from gatherset.annotate.labelstudio.project import people_asked
from gatherset.dataset.catalog.tables import labelstudio_annotations, labelstudio_projects, labelstudio_tasks, tasks
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

LISTED = 1000  # tasks without their annotations a request
CHECKED = 100  # tasks a request that asks whether they are gone
TASK, IMAGE_ID = "gatherset_task", "gatherset_id"  # the fields of a task there that say which one it is here


@dataclass
class Page:
    """Some tasks in the order of their numbers: all that there are above `after` and up to `end`."""

    after: int
    end: int | None  # None: there are none above the last of them
    rows: list[Json]


@dataclass
class Reconciled:
    recovered: int = 0  # sent by a run that was cut off, and found there
    doubles: int = 0  # removed: the same task twice
    gone: int = 0


def pages(client: Client, link: Link, fields: str) -> Iterator[Page]:
    """All tasks of the project, without annotations, a page at a time."""
    last = 0  # until there are none: a server may give fewer at once than it is asked for
    while rows := client.tasks_after(link.project, last, LISTED, fields=fields):
        yield Page(last, rows[-1]["id"], rows)
        last = rows[-1]["id"]
    yield Page(last, None, [])


def is_unsure(workspace: Workspace, link: Link, there: Json) -> bool:
    """Whether what is there may differ from what is known of it: a run was cut off, or somebody added or deleted."""
    known = sa.select(sa.func.count(labelstudio_tasks.c.remote), sa.func.count()).where(
        labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.deleted_at.is_(None)
    )
    others = sa.select(labelstudio_projects.c.foreign).where(labelstudio_projects.c.id == link.id)
    with workspace.catalog.read() as connection:
        arrived, sent = connection.execute(known).one()
        foreign = connection.execute(others).scalar_one()
    return bool(arrived != sent or there.get("task_number") != arrived + foreign)


def reconcile(workspace: Workspace, client: Client, link: Link) -> Reconciled:
    """Look through all that is there: link what is ours, remove what is there twice, mark what is gone.

    A task there is ours by the fields that it carries. Of two, that with annotations stays, else the older one.
    """
    done, foreign = Reconciled(), 0
    for page in pages(client, link, "id,data,total_annotations,cancelled_annotations"):
        done.gone += mark_gone(workspace, client, link, page)
        for row in page.rows:
            foreign += not _take(workspace, client, link, row, done)
    with workspace.catalog.write() as connection:
        never_arrived = (labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.remote.is_(None))
        alive = labelstudio_tasks.c.deleted_at.is_(None)
        connection.execute(sa.delete(labelstudio_tasks).where(*never_arrived, alive))
        connection.execute(
            sa.update(labelstudio_projects).where(labelstudio_projects.c.id == link.id).values(foreign=foreign)
        )
    return done


def _take(workspace: Workspace, client: Client, link: Link, row: Json, done: Reconciled) -> bool:
    """Link the task `row` where it is ours; False where it is not, or stays beside another that has annotations too."""
    data = row.get("data") or {}
    number = data.get(TASK)
    if type(number) is not int:
        return False
    own = (labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.task_id == number)
    with workspace.catalog.read() as connection:
        task = connection.execute(sa.select(tasks).where(tasks.c.id == number)).one_or_none()
        known = connection.execute(sa.select(labelstudio_tasks).where(*own)).one_or_none()
    if task is None or task.kind != link.kind or task.image_id != data.get(IMAGE_ID):
        return False
    if known is not None and known.remote == row["id"]:
        return True
    if known is not None and known.remote is not None and known.deleted_at is None:
        kept = _without_double(client, link, known.remote, row)
        if kept is None:
            return False
        done.doubles += 1
        if kept == known.remote:
            return True
    else:
        done.recovered += 1
    values = {"remote": row["id"], "image": str(data.get("image", "")), "remarks": str(data.get("remarks", ""))}
    with workspace.catalog.write() as connection:
        if known is None:
            fresh = {"overlap": people_asked(workspace, link.kind)}
            connection.execute(
                sa.insert(labelstudio_tasks).values(project_id=link.id, task_id=number, **values, **fresh)
            )
        else:
            connection.execute(sa.update(labelstudio_tasks).where(*own).values(**values, seen=None, deleted_at=None))
    return True


def _without_double(client: Client, link: Link, linked: int, other: Json) -> int | None:
    """Remove the one of two equal tasks that has no annotations; the number of the one that stays, None: both do."""
    if not (other.get("total_annotations") or other.get("cancelled_annotations")):
        client.remove_task(other["id"])
        return linked
    there = client.whole_tasks(link.project, [linked])
    if there and there[0].get("annotations"):
        return None
    if there:
        client.remove_task(linked)
    return int(other["id"])


def is_ours(document: Json, task: int) -> bool:
    """Whether a task there is the task `task` here: on sqlite, the server gives the number of a deleted one again."""
    return bool((document.get("data") or {}).get(TASK) == task)


def mark_gone(workspace: Workspace, client: Client, link: Link, page: Page) -> int:
    """Mark the linked tasks that belong on this page and are not on it, once the server has said so again."""
    listed = {row["id"]: row for row in page.rows}
    query = sa.select(labelstudio_tasks.c.task_id, labelstudio_tasks.c.remote).where(
        labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.remote > page.after
    )
    if page.end is not None:
        query = query.where(labelstudio_tasks.c.remote <= page.end)
    with workspace.catalog.read() as connection:
        linked = [(row.task_id, row.remote) for row in connection.execute(query)]
    missing = [
        (task, remote)
        for task, remote in linked
        if remote not in listed or ("data" in listed[remote] and not is_ours(listed[remote], task))
    ]
    gone = 0
    for start in range(0, len(missing), CHECKED):
        some = missing[start : start + CHECKED]
        present = {row["id"]: row for row in client.whole_tasks(link.project, [remote for _, remote in some])}
        lost = [task for task, remote in some if remote not in present or not is_ours(present[remote], task)]
        if lost:
            with workspace.catalog.write() as connection:
                _mark(connection, link, lost)
        gone += len(lost)
    return gone


def _mark(connection: Connection, link: Link, gone: Sequence[int]) -> None:
    moment = now()
    connection.execute(
        sa.update(labelstudio_tasks)
        .where(labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.task_id.in_(gone))
        .values(remote=None, deleted_at=moment)
    )
    connection.execute(
        sa.update(labelstudio_annotations)
        .where(
            labelstudio_annotations.c.project_id == link.id,
            labelstudio_annotations.c.task_id.in_(gone),
            labelstudio_annotations.c.deleted_at.is_(None),
        )
        .values(deleted_at=moment)
    )
