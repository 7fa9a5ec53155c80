"""Suspects: captions and event types that a trained model finds implausible, until a person has looked at them.

`gatherset suspects` adds them, the review reads and settles them. One that was settled is not brought up again as long
as the text or type is the same; one whose record has changed meanwhile is no longer shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.catalog.tables import records, revisions, suspects
from gatherset.dataset.errors import InputError
from gatherset.dataset.records import current_record
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

Kind = Literal["caption", "event"]
Verdict = Literal["right", "mended", "withdrawn"]
VERDICTS: tuple[Verdict, ...] = ("right", "mended", "withdrawn")


@dataclass(frozen=True)
class Suspect:
    """What is doubted, and why."""

    record_id: str
    kind: Kind
    position: int  # which caption, from 0; 0 for an event
    value: str  # the caption, or the name of the event type
    score: float  # 0 to 1: how surely it is wrong
    reason: str  # for a person
    suggestion: str | None = None  # the event type that the model finds likelier


@dataclass(frozen=True)
class OpenSuspect(Suspect):
    """One that waits for a person."""

    id: int = 0  # to settle it by
    run: str = ""  # what found it
    found_at: str = ""


@dataclass(frozen=True)
class Added:
    """What became of the suspects of one run."""

    new: int  # now in the queue
    known: int  # in it already, or settled before
    gone: int  # the workspace has no such record, or it has changed since the release


def add_suspects(workspace: Workspace, run: str, found: Sequence[Suspect]) -> Added:
    """Put what `run` doubts before the reviewers. Adding the same again changes nothing but the score and reason.

    `run` names what found them, e.g. the folder of a trained model.
    """
    counts = {"new": 0, "known": 0, "gone": 0}
    with workspace.catalog.write() as connection:
        for suspect in found:
            record = current_record(connection, suspect.record_id)
            if record is None or doubted(record, suspect.kind, suspect.position) != suspect.value:
                counts["gone"] += 1
            else:
                counts["new" if _add(connection, run, suspect) else "known"] += 1
    return Added(**counts)


def _add(connection: Connection, run: str, suspect: Suspect) -> bool:
    """Whether it was not there yet."""
    same = (
        (suspects.c.record_id == suspect.record_id)
        & (suspects.c.kind == suspect.kind)
        & (suspects.c.position == suspect.position)
        & (suspects.c.value == suspect.value)
    )
    said = {"score": suspect.score, "reason": suspect.reason, "suggestion": suspect.suggestion, "run": run}
    state = connection.execute(sa.select(suspects.c.state).where(same)).scalar()
    if state is None:
        row = {"record_id": suspect.record_id, "kind": suspect.kind, "position": suspect.position}
        row |= {"value": suspect.value, "state": "open", "found_at": now()}
        connection.execute(sa.insert(suspects).values(**row, **said))
    elif state == "open":
        connection.execute(sa.update(suspects).where(same).values(**said))
    return state is None


def open_suspects(
    connection: Connection, *which: sa.ColumnElement[bool], limit: int | None = None
) -> list[OpenSuspect]:
    """Those that wait for a person, the surest first; not those whose record has changed or was withdrawn since.

    `which` are conditions on the rows of `suspects`, of which only those are then read.
    """
    rows = connection.execute(_OPEN.where(*which).order_by(suspects.c.score.desc(), suspects.c.id))
    still = (row for row in rows.mappings() if doubted(row["content"], row["kind"], row["position"]) == row["value"])
    return [_open(row) for row in islice(still, limit)]


_OPEN = (
    sa.select(suspects, revisions.c.content)
    .join(records, records.c.id == suspects.c.record_id)
    .join(revisions, (revisions.c.record_id == records.c.id) & (revisions.c.revision == records.c.revision))
    .where(suspects.c.state == "open", records.c.withdrawn.is_(None))
)


def settle(connection: Connection, identity: int, verdict: Verdict, settled_by: str) -> None:
    """Take a suspect out of the queue: it is right as it stands, it was mended, or its record was withdrawn.

    The record itself is changed elsewhere. InputError for one that there is not or that was settled before.
    """
    if verdict not in VERDICTS:
        raise InputError(f"'{verdict}' is no verdict", f"Choose one of: {', '.join(VERDICTS)}")
    values = {"state": verdict, "settled_by": settled_by, "settled_at": now()}
    waiting = (suspects.c.id == identity) & (suspects.c.state == "open")
    if connection.execute(sa.update(suspects).where(waiting).values(values)).rowcount != 1:
        raise InputError(f"no suspect {identity} waits for a decision", "Somebody else has settled it; take the next")


def settle_record(connection: Connection, record_id: str, settled_by: str) -> None:
    """A person has decided about the record: all that was doubted in it is settled, by what stands there now."""
    record = current_record(connection, record_id)
    of_record = (suspects.c.record_id == record_id, suspects.c.state == "open")
    for row in connection.execute(sa.select(suspects).where(*of_record)).mappings().all():
        verdict: Verdict = "withdrawn"
        if record is not None:
            verdict = "right" if doubted(record, row["kind"], row["position"]) == row["value"] else "mended"
        settle(connection, row["id"], verdict, settled_by)


def doubted(record: dict[str, Any], kind: str, position: int) -> str | None:
    """What stands in `record` where a suspect points; None where there is no such caption."""
    if kind == "event":
        return str(record["event"]["type"])
    captions = record["captions"]
    return str(captions[position]["text"]) if position < len(captions) else None


def _open(row: Any) -> OpenSuspect:
    names = ("record_id", "kind", "position", "value", "score", "reason", "suggestion", "id", "run", "found_at")
    return OpenSuspect(**{name: row[name] for name in names})
