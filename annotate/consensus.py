"""Consensus: what follows from the answers to an image: a record, a rejection, one more opinion, or a review."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from gatherset.annotate.answer import IS_CURRENT
from gatherset.annotate.reasons import SETTLED_BY_AGREEMENT, is_returned, send_to_review, settle
from gatherset.annotate.suggestions import origins
from gatherset.dataset.catalog.tables import annotators, decisions, images, records, submissions, tasks
from gatherset.dataset.records import Record, add_revision, caption, make_record
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.suggestions import MODEL
from gatherset.dataset.timestamps import now
from gatherset.dataset.validation import record_errors
from gatherset.dataset.workspace import Workspace

AGREEMENT = "agreement"  # who decided, where no reviewer did
# What annotators say about the image itself; "unsure" is about the annotator and stays with the answer.
IMAGE_FLAGS = frozenset({"sensitive", "wrong_orientation", "personal_data"})
# Composed once: putting this statement together costs several times what running it does.
_CURRENT_ANSWERS = (
    sa.select(
        submissions.c.id,
        submissions.c.answer,
        tasks.c.kind,
        submissions.c.task_id,
        submissions.c.submitted_at,
        annotators.c.id.label("person"),
        annotators.c.name,
        annotators.c.pseudonym,
    )
    .join(tasks, tasks.c.id == submissions.c.task_id)
    .join(annotators, annotators.c.id == submissions.c.annotator_id)
    .where(
        tasks.c.image_id == sa.bindparam("image"),
        annotators.c.retired.is_(None),
        IS_CURRENT,
    )
    .order_by(submissions.c.id)
)
_RECORD = sa.select(records.c.id).where(records.c.id == sa.bindparam("image"))
_IMAGE = sa.select(images).where(images.c.id == sa.bindparam("image"))
_FLAGS = sa.select(images.c.flags).where(images.c.id == sa.bindparam("image"))
_TASKS = sa.select(tasks).where(tasks.c.image_id == sa.bindparam("image"))
_LAST_DECISION = (
    sa.select(decisions.c.kind)
    .where(decisions.c.image_id == sa.bindparam("image"))
    .order_by(decisions.c.id.desc())
    .limit(1)
)


def majority(votes: Mapping[Any, int], needed: int) -> Any:
    """What more than half of at least `needed` votes say; None while there is no such thing."""
    total = sum(votes.values())
    winner, count = max(votes.items(), key=lambda item: item[1], default=(None, 0))
    return winner if total >= needed and 2 * count > total else None


def decide(connection: Connection, workspace: Workspace, image_id: str) -> None:
    """Bring the tasks of an image up to date with its answers, and make its record when all is agreed.

    What exists as a record or was rejected by a reviewer stays as it is: only a review changes it. What was sent back
    waits until all have answered who were asked: they may move to another answer than the first of them. What
    annotators flag holds for the image at once.
    """
    answers = current_answers(connection, image_id)
    _take_flags(connection, image_id, answers)
    if is_returned(connection, image_id):
        return
    if connection.execute(_RECORD, {"image": image_id}).scalar() is not None:
        return
    if connection.execute(_LAST_DECISION, {"image": image_id}).scalar() == "rejected":
        return
    image = connection.execute(_IMAGE, {"image": image_id}).mappings().one()
    own_tasks = {row.kind: row for row in connection.execute(_TASKS, {"image": image_id})}
    needed = workspace.settings.queue.overlap
    screened = "screen" in own_tasks
    gathering = majority(gathering_votes(answers, screened=screened), needed)
    event_votes = type_votes(answers)
    event_type = majority(event_votes, needed)
    rejected = now() if gathering is False else None
    if bool(rejected) != bool(image["rejected"]):
        connection.execute(sa.update(images).where(images.c.id == image_id).values(rejected=rejected))
    if rejected:
        connection.execute(sa.update(tasks).where(tasks.c.image_id == image_id).values(state="done"))
        settle(connection, image_id)
        return
    typed = event_type is not None and (screened or gathering is True)
    captions = agreed_captions(workspace, image, event_type, answers, origins(connection, image_id, answers))
    enough = "caption" not in own_tasks or len(captions) >= workspace.settings.captions_per_image
    settled = {"screen": gathering is True, "event": typed, "caption": typed and enough}
    for kind, task in own_tasks.items():
        if kind in settled:
            # The type of a screened image, or its captions, are asked once it is known to be a gathering.
            unsettled = "waiting" if kind != "screen" and screened and gathering is None else "open"
            _advance(connection, workspace, task, "done" if settled[kind] else unsettled)
    if gathering is True and event_type is not None and enough:
        record = make_record(image, event_type, event_votes, captions)
        _keep(connection, workspace, record, [row["id"] for row in answers])


def _take_flags(connection: Connection, image_id: str, answers: Sequence[RowMapping]) -> None:
    """What annotators flag holds for the image until they take it back; what it came with is not theirs to take."""
    known = set(connection.execute(_FLAGS, {"image": image_id}).scalar_one())
    said = {flag for row in answers for flag in row["answer"]["flags"]} & IMAGE_FLAGS
    flags = known | said
    if left := (known & IMAGE_FLAGS) - said:
        ever = sa.select(submissions.c.answer).join(tasks).where(tasks.c.image_id == image_id)
        flags -= {flag for answer in connection.execute(ever).scalars() for flag in answer["flags"]} & left
    if flags == known:
        return
    connection.execute(sa.update(images).where(images.c.id == image_id).values(flags=sorted(flags)))
    if flags - known:
        named = ", ".join(sorted(flags - known)).replace("_", " ")
        send_to_review(connection, image_id, f"flagged: {named}", cause="flag")
    elif not flags & IMAGE_FLAGS:
        settle(connection, image_id, ["flag"])


def current_answers(connection: Connection, image_id: str) -> Sequence[RowMapping]:
    """The answers to an image's tasks that no later one of the same annotator supersedes, oldest first."""
    return connection.execute(_CURRENT_ANSWERS, {"image": image_id}).mappings().all()


