"""The team: what its lead can change: who works, whose work counts, what comes first, how many are asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.annotators import annotator_id
from gatherset.annotate.consensus import AGREEMENT, agreed_captions, current_answers, decide, majority, type_votes
from gatherset.annotate.leases import ANNOTATED, lease
from gatherset.annotate.reasons import open_reasons, send_to_review, settle
from gatherset.annotate.returns import ask_instead, ask_nothing, came_back, look_again
from gatherset.dataset.catalog.tables import (
    annotators,
    gold,
    images,
    leases,
    properties,
    records,
    returns,
    revisions,
    skips,
    submissions,
    tasks,
)
from gatherset.dataset.corrections import said
from gatherset.dataset.errors import InputError
from gatherset.dataset.records import current_record
from gatherset.dataset.settings import QueueSettings, read_settings
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import SETTINGS_FILE, Workspace

CHANGED = "queue changed"  # the property that says who has last changed what the queue hands out
LEFT = "nobody is left to be asked again"
BATCH = 100  # images a transaction: others write in between


@dataclass(frozen=True)
class Group:
    """Images that came together, which the lead can put first."""

    part: str
    dataset: str
    waiting: int  # images with an open task
    first: bool  # whether they are put first


def pause(workspace: Workspace, name: str, reason: str, by: str) -> None:
    """Hand nothing more to the annotator until `resume`; what they hold is free for others, what they did stays."""
    reason = said(reason, "Say why: the annotator reads it")
    with workspace.catalog.write() as connection:
        person = _person(connection, name)
        _mark(connection, person, by, paused=reason)
        connection.execute(sa.delete(leases).where(leases.c.annotator_id == person))


def resume(workspace: Workspace, name: str, by: str) -> None:
    with workspace.catalog.write() as connection:
        _mark(connection, _person(connection, name), by, paused=None)


def retire(workspace: Workspace, name: str, reason: str, by: str) -> int:
    """Let the annotator's answers count no more. They are kept and marked; how many images that changes.

    Images without a record are decided anew and go to others; a record that would not be the same without them goes to
    review. Done in parts: after a crash, retiring again goes on.
    """
    reason = said(reason, "Say why, for those who come later")
    with workspace.catalog.write() as connection:
        person = _person(connection, name)
        _mark(connection, person, by, retired=reason)
        connection.execute(sa.delete(leases).where(leases.c.annotator_id == person))
        take_back(connection, workspace, person)
    return _count_anew(workspace, person, f"rests on the work of {name}, which was retired: {reason}", retired=True)


def take_back(connection: Connection, workspace: Workspace, person: int) -> None:
    """Ask the person nothing any more that was sent back to them: those images are settled, or with the reviewer."""
    for image_id in ask_nothing(connection, person):
        _recount(connection, image_id)
        came_back(connection, workspace, image_id, LEFT)


def reinstate(workspace: Workspace, name: str, by: str) -> int:
    """Let the answers of a retired annotator count again; how many images that changes.

    Records that were made meanwhile stay as they are, and those that rest on nobody's retired work any more leave the
    review.
    """
    with workspace.catalog.write() as connection:
        person = _person(connection, name)
        _mark(connection, person, by, retired=None)
    return _count_anew(
        workspace, person, f"rests on work that was retired, though {name} was reinstated", retired=False
    )


def hand_over(workspace: Workspace, name: str, to: str, by: str) -> int:
    """Give what the annotator holds, or was sent back, to the annotator `to`; how many tasks that is.

    What was sent back goes with its comment, and the reviewer waits for `to`. What they cannot be asked, since they
    have answered or skipped it already, is free for anybody, or before the reviewer again. A text that was begun stays
    its writer's. Raises InputError for one who is paused or retired.
    """
    with workspace.catalog.write() as connection:
        person, other = _person(connection, name), _person(connection, to)
        if person == other:
            raise InputError(f"{name} cannot hand over to {name}", "Choose somebody else")
        resting = annotators.c.paused.is_not(None) | annotators.c.retired.is_not(None)
        if connection.execute(sa.select(annotators.c.id).where(annotators.c.id == other, resting)).scalar() is not None:
            raise InputError(f"nothing can be handed over to {to}, who is paused or retired", "Choose somebody else")
        held = sa.select(leases.c.task_id).join(tasks).where(leases.c.annotator_id == person, tasks.c.kind != "review")
        back = sa.select(returns.c.task_id).where(returns.c.annotator_id == person, returns.c.answered_at.is_(None))
        sent_back = set(connection.execute(back).scalars())
        given = 0
        for task in {*connection.execute(held).scalars(), *sent_back}:
            connection.execute(sa.delete(leases).where(leases.c.task_id == task, leases.c.annotator_id == person))
            if task in sent_back:
                given += _move_return(connection, workspace, task, person, other)
            else:
                given += _move_lease(connection, workspace, task, other)
        _mark(connection, person, by)
        return given


def _move_return(connection: Connection, workspace: Workspace, task: int, person: int, other: int) -> bool:
    if ask_instead(connection, task, person, other):
        return True
    image_id = connection.execute(sa.select(tasks.c.image_id).where(tasks.c.id == task)).scalar_one()
    came_back(connection, workspace, image_id, LEFT)
    return False


def _move_lease(connection: Connection, workspace: Workspace, task: int, other: int) -> bool:
    for table in (submissions, skips):
        known = sa.select(table.c.task_id).where(table.c.task_id == task, table.c.annotator_id == other).limit(1)
        if connection.execute(known).scalar() is not None:
            return False
    lease(connection, workspace, task, other)
    return True


def groups(workspace: Workspace) -> list[Group]:
    """The images that wait for annotators, not for a reviewer, by where they came from."""
    review = sa.select(tasks.c.image_id).where(tasks.c.kind == "review", tasks.c.state == "open")
    part, dataset = (sa.func.coalesce(images.c.source[name].as_string(), "") for name in ("part", "dataset"))
    query = (
        sa.select(part.label("part"), dataset.label("dataset"), sa.func.count(images.c.id.distinct()).label("waiting"))
        .add_columns(sa.func.max(tasks.c.priority).label("priority"))
        .join(tasks, tasks.c.image_id == images.c.id)
        .where(tasks.c.state.in_(["open", "waiting"]), tasks.c.kind.in_(ANNOTATED), images.c.id.not_in(review))
        .group_by(part, dataset)
        .order_by(part, dataset)
    )
    with workspace.catalog.read() as connection:
        return [Group(row.part, row.dataset, row.waiting, row.priority > 0) for row in connection.execute(query)]


def put_first(workspace: Workspace, part: str, dataset: str, by: str, *, first: bool) -> None:
    """Hand the images of a group out before all others; or in turn again."""
    of_group = sa.select(images.c.id).where(
        sa.func.coalesce(images.c.source["part"].as_string(), "") == part,
        sa.func.coalesce(images.c.source["dataset"].as_string(), "") == dataset,
    )
    with workspace.catalog.write() as connection:
        connection.execute(sa.update(tasks).where(tasks.c.image_id.in_(of_group)).values(priority=int(first)))
        _keep_who(connection, by, f"{part} {dataset}: {'first of all' if first else 'in turn'}")


def change_queue(workspace: Workspace, by: str, *, overlap: int, max_overlap: int, gold_rate: float) -> None:
    """Change these settings in gatherset.toml, whose comments stay, and in the tasks that are not done.

    What the file says counts, not what was read from it once. After a crash, the same change again goes on. Raises
    WorkspaceError for values that cannot be, and writes nothing then.
    """
    import tomlkit

    path = workspace.root / SETTINGS_FILE
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    table = document.setdefault("queue", tomlkit.table())
    wanted = {"overlap": overlap, "max_overlap": max_overlap, "gold_rate": gold_rate}
    for key, value in wanted.items():
        if table.get(key, getattr(QueueSettings, key)) != value:
            table[key] = value
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(tomlkit.dumps(document), encoding="utf-8")
    try:
        settings = read_settings(partial)
    except BaseException:
        partial.unlink()
        raise
    partial.replace(path)
    workspace.settings = settings
    _ask_as_many(workspace, by, ", ".join(f"{key} {value}" for key, value in wanted.items()))


def _ask_as_many(workspace: Workspace, by: str, what: str) -> None:
    """Bring the tasks that are not done to the settings: as many annotators, and what follows from their answers.

    It follows from the tasks as they stand alone, so that it may be done again: who has fewer answers than are asked
    for goes to as many as that; who has more has them, and one more is asked where they disagree.
    """
    unfinished = tasks.c.state.in_(["open", "waiting"])
    touched: list[str] = []
    with workspace.catalog.write() as connection:
        for kind in ANNOTATED:
            least, most = workspace.settings.asked(kind)
            of_kind = (unfinished, tasks.c.kind == kind)
            change = sa.update(tasks).where(*of_kind)
            connection.execute(change.where(tasks.c.answers < least, tasks.c.overlap != least).values(overlap=least))
            answered = sa.case((tasks.c.answers < most, tasks.c.answers), else_=most)
            more = (tasks.c.answers >= least, tasks.c.overlap > answered)
            connection.execute(change.where(*more).values(overlap=answered))
            enough = sa.select(tasks.c.image_id).where(*of_kind, tasks.c.answers >= workspace.settings.queue.overlap)
            touched += connection.execute(enough).scalars()
        _keep_who(connection, by, what)
    for part in _parts(list(dict.fromkeys(touched))):
        with workspace.catalog.write() as connection:
            for image_id in part:
                decide(connection, workspace, image_id)


def last_change(workspace: Workspace) -> str:
    """When the queue was last changed, who did, and to what; "" where nobody has."""
    with workspace.catalog.read() as connection:
        query = sa.select(properties.c.value).where(properties.c.key == CHANGED)
        return connection.execute(query).scalar() or ""


def _keep_who(connection: Connection, by: str, what: str) -> None:
    connection.execute(sa.delete(properties).where(properties.c.key == CHANGED))
    connection.execute(sa.insert(properties).values(key=CHANGED, value=f"{now()}, {by}: {what}"))


def _count_anew(workspace: Workspace, person: int, note: str, *, retired: bool) -> int:
    """Take stock of every image that the person has answered about: how many answers count, and what follows."""
    answered = (
        sa.select(tasks.c.image_id)
        .join(submissions, submissions.c.task_id == tasks.c.id)
        .where(submissions.c.annotator_id == person)
        .distinct()
    )
    with workspace.catalog.read() as connection:
        touched = connection.execute(answered).scalars().all()
    for part in _parts(touched):
        with workspace.catalog.write() as connection:
            for image_id in part:
                _recount(connection, image_id)
                _decide_anew(connection, workspace, image_id, note, retired=retired)
    return len(touched)


def _recount(connection: Connection, image_id: str) -> None:
    counted = (
        sa.select(sa.func.count(submissions.c.annotator_id.distinct()))
        .join(annotators, annotators.c.id == submissions.c.annotator_id)
        .where(submissions.c.task_id == tasks.c.id, annotators.c.retired.is_(None))
        .scalar_subquery()
    )
    known = sa.exists().where(gold.c.task_id == tasks.c.id)
    of_image = (tasks.c.image_id == image_id, tasks.c.kind.in_(ANNOTATED), ~known)
    connection.execute(sa.update(tasks).where(*of_image).values(answers=counted))


def _decide_anew(connection: Connection, workspace: Workspace, image_id: str, note: str, *, retired: bool) -> None:
    state = sa.select(tasks.c.state).where(tasks.c.image_id == image_id, tasks.c.state == "gold").limit(1)
    if connection.execute(state).scalar() is not None:
        return
    if current_record(connection, image_id) is None:
        decide(connection, workspace, image_id)
    elif _stands(connection, workspace, image_id):
        settle(connection, image_id, ["retired"])
    elif retired or any(reason.cause == "retired" for reason in open_reasons(connection, image_id)):
        send_to_review(connection, image_id, note, cause="retired")
    look_again(connection, image_id, note)


def _stands(connection: Connection, workspace: Workspace, image_id: str) -> bool:
    """Whether those whose answers count would make the same record, or a reviewer has made it."""
    query = (
        sa.select(revisions.c.decided_by, revisions.c.content)
        .join(records, (records.c.id == revisions.c.record_id) & (records.c.revision == revisions.c.revision))
        .where(records.c.id == image_id)
    )
    row = connection.execute(query).one()
    if row.decided_by != AGREEMENT:
        return True
    answers = current_answers(connection, image_id)
    kind = majority(type_votes(answers), workspace.settings.queue.overlap)
    image = connection.execute(sa.select(images).where(images.c.id == image_id)).mappings().one()
    texts = [entry["text"] for entry in agreed_captions(workspace, image, kind, answers, {})]
    return kind == row.content["event"]["type"] and texts == [entry["text"] for entry in row.content["captions"]]


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _person(connection: Connection, name: str) -> int:
    known = connection.execute(sa.select(annotators.c.id).where(annotators.c.name == name)).scalar()
    if known is None:
        raise InputError(f"there is no annotator '{name}'", "Choose one of the team")
    return annotator_id(connection, name)


def _mark(connection: Connection, person: int, by: str, **values: str | None) -> None:
    change = sa.update(annotators).where(annotators.c.id == person)
    connection.execute(change.values(**values, changed_by=by, changed_at=now()))
