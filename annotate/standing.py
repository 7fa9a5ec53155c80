"""Where the images of a workspace stand on their way to records."""

from __future__ import annotations

import sqlalchemy as sa

from gatherset.dataset.catalog.tables import images, records, tasks
from gatherset.dataset.workspace import Workspace


def standing(workspace: Workspace) -> dict[str, int]:
    """{records, rejected, in review, in the queue}, and if any, withdrawn and of known answer: each image once."""
    withdrawn = sa.exists().where(records.c.id == images.c.id, records.c.withdrawn.is_not(None))
    recorded = sa.exists().where(records.c.id == images.c.id)
    review = sa.exists().where(tasks.c.image_id == images.c.id, tasks.c.kind == "review", tasks.c.state == "open")
    known = sa.exists().where(tasks.c.image_id == images.c.id, tasks.c.state == "gold")
    where = sa.case(
        (withdrawn, "withdrawn"),
        (recorded, "records"),
        (images.c.rejected.is_not(None), "rejected"),
        (known, "of known answer"),
        (review, "in review"),
        else_="in the queue",
    )
    query = sa.select(where.label("place"), sa.func.count().label("images")).select_from(images).group_by("place")
    with workspace.catalog.read() as connection:
        counts = {row.place: row.images for row in connection.execute(query)}
    return {**dict.fromkeys(("records", "rejected", "in review", "in the queue"), 0), **counts}
