"""Sent back: what was refused comes before its annotators again, with the reason."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gatherset.annotate.labelstudio.client import Client, MissingError
from gatherset.annotate.labelstudio.links import Link
from gatherset.annotate.labelstudio.push import task_data
from gatherset.annotate.labelstudio.states import REFUSED
from gatherset.dataset.catalog.tables import images, labelstudio_annotations, labelstudio_tasks, tasks
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

MAX_REMARKS = 2000  # characters that the annotators of a task are told
HINT = "Please answer it anew; what you wrote is there when you open this task from the project's list."


def send_back(workspace: Workspace, client: Client, link: Link) -> int:
    """Put what was refused before its annotators again, with the reason on the task; how many annotations that were.

    Label Studio's community edition knows neither comments nor another's drafts. What it does know: a task that counts
    as skipped comes before its annotator again. What they wrote stays in their annotation. May be repeated.
    """
    there = labelstudio_annotations
    query = sa.select(there.c.remote, there.c.task_id).where(
        there.c.project_id == link.id,
        there.c.state == REFUSED,
        there.c.sent_back_at.is_(None),
        there.c.deleted_at.is_(None),
    )
    with workspace.catalog.read() as connection:
        waiting = connection.execute(query).all()
    _say_remarks(workspace, client, link)
    count = 0
    for row in waiting:
        try:
            client.change_annotation(row.remote, was_cancelled=True)
        except MissingError:
            continue  # deleted just now: the next pull finds it gone
        own = (there.c.project_id == link.id, there.c.remote == row.remote)
        with workspace.catalog.write() as connection:
            connection.execute(sa.update(there).where(*own).values(sent_back_at=now()))
        count += 1
    return count


def _say_remarks(workspace: Workspace, client: Client, link: Link) -> None:
    """Bring what the annotators of each task are told up to date: nothing, once all is mended."""
    for row, remarks in _remarks(workspace, link):
        try:
            client.change_task(row.remote, data=task_data(row, row.image, remarks))
        except MissingError:
            continue
        own = (labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.task_id == row.id)
        with workspace.catalog.write() as connection:
            connection.execute(sa.update(labelstudio_tasks).where(*own).values(remarks=remarks))


def _remarks(workspace: Workspace, link: Link) -> list[tuple[Any, str]]:
    """The tasks whose remarks there are not what they should be, with what they should be."""
    there = labelstudio_annotations
    refused = sa.exists().where(
        there.c.project_id == link.id,
        there.c.task_id == labelstudio_tasks.c.task_id,
        there.c.state == REFUSED,
        there.c.deleted_at.is_(None),
    )
    query = (
        sa.select(
            tasks.c.id,
            tasks.c.image_id,
            images.c.captions,
            *(labelstudio_tasks.c[name] for name in ("remote", "image", "remarks")),
        )
        .join(labelstudio_tasks, labelstudio_tasks.c.task_id == tasks.c.id)
        .join(images, images.c.id == tasks.c.image_id)
        .where(
            labelstudio_tasks.c.project_id == link.id,
            labelstudio_tasks.c.remote.is_not(None),
            refused | (labelstudio_tasks.c.remarks != ""),
        )
    )
    reasons = sa.select(there.c.task_id, there.c.author, there.c.findings).where(
        there.c.project_id == link.id, there.c.state == REFUSED, there.c.deleted_at.is_(None)
    )
    told: dict[int, list[str]] = {}
    with workspace.catalog.read() as connection:
        for row in connection.execute(reasons.order_by(there.c.remote)):
            said = "; ".join(one["message"] for one in row.findings)
            told.setdefault(row.task_id, []).append(f"{row.author}: {said}. {HINT}")
        rows = connection.execute(query).all()
    wanted = ((row, "\n".join(told.get(row.id, []))[:MAX_REMARKS]) for row in rows)
    return [(row, remarks) for row, remarks in wanted if remarks != row.remarks]
