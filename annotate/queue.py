"""The queue: which task an annotator gets next, held for them by a lease."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.annotators import annotator_id, known_annotator
from gatherset.annotate.leases import ANNOTATED, HELD_BY_OTHERS, RESTS, asked, end_lease, end_leases, lease, of_person
from gatherset.annotate.reasons import send_to_review
from gatherset.annotate.returns import answer_return, came_back
from gatherset.dataset.catalog.tables import (
    FRESH,
    STARTED,
    URGENT,
    annotators,
    drafts,
    gold,
    images,
    leases,
    practice_answers,
    returns,
    skips,
    submissions,
    tasks,
)
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

WINDOW = 500  # started tasks that are looked through before a fresh one is taken instead
URGENT_WINDOW = 250  # likewise of those that the lead has put first, a window at a time, of three
LAST = 2**31 - 1  # no task has a higher number
SENSITIVE = "sensitive"  # the flag of an image that starts blurred


@dataclass(frozen=True)
class Task:
    """A task in the hands of an annotator, with what the page shows."""

    id: int
    kind: str
    image_id: str
    sha256: str  # of the stored image
    format: str
    width: int  # pixels, of the stored image
    height: int
    captions: tuple[str, ...]  # the imported ones
    sensitive: bool  # to be shown blurred until the annotator agrees
    practice: bool  # its answer is known, and told after answering


@dataclass(frozen=True)
class _Asker:
    """Who asks for a task, and how far they have come."""

    id: int
    rests: bool  # paused or retired
    position: int  # the started task up to which the queue has looked for them
    submission: int  # their last one; 0 before the first
    answered: int  # the task of that one


def next_task(workspace: Workspace, annotator: str) -> Task | None:
    """The task that `annotator` holds, else the next one for them, leased; None where nothing is left for them.

    First the practice round, then what a reviewer has sent back, then whatever they have begun and could not finish,
    then what the lead has put first, images that wait for one more answer, and fresh ones; images with a known answer
    are mixed in at the workspace's rate. Nobody gets an image's task twice unless it is sent back, and no more than
    `overlap` annotators hold or have answered it at once. Nothing is left for one who is paused or retired.
    """
    with workspace.catalog.write() as connection:
        asker = _asker(connection, annotator_id(connection, annotator))
        if asker.rests:
            return None
        end_leases(connection, workspace)
        chosen = _begun(connection, asker.id) or _choose(connection, workspace, asker)
        if chosen is None:
            return None
        lease(connection, workspace, chosen, asker.id)
        return read_task(connection, chosen)


def task_after(workspace: Workspace, annotator: str, current: int) -> Task | None:
    """The task that `annotator` would get after `current`, not held for them: its image can be fetched ahead.

    Images with a known answer are left out: whether one comes is drawn after the submission.
    """
    with workspace.catalog.read() as connection:
        person = known_annotator(connection, annotator)
        chosen = _begun(connection, person, but=current)
        chosen = chosen or _waiting(connection, _asker(connection, person), but=current)[0]
        return None if chosen is None else read_task(connection, chosen)


def skip(workspace: Workspace, task_id: int, annotator: str, reason: str) -> None:
    """Lay the task aside for good, with the reason. What as many as it needs have laid aside goes to a reviewer.

    A text that was begun is kept for its writer.
    """
    if not (reason := reason.strip()):
        raise SubmissionError("an image is skipped with a reason", "Say why")
    with workspace.catalog.write() as connection:
        skip_for(connection, workspace, task_id, annotator_id(connection, annotator), reason)


def skip_for(connection: Connection, workspace: Workspace, task_id: int, person: int, reason: str) -> None:
    """The part of `skip` that runs inside a transaction."""
    task = asked(connection.execute(_WHOLE, {"task": task_id}).one_or_none(), task_id)
    own = (skips.c.task_id == task_id, skips.c.annotator_id == person)
    connection.execute(sa.delete(skips).where(*own))
    row = {"task_id": task_id, "annotator_id": person, "reason": reason[:1000], "skipped_at": now()}
    connection.execute(sa.insert(skips).values(row))
    end_lease(connection, task_id, person)
    given = connection.execute(sa.select(skips.c.reason).where(skips.c.task_id == task_id)).scalars().all()
    if task.state == "open" and len(given) >= workspace.settings.queue.overlap:
        connection.execute(sa.update(tasks).where(tasks.c.id == task_id).values(state="done"))
        note = f"{len(given)} annotators skipped it: {'; '.join(given)}"
        send_to_review(connection, task.image_id, note, cause="skipped", evidence=task.kind)
    if answer_return(connection, task_id, person):
        came_back(connection, workspace, task.image_id, f"laid aside: {reason}")


def read_task(connection: Connection, task_id: int) -> Task:
    """The task with this number, with what the page shows of its image."""
    row = connection.execute(_TASK, {"task": task_id}).one()
    captions = tuple(entry["text"] for entry in row.captions)
    sensitive = SENSITIVE in row.flags
    return Task(
        row.id,
        row.kind,
        row.image_id,
        row.sha256,
        row.format,
        row.width,
        row.height,
        captions,
        sensitive,
        bool(row.practice),
    )


# Statements are composed once: putting them together costs several times what running them does.
_TASK = (
    sa.select(
        tasks.c.id,
        tasks.c.kind,
        tasks.c.image_id,
        *(images.c[name] for name in ("sha256", "format", "width", "height", "captions", "flags")),
        gold.c.practice,
    )
    .join(images)
    .outerjoin(gold, gold.c.task_id == tasks.c.id)
    .where(tasks.c.id == sa.bindparam("task"))
)


_WHOLE = sa.select(tasks).where(tasks.c.id == sa.bindparam("task"))


_others_hold = HELD_BY_OTHERS.scalar_subquery()


def _own(table: sa.Table) -> sa.ColumnElement[int]:
    """As `of_person`, asked task by task: of an EXISTS, PostgreSQL may first gather all that the person ever did.

    The sum keeps it from the index by person: of one who has come since it last counted, it would look through all.
    """
    person = table.c.annotator_id + sa.literal_column("0")
    found = sa.select(table.c.task_id).where(table.c.task_id == tasks.c.id, person == sa.bindparam("person"))
    return found.limit(1).scalar_subquery()


# The cheap question comes first: whoever works through a window of what is their own is not made to count the leases
# of each.
_IS_FREE = sa.and_(
    tasks.c.id != sa.bindparam("but"),
    sa.case(
        (_own(submissions).is_not(None) | _own(skips).is_not(None), sa.false()),
        else_=tasks.c.answers + _others_hold < tasks.c.overlap,
    ),
)
_PRACTICE = (
    sa.select(gold.c.task_id)
    .join(tasks, tasks.c.id == gold.c.task_id)
    .where(gold.c.practice, ~of_person(practice_answers), ~of_person(skips), tasks.c.id != sa.bindparam("but"))
    .order_by(gold.c.task_id)
    .limit(1)
)
_HELD = (
    sa.select(leases.c.task_id)
    .join(tasks, tasks.c.id == leases.c.task_id)
    .outerjoin(gold, gold.c.task_id == tasks.c.id)
    .where(
        leases.c.annotator_id == sa.bindparam("person"),
        tasks.c.kind.in_(ANNOTATED),
        (tasks.c.state == "open") | gold.c.task_id.is_not(None),
        ~of_person(submissions),
        ~of_person(practice_answers),
        ~of_person(skips),
        tasks.c.id != sa.bindparam("but"),
    )
    .order_by(leases.c.task_id)
    .limit(1)
)
_RETURNED = (
    sa.select(returns.c.task_id)
    .where(
        returns.c.annotator_id == sa.bindparam("person"),
        returns.c.answered_at.is_(None),
        returns.c.task_id != sa.bindparam("but"),
    )
    .order_by(returns.c.decision_id, returns.c.task_id)
    .limit(1)
)
# By order, not by max(): PostgreSQL would add up all of a person of whom it does not know yet how much they have done.
_last_submission = (
    sa.select(submissions.c.id)
    .where(submissions.c.annotator_id == sa.bindparam("person"))
    .order_by(submissions.c.id.desc())
    .limit(1)
    .correlate(None)
    .scalar_subquery()
)
_ASKER = (
    sa.select(
        annotators.c.id,
        RESTS,
        sa.func.coalesce(annotators.c.position, 0),
        sa.func.coalesce(submissions.c.id, 0),
        sa.func.coalesce(submissions.c.task_id, 0),
    )
    .outerjoin(submissions, submissions.c.id == _last_submission)
    .where(annotators.c.id == sa.bindparam("person"))
)
_MOVED_ON = (
    sa.update(annotators)
    .where(annotators.c.id == sa.bindparam("person"))
    .values(position=sa.bindparam("reached", type_=sa.Integer))
)
_UNFINISHED = (
    sa.select(tasks.c.id)
    .join(drafts, drafts.c.task_id == tasks.c.id)
    .where(
        drafts.c.annotator_id == sa.bindparam("person"),
        tasks.c.state == "open",
        tasks.c.kind.in_(ANNOTATED),
        _IS_FREE,
    )
    .order_by(drafts.c.saved_at.desc())
    .limit(1)
)
# What the person is in the midst of: the practice round, what came back to them, the task they hold, a text that they
# could not finish. In one statement: each is a way to the server and back, and a database stops at the first it finds.
_BEGUN = sa.select(sa.func.coalesce(*(query.scalar_subquery() for query in (_PRACTICE, _RETURNED, _HELD, _UNFINISHED))))


# The conditions of the partial indexes stand here in the same words, else the database would not use them.
def _end(where: str, after: sa.ColumnElement[int], count: int) -> sa.ScalarSelect[int]:
    """The last of the next `count` tasks behind `after` that are as `where` says."""
    window = sa.select(tasks.c.id).where(sa.text(where), tasks.c.id > after).order_by(tasks.c.id).limit(count)
    return sa.select(sa.func.max(window.subquery().c.id)).scalar_subquery()


def _free(where: str, after: sa.ColumnElement[int], end: sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
    """The first task behind `after`, up to `end`, that is as `where` says and that the person can be given."""
    found = sa.select(tasks.c.id).where(sa.text(where), tasks.c.id > after, tasks.c.id <= end, _IS_FREE)
    return found.order_by(tasks.c.id).limit(1).scalar_subquery()


def _free_urgent(after: sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
    return _free(URGENT, after, _end(URGENT, after, URGENT_WINDOW))


_start, _position = sa.literal(0), sa.bindparam("position", type_=sa.Integer)
_near_end = _end(STARTED, _position, WINDOW)
_urgent = sa.select(tasks.c.id).where(sa.text(URGENT)).limit(1)
_URGENT = sa.select(
    _free_urgent(_start),
    _urgent.order_by(tasks.c.id).offset(URGENT_WINDOW - 1).scalar_subquery(),
    _urgent.order_by(tasks.c.id.desc()).scalar_subquery(),
)
_URGENT_LATER = sa.select(
    sa.func.coalesce(*(_free_urgent(sa.bindparam(name, type_=sa.Integer)) for name in ("answered", "drawn")))
)
_NEAR = sa.select(_free(STARTED, _position, _near_end), _near_end)
_FRESH = sa.select(_free(FRESH, _start, sa.literal(LAST)))
_ROUND = sa.select(sa.func.coalesce(_free(STARTED, _position, sa.literal(LAST)), _free(STARTED, _start, _position)))
_GOLD = (
    sa.select(gold.c.task_id)
    .join(tasks, tasks.c.id == gold.c.task_id)
    .where(~gold.c.practice, ~of_person(submissions), ~of_person(skips))
    .order_by(gold.c.task_id)
    .limit(1)
)


def _begun(connection: Connection, person: int, *, but: int = 0) -> int | None:
    """What the person is in the midst of. A reload, or a second tab, shows the same task again."""
    return connection.execute(_BEGUN, {"person": person, "but": but}).scalar()


def _choose(connection: Connection, workspace: Workspace, asker: _Asker) -> int | None:
    # By chance, at the set rate, and the same until the person submits again: a reload does not roll the dice.
    if _drawn(asker, "gold") < workspace.settings.queue.gold_rate:
        known = connection.execute(_GOLD, {"person": asker.id}).scalar()
        if known is not None:
            return int(known)
    task, position = _waiting(connection, asker)
    if position != asker.position:
        connection.execute(_MOVED_ON, {"person": asker.id, "reached": position})
    return task


def _asker(connection: Connection, person: int) -> _Asker:
    return _Asker(*connection.execute(_ASKER, {"person": person}).one())


def _drawn(asker: _Asker, what: str) -> float:
    """A number from 0 to 1, another after each submission of the person."""
    return int(hashlib.sha256(f"{what} {asker.id} {asker.submission}".encode()).hexdigest()[:8], 16) / 2**32


def _waiting(connection: Connection, asker: _Asker, *, but: int = 0) -> tuple[int | None, int]:
    """The next task that nobody holds for the person, and how far they have then looked through the started ones.

    First what the lead has put first. Then one that others have begun, among the next few from where the person last
    looked: only a few, so that one who has answered half a million images is not kept waiting while fresh ones are
    there. Then a fresh one; then once round through all that is begun.
    """
    given = {"person": asker.id, "but": but}
    urgent = _first_urgent(connection, asker, but)
    if urgent is not None:
        return urgent, asker.position
    near, end = connection.execute(_NEAR, given | {"position": asker.position}).one()
    if near is not None:
        return near, near
    position = end or 0  # at the end it begins anew
    fresh = connection.execute(_FRESH, given).scalar()
    if fresh is not None:
        return fresh, position
    found = connection.execute(_ROUND, given | {"position": position}).scalar()
    return found, found or position


def _first_urgent(connection: Connection, asker: _Asker, but: int) -> int | None:
    """What the lead has put first and the person can be given.

    The first of them; of more than a window, of which the person has answered or others hold the whole beginning, one
    after their last answer, so that who works through all of them goes on where they are, or one after a place that is
    drawn anew at each answer: what has become free anywhere is found in time, and nobody waits for a walk past all that
    is their own.
    """
    given = {"person": asker.id, "but": but}
    found: int | None
    found, end, last = connection.execute(_URGENT, given).one()
    if found is None and end is not None:
        drawn = end + int(_drawn(asker, "urgent") * (last - end))
        later = {"answered": max(asker.answered, end), "drawn": drawn}
        found = connection.execute(_URGENT_LATER, given | later).scalar()
    return found