def gathering_votes(answers: Sequence[RowMapping], *, screened: bool) -> Counter[bool]:
    """One vote an annotator, the latest. Where nobody screens, choosing a type says that it is a gathering."""
    votes: dict[int, bool] = {}
    for row in answers:
        said = row["answer"]["is_gathering"]
        if said is None and not screened and row["answer"]["event_type"]:
            said = True
        if said is not None:
            votes[row["person"]] = said
    return Counter(votes.values())


def type_votes(answers: Sequence[RowMapping]) -> Counter[str]:
    """One vote an annotator, the latest type that they did not choose in an answer that says it is no gathering."""
    votes: dict[int, str] = {}
    for row in answers:
        answer = row["answer"]
        if answer["event_type"] and answer["is_gathering"] is not False:
            votes[row["person"]] = answer["event_type"]
    return Counter(votes.values())


def _advance(connection: Connection, workspace: Workspace, task: Any, state: str) -> None:
    """Give the task its new state; one that all have answered without agreeing asks one more, or a reviewer."""
    values: dict[str, Any] = {"state": state}
    if state != "done" and task.answers >= task.overlap:
        if task.overlap < workspace.settings.asked(task.kind)[1]:
            values["overlap"] = task.overlap + 1
        else:
            note = f"{task.answers} annotators disagree on the {task.kind} task"
            send_to_review(connection, task.image_id, note, evidence=task.kind)
            values["state"] = "done"
    if any(getattr(task, name) != value for name, value in values.items()):
        connection.execute(sa.update(tasks).where(tasks.c.id == task.id).values(values))


def _keep(connection: Connection, workspace: Workspace, record: Record, ids: Sequence[int]) -> None:
    """Keep the record that the submissions `ids` make, or send it to review where it breaks a rule."""
    context = Context(workspace.settings, workspace.taxonomy, splits_assigned=False)
    if findings := record_errors(record, context):
        note = "; ".join(f"{finding.rule}: {finding.message}" for finding in findings)
        send_to_review(connection, record["id"], note, cause="rule")
        return
    add_revision(connection, record, submissions=ids, reason="the annotators agree", decided_by=AGREEMENT)
    settle(connection, record["id"], SETTLED_BY_AGREEMENT)
    votes, own = record["event"]["votes"], record["event"]["votes"].get(record["event"]["type"], 0)
    if own < workspace.settings.rules.min_agreement * sum(votes.values()):
        note = f"{own} of {sum(votes.values())} votes went to {record['event']['type']}"
        send_to_review(connection, record["id"], note, cause="low agreement")


def agreed_captions(
    workspace: Workspace,
    image: RowMapping,
    event_type: str | None,
    answers: Sequence[RowMapping],
    origins: Mapping[int, str],
) -> list[dict[str, Any]]:
    """The captions that the answers give the image; the imported ones where nobody wrote or corrected any.

    Where an annotator writes all of them, those of the first who chose the agreed type; where each writes one, the
    first of each until there are enough.
    """
    written = [row for row in answers if row["answer"]["captions"] and row["answer"]["is_gathering"] is not False]
    if workspace.settings.captions_per_submission == 1 and any(row["kind"] == "caption" for row in written):
        singles = [written_captions(row, image, origins)[0] for row in written if row["kind"] == "caption"]
        return singles[: workspace.settings.captions_per_image]
    for row in written:
        if row["answer"]["event_type"] == event_type:
            return written_captions(row, image, origins)
    return [dict(entry) for entry in image["captions"]]


def written_captions(row: RowMapping, image: RowMapping, origins: Mapping[int, str]) -> list[dict[str, Any]]:
    """The captions of an answer with their origins: own words, a suggestion taken over, or imported and kept.

    `origins` are those of the image's suggestions.
    """
    imported = {entry["text"]: entry for entry in image["captions"]} if row["kind"] == "event" else {}
    taken = row["answer"].get("suggested", [])
    entries = []
    for number, text in enumerate(row["answer"]["captions"]):
        if text in imported:
            entries.append({**imported[text], "verified": True})  # read, and kept, by the one who corrected the others
        elif number < len(taken) and taken[number] is not None:
            entries.append(caption(text, origin=origins.get(taken[number], MODEL), author=None, verified=True))
        else:
            entries.append(caption(text, origin="human", author=row["pseudonym"], verified=True))
    return entries
