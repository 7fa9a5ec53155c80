"""Returned: what came back and is no submission, as it is shown to the lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gatherset.annotate.labelstudio.states import REFUSED, SURPLUS
from gatherset.dataset.catalog.tables import (
    labelstudio_annotations,
    labelstudio_projects,
    labelstudio_tasks,
    tasks,
)
from gatherset.dataset.workspace import Workspace

_IS_RETURNED = labelstudio_annotations.c.state.in_((REFUSED, SURPLUS))


@dataclass(frozen=True)
class Returned:
    """An annotation that is not a submission, for the lead."""

    url: str  # of the task there; of its project, where the task is gone
    image: str  # its id
    author: str
    state: str  # refused, surplus
    findings: list[Mapping[str, Any]]
    returned: Mapping[str, Any]  # as it came back
    sent_back_at: str | None
    deleted_at: str | None

    @property
    def standing(self) -> str:
        return "deleted there" if self.deleted_at else "sent back" if self.sent_back_at else self.state

    @property
    def why(self) -> str:
        return "; ".join(finding["message"] for finding in self.findings) or "the image had all its answers"


def count_returned(workspace: Workspace) -> int:
    """How many `returned_annotations` there are."""
    query = sa.select(sa.func.count()).where(_IS_RETURNED)
    with workspace.catalog.read() as connection:
        return int(connection.execute(query).scalar_one())


def returned_annotations(workspace: Workspace, most: int | None = None) -> list[Returned]:
    """What was returned and is no submission: it breaks a rule, or its task had no place; the latest first.

    At most `most` of them.
    """
    there, projects = labelstudio_annotations, labelstudio_projects
    query = (
        sa.select(there, projects.c.url, projects.c.project, tasks.c.image_id, labelstudio_tasks.c.remote.label("task"))
        .join(projects, projects.c.id == there.c.project_id)
        .join(tasks, tasks.c.id == there.c.task_id)
        .join(
            labelstudio_tasks,
            (labelstudio_tasks.c.project_id == there.c.project_id) & (labelstudio_tasks.c.task_id == there.c.task_id),
        )
        .where(_IS_RETURNED)
        .order_by(there.c.pulled_at.desc(), there.c.remote.desc())
        .limit(most)
    )
    with workspace.catalog.read() as connection:
        return [
            Returned(
                f"{row.url}/projects/{row.project}/data" + (f"?task={row.task}" if row.task is not None else ""),
                row.image_id,
                row.author,
                row.state,
                row.findings,
                row.returned,
                row.sent_back_at,
                row.deleted_at,
            )
            for row in connection.execute(query)
        ]
