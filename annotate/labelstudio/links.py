"""Links: which project of which server has the workspace's tasks of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.catalog.tables import labelstudio_annotations, labelstudio_projects
from gatherset.dataset.errors import ServerError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


@dataclass(frozen=True)
class Link:
    """A project there that belongs to this workspace."""

    id: int
    url: str  # of the server
    project: int  # its number there
    kind: str  # of the tasks in it
    title: str
    config: str  # the labelling configuration that was set
    images: str  # what the address of an image begins with
    people: Mapping[str, str]  # {e-mail there: annotator here}, where the two differ
    foreign: int  # tasks in it that are not of this workspace

    def __str__(self) -> str:
        return f"project {self.project} '{self.title}' on {self.url}"


def current_links(workspace: Workspace) -> list[Link]:
    """One link for each kind of task that goes there. Raises ServerError where nothing was set up."""
    with workspace.catalog.read() as connection:
        found = [_link(row) for row in connection.execute(_CURRENT.order_by(labelstudio_projects.c.id))]
    if not found:
        raise ServerError("this workspace has no project in Label Studio", "Make one: gatherset labelstudio setup")
    return found


def link_of(connection: Connection, kind: str) -> Link | None:
    row = connection.execute(_CURRENT.where(labelstudio_projects.c.kind == kind)).one_or_none()
    return None if row is None else _link(row)


def keep_link(connection: Connection, kind: str, **values: Any) -> Link:
    """Write what is known of the project for tasks of `kind`, over what was known of it."""
    known = link_of(connection, kind)
    if known is None:
        connection.execute(sa.insert(labelstudio_projects).values(kind=kind, **{"foreign": 0, **values}))
    else:
        connection.execute(
            sa.update(labelstudio_projects).where(labelstudio_projects.c.id == known.id).values(**values)
        )
    kept = link_of(connection, kind)
    assert kept is not None
    return kept


def end_link(connection: Connection, link: Link) -> None:
    """The project is given up, or gone: what came from it stays, another can take its place."""
    connection.execute(
        sa.update(labelstudio_projects).where(labelstudio_projects.c.id == link.id).values(ended_at=now())
    )
    connection.execute(
        sa.update(labelstudio_annotations)
        .where(labelstudio_annotations.c.project_id == link.id, labelstudio_annotations.c.deleted_at.is_(None))
        .values(deleted_at=now())
    )


_CURRENT = sa.select(labelstudio_projects).where(labelstudio_projects.c.ended_at.is_(None))


def _link(row: Any) -> Link:
    names = ("id", "url", "project", "kind", "title", "config", "images", "people", "foreign")
    return Link(**{name: row._mapping[name] for name in names})
