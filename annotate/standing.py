"""Where the images of a workspace stand on their way to records."""

from __future__ import annotations

import sqlalchemy as sa

from gatherset.annotate.annotators import one_name
from gatherset.dataset.catalog.tables import annotators, images, records, submissions, tasks
from gatherset.dataset.workspace import Workspace


def standing(workspace: Workspace) -> dict[str, int]:
    """{records, rejected, in review, in the queue}: every image is counted once."""
    recorded = sa.exists().where(records.c.id == images.c.id)
    review = sa.exists().where(tasks.c.image_id == images.c.id, tasks.c.kind == "review", tasks.c.state == "open")
    where = sa.case(
        (recorded, "records"), (images.c.rejected.is_not(None), "rejected"), (review, "in review"), else_="in the queue"
    )
    query = sa.select(where.label("place"), sa.func.count().label("images")).select_from(images).group_by("place")
    with workspace.catalog.read() as connection:
        counts = {row.place: row.images for row in connection.execute(query)}
    return {place: counts.get(place, 0) for place in ("records", "rejected", "in review", "in the queue")}


def progress_of(workspace: Workspace, annotator: str) -> int:
    """How many tasks `annotator` has answered."""
    query = (
        sa.select(sa.func.count(sa.distinct(submissions.c.task_id)))
        .join(annotators, annotators.c.id == submissions.c.annotator_id)
        .where(annotators.c.name == one_name(annotator))
    )
    with workspace.catalog.read() as connection:
        return int(connection.execute(query).scalar_one())
