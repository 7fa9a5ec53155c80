"""The checklist: what stands between now and the next release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gatherset.annotate.review_queue import waiting_reviews
from gatherset.annotate.standing import standing
from gatherset.dataset.catalog.tables import discussions, records, returns, revisions
from gatherset.dataset.loading import open_release, releases_in
from gatherset.dataset.workspace import Workspace


@dataclass(frozen=True)
class Point:
    done: bool
    what: str
    next_step: str  # "" where it is done


def checklist(workspace: Workspace, types: Sequence[dict[str, Any]]) -> list[Point]:
    """What is known without checking every record; `types` are those of the overview. The rules say the rest."""
    places = standing(workspace)
    with workspace.catalog.read() as connection:
        reviews = sum(waiting_reviews(connection).values())
        back = connection.execute(
            sa.select(sa.func.count()).select_from(returns).where(returns.c.answered_at.is_(None))
        ).scalar_one()
        without = (records.c.split.is_(None), records.c.withdrawn.is_(None))
        unsplit = connection.execute(sa.select(sa.func.count()).select_from(records).where(*without)).scalar_one()
        talked = sa.select(sa.func.count()).select_from(discussions).where(discussions.c.decision.is_(None))
        undecided = connection.execute(talked).scalar_one()
    least = workspace.settings.rules.min_records_per_type
    thin = [one["title"] for one in types if one["known"] and 0 < one["records"] < least]
    gone = [one["type"] for one in types if not one["known"]]
    about = workspace.settings.about
    unsaid = [name for name in ("title", "description", "contact", "license") if not getattr(about, name)]
    points = [
        (places["records"] > 0, f"records: {places['records']}", "Annotate, or import answers"),
        (
            not places["in the queue"],
            f"images in the queue: {places['in the queue']}",
            "Annotate them, or let them wait",
        ),
        (not reviews, f"images that wait for a reviewer: {reviews}", "Review them"),
        (not back, f"answers sent back to annotators: {back}", "Wait, or hand them over"),
        (not undecided, f"discussions without a decision: {undecided}", "Decide them"),
        (not gone, f"types no longer in the taxonomy: {_named(gone)}", "Edit their records, or put the type back"),
        (not thin, f"types with fewer than {least} records (GS403): {_named(thin)}", "Collect more, or say so"),
        (not unsplit, f"records without a split: {unsplit}", "gatherset split, or gatherset release build"),
        (not unsaid, f"not said in [about]: {_named(unsaid)}", "Write it into gatherset.toml"),
    ]
    return [*(_point(*point) for point in points), _since_release(workspace)]


def _named(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _since_release(workspace: Workspace) -> Point:
    built = releases_in(workspace.releases_folder)
    if not built:
        return Point(True, "no release yet: the first one", "")
    newest = open_release(built[max(built)])
    with workspace.catalog.read() as connection:
        later = revisions.c.created_at > newest.manifest["created"]
        changed = sa.select(sa.func.count(revisions.c.record_id.distinct())).where(later)
        count = connection.execute(changed).scalar_one()
    return _point(count > 0, f"records new or changed since {newest}: {count}", "Nothing to release yet")


def _point(done: bool, what: str, next_step: str) -> Point:
    return Point(done, what, "" if done else next_step)
