"""Suggestions: sentences and types that a model proposes, which a person accepts one at a time or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.catalog.tables import suggestions
from gatherset.dataset.suggestions import CAPTION, EVENT, MODEL
from gatherset.dataset.workspace import Workspace


@dataclass(frozen=True)
class Suggestion:
    id: int
    kind: str  # caption, event
    value: str
    model: str
    score: float | None
    origin: str = MODEL  # of a caption: model, llm, imported


def suggestions_for(connection: Connection, workspace: Workspace, image_id: str) -> list[Suggestion]:
    """The suggestions for an image, the surest first; a type that the taxonomy does not know is left out."""
    query = sa.select(suggestions).where(suggestions.c.image_id == image_id)
    rows = connection.execute(query.order_by(suggestions.c.score.desc(), suggestions.c.id))
    known = workspace.taxonomy.names
    return [
        Suggestion(row.id, row.kind, row.value, row.model, row.score, row.origin)
        for row in rows
        if row.kind != EVENT or row.value in known
    ]


_SENTENCES = (
    sa.select(suggestions.c.id, suggestions.c.value)
    .where(suggestions.c.image_id == sa.bindparam("image"), suggestions.c.kind == CAPTION)
    .order_by(suggestions.c.id.desc())
)


def accepted(connection: Connection, image_id: str, captions: Sequence[str]) -> tuple[int | None, ...]:
    """For each caption the suggestion for this image whose words it has unchanged; whatever the page says of it."""
    texts = {row.value.strip(): row.id for row in connection.execute(_SENTENCES, {"image": image_id})}
    return tuple(texts.get(text.strip()) for text in captions)


_ORIGINS = sa.select(suggestions.c.id, suggestions.c.origin).where(suggestions.c.image_id == sa.bindparam("image"))


def origins(connection: Connection, image_id: str, answers: Sequence[Mapping[Any, Any]]) -> dict[int, str]:
    """{id: origin} of the suggestions for an image; nothing is looked up where no answer has taken any over."""
    if not any(row["answer"].get("suggested") for row in answers):
        return {}
    return {row.id: row.origin for row in connection.execute(_ORIGINS, {"image": image_id})}
