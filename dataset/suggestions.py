"""Suggestions: what models propose for images. A person accepts them one at a time, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.catalog.tables import images, suggestions, tasks
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

CAPTION, EVENT = "caption", "event"  # kinds
MODEL, LLM, IMPORTED = "model", "llm", "imported"  # origins of captions


@dataclass(frozen=True)
class Proposed:
    """A suggestion that is still to be stored."""

    image_id: str
    kind: str
    value: str
    model: str
    origin: str = MODEL
    score: float | None = None  # 0 to 1
    made_with: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Waiting:
    """An image that waits for annotators."""

    id: str
    sha256: str
    format: str
    captions: tuple[str, ...]  # that it came with
    suggested: tuple[str, ...]  # captions by models, the newest first


def add_suggestions(workspace: Workspace, proposed: Sequence[Proposed]) -> int:
    """Store those that are not there yet, all or none; how many."""
    ids = sorted({one.image_id for one in proposed})
    with workspace.catalog.write() as connection:
        query = sa.select(suggestions.c.image_id, suggestions.c.kind, suggestions.c.value, suggestions.c.model)
        there = {tuple(row) for row in connection.execute(query.where(suggestions.c.image_id.in_(ids)))}
        new = [one for one in proposed if (one.image_id, one.kind, one.value, one.model) not in there]
        if new:
            at = now()
            connection.execute(sa.insert(suggestions), [{**asdict(one), "created_at": at} for one in new])
    return len(new)


def waiting_images(workspace: Workspace, kinds: Sequence[str]) -> list[Waiting]:
    """The images with an open task of one of these kinds, by id."""
    query = (
        sa.select(images.c.id, images.c.sha256, images.c.format, images.c.captions)
        .where(
            images.c.rejected.is_(None),
            sa.exists().where(tasks.c.image_id == images.c.id, tasks.c.kind.in_(kinds), tasks.c.state == "open"),
        )
        .order_by(images.c.id)
    )
    with workspace.catalog.read() as connection:
        own = _captions(connection)
        return [
            Waiting(row.id, row.sha256, row.format, _texts(row.captions), tuple(own.get(row.id, ())))
            for row in connection.execute(query)
        ]


def _captions(connection: Connection) -> dict[str, list[str]]:
    """The captions that captioners proposed, by image."""
    query = sa.select(suggestions.c.image_id, suggestions.c.value).where(
        suggestions.c.kind == CAPTION, suggestions.c.origin == MODEL
    )
    found: dict[str, list[str]] = {}
    for row in connection.execute(query.order_by(suggestions.c.id.desc())):
        found.setdefault(row.image_id, []).append(row.value)
    return found


def suggested_by(workspace: Workspace, kind: str, model: str) -> set[str]:
    """The images for which this model has proposed something of this kind."""
    query = sa.select(suggestions.c.image_id).where(suggestions.c.kind == kind, suggestions.c.model == model)
    with workspace.catalog.read() as connection:
        return set(connection.execute(query).scalars())


def _texts(captions: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(entry["text"] for entry in captions)
