"""The workspace's tasks and answers as a file that any Label Studio imports: tasks.json, and config.xml beside it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.answer import IS_CURRENT
from gatherset.annotate.labelstudio.configuration import configuration
from gatherset.annotate.labelstudio.push import prediction, task_data
from gatherset.annotate.labelstudio.results import answer_results
from gatherset.dataset.catalog.tables import annotators, gold, images, submissions, tasks
from gatherset.dataset.errors import InputError
from gatherset.dataset.progress import progress
from gatherset.dataset.release_folder import assembled
from gatherset.dataset.timestamps import is_time
from gatherset.dataset.workspace import Workspace

BATCH = 500  # tasks a query
NAMESPACE = uuid.UUID("5f8a1d2e-3b7c-4c90-9b1e-6a2f4d8c7e10")  # of the annotations' ids: the same answer, the same id


def export_tasks(workspace: Workspace, kind: str, folder: Path, images_url: str) -> tuple[int, int]:
    """Write the tasks of `kind` with their current answers as annotations; (tasks, annotations).

    `images_url` is what the address of an image there begins with. Authors are pseudonyms. Images of known answer and
    retired work are left out. Raises InputError where `folder` is there already.
    """
    if folder.exists():
        raise InputError(f"{folder} is there already", "Name a new folder")
    counts = [0, 0]
    with workspace.catalog.read() as connection:
        count = sa.select(sa.func.count()).where(tasks.c.kind == kind, _IS_ASKED)
        total = int(connection.execute(count).scalar_one())
    with assembled(folder) as partial:
        (partial / "config.xml").write_text(f"{configuration(workspace, kind)}\n", encoding="utf-8")
        with (partial / "tasks.json").open("w", encoding="utf-8") as file:
            file.write("[")
            for document in progress(_documents(workspace, kind, images_url), total=total, label="tasks"):
                file.write(",\n" if counts[0] else "\n")
                file.write(json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace").decode())
                counts[0] += 1
                counts[1] += len(document["annotations"])
            file.write("\n]\n")
    return counts[0], counts[1]


def _documents(workspace: Workspace, kind: str, images_url: str) -> Iterator[dict[str, Any]]:
    """The tasks as Label Studio imports them, a few hundred in memory."""
    query, last = _TASKS.where(tasks.c.kind == kind, _IS_ASKED, tasks.c.id > sa.bindparam("last")), 0
    while True:
        with workspace.catalog.read() as connection:
            batch = connection.execute(query.order_by(tasks.c.id).limit(BATCH), {"last": last}).all()
            for row in batch:
                yield _document(connection, workspace, kind, images_url, row)
        if not batch:
            return
        last = batch[-1].id


def _document(connection: Connection, workspace: Workspace, kind: str, images_url: str, row: Any) -> dict[str, Any]:
    path = workspace.store.path(row.sha256, row.format).relative_to(workspace.store.folder)
    document = {
        "data": task_data(row, f"{images_url}{path.as_posix()}", ""),
        "annotations": [_annotation(one) for one in connection.execute(_ANSWERS, {"task": row.id})],
    }
    foreseen = prediction(connection, workspace, kind, row)
    return {**document, "predictions": [foreseen] if foreseen else []}


def _annotation(row: Any) -> dict[str, Any]:
    lead = None
    if row.started_at and is_time(row.started_at):  # older versions stored what a browser sent
        begun, ended = datetime.fromisoformat(row.started_at), datetime.fromisoformat(row.submitted_at)
        lead = max(0.0, (ended - begun).total_seconds())
    return {
        "result": answer_results(row.answer),
        "was_cancelled": False,
        "ground_truth": False,
        "lead_time": lead,
        "unique_id": str(uuid.uuid5(NAMESPACE, row.key)),
        "created_at": row.submitted_at,
        "author": row.pseudonym,  # Label Studio leaves it aside: it knows its own users alone
    }


_own = tasks.alias()
# Of a row of `tasks`: no task of its image has a known answer; who could read the file would know it too.
_IS_ASKED = ~sa.exists().where(gold.c.task_id == _own.c.id, _own.c.image_id == tasks.c.image_id)
_TASKS = sa.select(tasks.c.id, tasks.c.image_id, *(images.c[name] for name in ("sha256", "format", "captions"))).join(
    images
)
_ANSWERS = (
    sa.select(
        *(submissions.c[name] for name in ("key", "answer", "started_at", "submitted_at")), annotators.c.pseudonym
    )
    .join(annotators, annotators.c.id == submissions.c.annotator_id)
    .where(
        submissions.c.task_id == sa.bindparam("task"),
        annotators.c.retired.is_(None),
        IS_CURRENT,
    )
    .order_by(submissions.c.id)
)
