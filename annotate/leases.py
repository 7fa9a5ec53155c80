"""Leases: who holds which task, until when, and whether there is a place left in it for another."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.catalog.tables import annotators, gold, leases, returns, skips, submissions, tasks
from gatherset.dataset.clock import SKEW
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

ANNOTATED = ("screen", "event", "caption")  # the kinds that annotators hold; reviews wait for a reviewer


def has_place(connection: Connection, workspace: Workspace, task_id: int, person: int) -> bool:
    """Whether `person` may answer the task: it is open, and they hold a place in it or one is free.

    A known answer is asked of everybody, and whoever has answered, or was handed over what a reviewer had sent back,
    may answer; what they laid aside stays there.
    Raises SubmissionError for a task that annotators are not asked.
    """
    given = {"task": task_id, "person": person, "now": now()}
    place = asked(connection.execute(_PLACE, given).one_or_none(), task_id)
    if place.answered:
        return True
    if place.skipped or place.resting:
        return False
    if place.known or place.returned:
        return True
    return bool(place.state == "open" and place.answers + place.held < place.overlap)


def lease(connection: Connection, workspace: Workspace, task_id: int, person: int) -> None:
    """Hold the task for `person` from now on; they have a place."""
    until = now(plus_minutes=workspace.settings.queue.lease_minutes)
    connection.execute(_LEASE, {"task": task_id, "person": person, "until": until})


def end_lease(connection: Connection, task_id: int, person: int) -> None:
    """Hold the task for `person` no longer."""
    connection.execute(_END, {"task": task_id, "person": person})


def end_leases(connection: Connection, workspace: Workspace) -> None:
    """Forget the leases whose time is over, and those that only a clock that was wrong can have given."""
    latest = now(plus_minutes=workspace.settings.queue.lease_minutes + SKEW)
    connection.execute(_EXPIRED, {"now": now(), "latest": latest})


def asked(task: Any, task_id: int) -> Any:
    """`task`, where it is one that annotators are asked. Raises SubmissionError for another."""
    if task is None or task.kind not in ANNOTATED:
        raise SubmissionError(f"there is no task {task_id} for annotators", "Take the next one")
    return task


def of_person(table: sa.Table, *more: sa.ColumnElement[bool]) -> sa.Exists:
    """That the person has something in `table` for the task."""
    return sa.exists().where(table.c.task_id == tasks.c.id, table.c.annotator_id == sa.bindparam("person"), *more)


# Statements are composed once: putting them together costs several times what running them does.
HELD_BY_OTHERS = sa.select(sa.func.count()).where(
    leases.c.task_id == tasks.c.id, leases.c.annotator_id != sa.bindparam("person")
)
RESTS = annotators.c.paused.is_not(None) | annotators.c.retired.is_not(None)
_PLACE = sa.select(
    *(tasks.c[name] for name in ("kind", "state", "answers", "overlap")),
    of_person(submissions).label("answered"),
    of_person(skips).label("skipped"),
    sa.exists().where(annotators.c.id == sa.bindparam("person"), RESTS).label("resting"),
    sa.exists().where(gold.c.task_id == tasks.c.id).label("known"),
    of_person(returns, returns.c.answered_at.is_(None)).label("returned"),
    HELD_BY_OTHERS.where(leases.c.expires_at >= sa.bindparam("now")).scalar_subquery().label("held"),
).where(tasks.c.id == sa.bindparam("task"))
_LEASE = sa.text(
    "INSERT INTO leases (task_id, annotator_id, expires_at) VALUES (:task, :person, :until) "
    "ON CONFLICT (task_id, annotator_id) DO UPDATE SET expires_at = excluded.expires_at"
)
_END = sa.delete(leases).where(
    leases.c.task_id == sa.bindparam("task"), leases.c.annotator_id == sa.bindparam("person")
)
_EXPIRED = sa.delete(leases).where(
    (leases.c.expires_at < sa.bindparam("now")) | (leases.c.expires_at > sa.bindparam("latest"))
)
