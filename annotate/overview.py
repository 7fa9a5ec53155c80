"""The overview: what the lead of a team wants to know at a glance, from one reading of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy import Connection

from gatherset.annotate.desk import image_url
from gatherset.annotate.gold import gold_scores
from gatherset.annotate.leases import ANNOTATED
from gatherset.annotate.ledger import Ledger, current_ledger
from gatherset.annotate.queue import SENSITIVE
from gatherset.annotate.standing import standing
from gatherset.dataset.catalog.tables import annotators, images, records, skips, tasks
from gatherset.dataset.workspace import Workspace

TOO_MANY = 60  # submissions in one minute: nobody looks at a picture a second
IDLE = 1800  # seconds; who takes longer was away
DISPUTES = 12  # pictures
MINUTE = np.timedelta64(60, "s")


@dataclass(frozen=True)
class AnnotatorLine:
    """An annotator at a glance."""

    name: str
    answers: int  # tasks
    corrected: int  # of them, answered again
    skipped: int
    median_seconds: float | None  # for a task; None where nobody knows
    agreed: float | None  # share of the others' types that are the same
    gold: str  # "right of answers" on the images of known answer
    most_a_minute: int  # submissions
    hurried: bool  # more than anybody can look at; not where they came in a file
    last: str
    standing: str  # "", paused, retired, with the reason


@dataclass(frozen=True)
class Dispute:
    """An image worth talking about."""

    image_id: str
    picture: str  # its address
    sensitive: bool
    votes: str


@dataclass(frozen=True)
class Overview:
    standing: dict[str, int]
    days: list[dict[str, Any]]  # {day, annotator, answers}
    coverage: list[dict[str, Any]]  # {task, answers, images}: how many annotators have answered how many
    types: list[dict[str, Any]]  # {type, title, records, known}
    seconds: dict[str, float]  # {task kind: median seconds}
    annotators: list[AnnotatorLine]
    alpha: dict[str, float | None]  # by question
    disputes: list[Dispute]
    ledger: Ledger


def overview(workspace: Workspace) -> Overview:
    with workspace.catalog.read() as connection:
        ledger = current_ledger(workspace, connection)
        votes = ledger.type_votes
        return Overview(
            standing=standing(workspace),
            days=_days(ledger),
            coverage=_coverage(connection),
            types=_types(connection, workspace),
            seconds=_median_seconds(ledger),
            annotators=_annotators(connection, workspace, ledger),
            alpha={"gathering": ledger.gathering_votes.alpha, "event_type": votes.alpha},
            disputes=_disputes(connection, workspace, votes.most_disputed(DISPUTES)),
            ledger=ledger,
        )


def most_in_a_minute(times: NDArray[np.datetime64]) -> int:
    """The most submissions within any sixty seconds."""
    if not len(times):
        return 0
    times = np.sort(times)  # answers from elsewhere bring their own times, and come in any order
    return int((np.searchsorted(times, times + MINUTE) - np.arange(len(times))).max())


def _days(ledger: Ledger) -> list[dict[str, Any]]:
    if not len(ledger):
        return []
    days, which = np.unique(ledger.submitted.astype("datetime64[D]"), return_inverse=True)
    counted = np.bincount(which * len(ledger.names) + ledger.annotator, minlength=len(days) * len(ledger.names))
    found = [
        (days[cell // len(ledger.names)], ledger.names[cell % len(ledger.names)], cell) for cell in counted.nonzero()[0]
    ]
    return [{"day": str(day), "annotator": name, "answers": int(counted[cell])} for day, name, cell in found]


def _coverage(connection: Connection) -> list[dict[str, Any]]:
    query = (
        sa.select(tasks.c.kind, tasks.c.answers, sa.func.count().label("images"))
        .where(tasks.c.kind.in_(ANNOTATED), tasks.c.state != "gold")
        .group_by(tasks.c.kind, tasks.c.answers)
        .order_by(tasks.c.kind, tasks.c.answers)
    )
    return [{"task": row.kind, "answers": row.answers, "images": row.images} for row in connection.execute(query)]


def _types(connection: Connection, workspace: Workspace) -> list[dict[str, Any]]:
    """How many records each type has; those of the taxonomy without any too, and those that were taken out of it."""
    query = (
        sa.select(records.c.event_type, sa.func.count().label("records"))
        .where(records.c.withdrawn.is_(None), records.c.event_type.is_not(None))
        .group_by(records.c.event_type)
    )
    counts = {row.event_type: row.records for row in connection.execute(query)}
    titles = {one.name: one.title for one in workspace.taxonomy.types}
    gone = {name: f"{name} (not in the taxonomy any more)" for name in sorted(counts.keys() - titles.keys())}
    return [
        {"type": name, "title": title, "records": counts.get(name, 0), "known": name in titles}
        for name, title in {**titles, **gone}.items()
    ]


def _median_seconds(ledger: Ledger) -> dict[str, float]:
    timed = ledger.seconds < IDLE
    of_kind = {kind: timed & (ledger.kind == number) for number, kind in enumerate(ANNOTATED)}
    return {kind: float(np.median(ledger.seconds[rows])) for kind, rows in of_kind.items() if rows.any()}


def _annotators(connection: Connection, workspace: Workspace, ledger: Ledger) -> list[AnnotatorLine]:
    scores = gold_scores(workspace)
    agreed = ledger.type_votes.with_others()
    counted = sa.select(skips.c.annotator_id, sa.func.count()).group_by(skips.c.annotator_id)
    skipped = {person: count for person, count in connection.execute(counted)}
    rows_of = _rows_of_each(ledger)
    found = []
    for row in connection.execute(sa.select(annotators).order_by(annotators.c.name)):
        own = rows_of.get(row.name, np.array([], dtype=np.int64))
        if not len(own) and not skipped.get(row.id) and not row.paused and not row.retired:
            continue  # somebody who has only looked in, or reviews
        seconds = ledger.seconds[own]
        seconds = seconds[seconds < IDLE]
        here = own[~ledger.imported[own]]
        right, count = scores.get(row.name, (0, 0))
        standing = f"retired: {row.retired}" if row.retired else f"paused: {row.paused}" if row.paused else ""
        tasks_answered = int(ledger.current[own].sum())
        most = most_in_a_minute(ledger.submitted[here])
        found.append(
            AnnotatorLine(
                row.name,
                tasks_answered,
                len(own) - tasks_answered,
                skipped.get(row.id, 0),
                float(np.median(seconds)) if len(seconds) else None,
                agreed.get(row.name),
                f"{right} of {count}" if count else "",
                most,
                most > TOO_MANY,
                str(ledger.submitted[own].max())[:16].replace("T", " ") if len(own) else "",
                standing,
            )
        )
    return found


def _rows_of_each(ledger: Ledger) -> dict[str, NDArray[np.int64]]:
    """{annotator: the numbers of their rows, in order}."""
    order = np.argsort(ledger.annotator, kind="stable")
    cuts = np.searchsorted(ledger.annotator[order], np.arange(1, len(ledger.names)))
    return dict(zip(ledger.names, np.split(order, cuts), strict=True)) if ledger.names else {}


def _disputes(connection: Connection, workspace: Workspace, ballots: Mapping[str, Counter[str]]) -> list[Dispute]:
    titles = {kind.name: kind.title for kind in workspace.taxonomy.types}
    wanted = sa.select(images.c.id, images.c.sha256, images.c.format, images.c.flags).where(
        images.c.id.in_(list(ballots))
    )
    rows = {row.id: row for row in connection.execute(wanted)}
    return [
        Dispute(
            identity,
            image_url(rows[identity].sha256, rows[identity].format),
            SENSITIVE in rows[identity].flags,
            ", ".join(f"{titles.get(name, name)} {count}" for name, count in votes.most_common()),
        )
        for identity, votes in ballots.items()
    ]


def annotator_rows(lines: Sequence[AnnotatorLine]) -> list[dict[str, Any]]:
    """The annotators as a table, for the page and its CSV."""
    return [asdict(line) for line in lines]
