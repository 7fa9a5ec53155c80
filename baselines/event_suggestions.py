"""The images of a workspace whose event type is known, those that wait for one, and the suggestions made for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from gatherset.baselines.cca import mean_regions
from gatherset.baselines.event_labels import Guess, Labelled
from gatherset.dataset.catalog.tables import images, records, suggestions, tasks
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.records import current_records
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

MODEL = "event labels by "  # how the names of these suggestions begin
BATCH = 1000  # images a transaction


def labelled_images(workspace: Workspace, features: FeatureFile | None = None) -> Labelled:
    """The records, with their types; those without features are left out where there is a feature file."""
    with workspace.catalog.read() as connection:
        found = [
            (record["id"], [entry["text"] for entry in record["captions"]], record["event"]["type"])
            for record in current_records(connection)
        ]
    return _labelled(found, features)


def untyped_images(workspace: Workspace, features: FeatureFile | None = None) -> Labelled:
    """The images that are asked for their type, or will be, and have none."""
    asked = sa.exists().where(
        tasks.c.image_id == images.c.id, tasks.c.kind.in_(("event", "caption")), tasks.c.state.in_(("open", "waiting"))
    )
    no_record = ~sa.exists().where(records.c.id == images.c.id)
    query = sa.select(images.c.id, images.c.captions).where(images.c.rejected.is_(None), asked, no_record)
    with workspace.catalog.read() as connection:
        rows = connection.execute(query.order_by(images.c.id)).all()
    return _labelled([(row.id, [entry["text"] for entry in row.captions], "") for row in rows], features)


def _labelled(found: Sequence[tuple[str, list[str], str]], features: FeatureFile | None) -> Labelled:
    if features is not None:
        there = set(features.ids)
        found = [one for one in found if one[0] in there]
    ids = [identity for identity, _, _ in found]
    pictures = mean_regions(features, ids) if features is not None and ids else None
    return Labelled(ids, [captions for _, captions, _ in found], [kind for _, _, kind in found if kind], pictures)


def put_suggestions(workspace: Workspace, ids: Sequence[str], guesses: Sequence[Guess], method: str) -> Counter[str]:
    """Keep the guesses as suggestions, in the place of earlier ones of this kind; the number of each type."""
    put: Counter[str] = Counter()
    pairs = list(zip(ids, guesses, strict=True))
    for start in range(0, len(pairs), BATCH):
        some = pairs[start : start + BATCH]
        rows: list[dict[str, Any]] = [
            {"image_id": identity, "kind": "event", "value": guess.type, "model": f"{MODEL}{method}"}
            | {"score": round(guess.score, 4), "created_at": now()}
            for identity, guess in some
            if guess.type
        ]
        ours = (suggestions.c.kind == "event", suggestions.c.model.startswith(MODEL, autoescape=True))
        with workspace.catalog.write() as connection:
            of_these = suggestions.c.image_id.in_([identity for identity, _ in some])
            connection.execute(sa.delete(suggestions).where(of_these, *ours))
            if rows:
                connection.execute(sa.insert(suggestions), rows)
        put.update(row["value"] for row in rows)
    return put
