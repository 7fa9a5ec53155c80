"""Review: what a person decides where agreement cannot: a record, a rejection, or the question back to its writers."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from gatherset.annotate.annotators import annotator_id
from gatherset.annotate.answer import MAX_CAPTIONS, read_text
from gatherset.annotate.consensus import current_answers, type_votes, written_captions
from gatherset.annotate.reasons import review_task, send_to_review, settle
from gatherset.annotate.returns import drop_returns
from gatherset.annotate.submissions import RefusedError
from gatherset.annotate.suggestions import origins
from gatherset.dataset.catalog.tables import (
    annotators,
    decisions,
    drafts,
    images,
    leases,
    records,
    returns,
    submissions,
    tasks,
)
from gatherset.dataset.corrections import new_errors, said, withdraw_record
from gatherset.dataset.errors import InputError, SubmissionError
from gatherset.dataset.records import Record, add_revision, caption, current_record, make_record
from gatherset.dataset.suspects import settle_record
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

ACCEPTED, REJECTED, RETURNED = "accepted", "rejected", "returned"


@dataclass(frozen=True)
class Verdict:
    """What a reviewer decides of an image; incomplete while it is a draft."""

    is_gathering: bool = True
    event_type: str | None = None
    captions: tuple[str, ...] = ()
    reason: str = ""  # for those who come later; needed where a record changes

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "captions": list(self.captions)}


@dataclass(frozen=True)
class Decided:
    id: int
    new: bool  # False: this very decision was stored before


class ChangedError(SubmissionError):
    """Another reviewer has decided, or an annotator has answered, since the image was looked at."""


def read_verdict(given: Any) -> Verdict:
    """The verdict, or the draft of one, that a browser sent. Raises InputError for anything that is none."""
    try:
        verdict = Verdict(
            given["is_gathering"],
            given["event_type"],
            tuple(map(read_text, given["captions"])),
            read_text(given["reason"]),
        )
        if type(verdict.is_gathering) is not bool or len(verdict.captions) > MAX_CAPTIONS:
            raise TypeError("not a decision")
        if verdict.event_type is not None:
            read_text(verdict.event_type)
    except (TypeError, ValueError, KeyError) as error:
        raise InputError("what the page sent is no decision", "Reload the page") from error
    return verdict


def seen_version(connection: Connection, image_id: str) -> str:
    """What changes whenever somebody decides about the image or edits its record, and whose answers count as they are.

    The last of its three parts, between dots, speaks of the answers.
    """
    last = connection.execute(sa.select(sa.func.max(decisions.c.id)).where(decisions.c.image_id == image_id)).scalar()
    revision = connection.execute(sa.select(records.c.revision).where(records.c.id == image_id)).scalar()
    answers = [row["id"] for row in current_answers(connection, image_id)]
    return f"{last or 0}.{revision or 0}.{hashlib.sha256(repr(answers).encode()).hexdigest()[:12]}"


def is_settled_since(now_seen: str, version: str) -> bool:
    """Whether somebody has decided about the image or edited its record between the two versions of it."""
    return now_seen.rpartition(".")[0] != version.rpartition(".")[0]


def decide_review(
    workspace: Workspace, image_id: str, reviewer: str, verdict: Verdict, *, key: str, version: str
) -> Decided:
    """Store what the reviewer decides, in one move: the record or the rejection, who, when, and from which answers.

    `version` is what `seen_version` gave when the reviewer looked; `key` is chosen by the sender, sending it again
    changes nothing. Raises RefusedError where the record would break a rule, ChangedError where it is not the same
    any more, InputError where a record would change without a reason.
    """
    with workspace.catalog.write() as connection:
        if (known := _decided(connection, key)) is not None:
            return known
        _require_version(connection, image_id, version)
        answers = current_answers(connection, image_id)
        before = current_record(connection, image_id)
        revision = None
        if verdict.is_gathering:
            revision = _accept(connection, workspace, image_id, reviewer, verdict, answers, before)
        elif before is not None:
            withdraw_record(connection, image_id, said(verdict.reason, "Say why the record leaves"), reviewer)
        kind, rejected = (ACCEPTED, None) if verdict.is_gathering else (REJECTED, now())
        connection.execute(sa.update(images).where(images.c.id == image_id).values(rejected=rejected))
        of_image = (tasks.c.image_id == image_id, tasks.c.state != "gold")
        connection.execute(sa.update(tasks).where(*of_image).values(state="done"))
        settle(connection, image_id)
        settle_record(connection, image_id, reviewer)
        drop_returns(connection, image_id)
        _let_go(connection, image_id)
        return _store(connection, image_id, key, kind, answers, verdict.reason, reviewer, revision)


def send_back(
    workspace: Workspace, image_id: str, reviewer: str, names: Sequence[str], comment: str, *, key: str, version: str
) -> Decided:
    """Give the image back to the annotators `names` with a comment; the review waits until all have answered again.

    Raises InputError without a comment or for somebody who has not answered, ChangedError as `decide_review` does.
    """
    comment = said(comment, "Say what they should look at")
    with workspace.catalog.write() as connection:
        if (known := _decided(connection, key)) is not None:
            return known
        _require_version(connection, image_id, version)
        answers = current_answers(connection, image_id)
        asked = [row for row in answers if row["name"] in names]
        if not asked or {row["name"] for row in asked} != set(names):
            raise InputError("nobody of that name has answered about this image", "Choose among those who have")
        decided = _store(connection, image_id, key, RETURNED, answers, comment, reviewer, None)
        for row in _in_dispute(answers, asked):
            again = {"decision_id": decided.id, "task_id": row["task_id"], "annotator_id": row["person"]}
            connection.execute(sa.insert(returns).values(again))
        # A reason of its own: without one an image that was opened by hand would be nobody's once it is answered.
        note = f"{reviewer} asked {', '.join(sorted(names))}: {comment}"
        send_to_review(connection, image_id, note, cause="returned")
        _let_go(connection, image_id)
        return decided


def _in_dispute(answers: Sequence[RowMapping], asked: Sequence[RowMapping]) -> list[RowMapping]:
    """Those of `asked` to whose task the annotators said different things; of who has none such, the last answer."""
    said_to: defaultdict[int, set[tuple[Any, ...]]] = defaultdict(set)
    for row in answers:
        answer = row["answer"]
        said_to[row["task_id"]].add((answer["is_gathering"], answer["event_type"], tuple(answer["captions"])))
    disputed = [row for row in asked if len(said_to[row["task_id"]]) > 1]
    people = {row["person"] for row in disputed}
    return disputed + [row for person, row in {r["person"]: r for r in asked}.items() if person not in people]


def _accept(
    connection: Connection,
    workspace: Workspace,
    image_id: str,
    reviewer: str,
    verdict: Verdict,
    answers: Sequence[RowMapping],
    before: Record | None,
) -> int:
    """Write the record that the verdict makes; returns the number of its revision, the old one if nothing changed."""
    image = connection.execute(sa.select(images).where(images.c.id == image_id)).mappings().one()
    texts = [text.strip() for text in verdict.captions]
    kind = verdict.event_type
    if kind is None:
        raise InputError("no event type is chosen", "Choose one, or say that it is not a gathering")
    everything = _all_answers(connection, image_id)
    known = _known_captions(image, everything, before, origins(connection, image_id, everything))
    own = caption("", origin="human", author=_pseudonym(connection, reviewer), verified=True)
    entries = [known.get(text, {**own, "text": text}) for text in texts]
    votes = _supporting(type_votes(answers), kind, workspace)
    if before is None:
        record = make_record(image, kind, votes, entries)
    else:
        if kind == before["event"]["type"]:
            votes = before["event"]["votes"]
        said_of_it = {"event": {"type": kind, "votes": votes}, "captions": entries}
        record = {**before, **said_of_it, "flags": sorted(image["flags"])}
        if record == before:
            return int(connection.execute(sa.select(records.c.revision).where(records.c.id == image_id)).scalar_one())
    if refused := new_errors(workspace, before, record):
        raise RefusedError(refused)
    if before is None:
        reason = verdict.reason.strip() or "a reviewer decided"
    elif {**record, "flags": before["flags"]} == before:
        reason = verdict.reason.strip() or f"flags: {', '.join(record['flags']) or 'none'}"
    else:
        reason = said(verdict.reason, "Say why the record changes")
    used = [row["id"] for row in answers if _contributes(row, kind, texts)]
    return add_revision(connection, record, submissions=used, reason=reason, decided_by=reviewer)


def _supporting(votes: Mapping[str, int], kind: str, workspace: Workspace) -> dict[str, int]:
    """The votes where they carry the type; none where a person has decided against or without them (GS402)."""
    known = {name: count for name, count in votes.items() if name in workspace.taxonomy.names}
    own = known.get(kind, 0)
    return known if all(count < own for name, count in known.items() if name != kind) else {}


def _contributes(row: RowMapping, kind: str, texts: Sequence[str]) -> bool:
    answer = row["answer"]
    wrote = any(text.strip() in texts for text in answer["captions"])
    return wrote or answer["event_type"] == kind or (answer["is_gathering"] is True and not answer["event_type"])


def _known_captions(
    image: RowMapping, answers: Sequence[RowMapping], before: Record | None, origins: Mapping[int, str]
) -> dict[str, dict[str, Any]]:
    """{text: the caption as it is known}: whose it is, and whether a machine wrote it.

    A text stays its writer's, though they have replaced it since or their work was retired. What the record has
    already stays as it is: only to have looked at it is no correction.
    """
    known = {entry["text"].strip(): {**entry, "verified": True} for entry in image["captions"]}
    for row in answers:
        for entry in written_captions(row, image, origins):
            known.setdefault(entry["text"].strip(), entry)
    for entry in before["captions"] if before else ():
        known[entry["text"].strip()] = dict(entry)
    return {text: {**entry, "text": text} for text, entry in known.items()}


def _all_answers(connection: Connection, image_id: str) -> Sequence[RowMapping]:
    """The answers to the image's tasks, those that count first: what is still said goes before what was."""
    counting = current_answers(connection, image_id)
    query = (
        sa.select(submissions.c.id, submissions.c.answer, tasks.c.kind, annotators.c.pseudonym)
        .join(tasks, tasks.c.id == submissions.c.task_id)
        .join(annotators, annotators.c.id == submissions.c.annotator_id)
        .where(tasks.c.image_id == image_id, submissions.c.id.not_in([row["id"] for row in counting]))
        .order_by(submissions.c.id)
    )
    return [*counting, *connection.execute(query).mappings()]


def _pseudonym(connection: Connection, name: str) -> str:
    person = annotator_id(connection, name)
    return str(connection.execute(sa.select(annotators.c.pseudonym).where(annotators.c.id == person)).scalar_one())


def _decided(connection: Connection, key: str) -> Decided | None:
    known = connection.execute(sa.select(decisions.c.id).where(decisions.c.key == key)).scalar()
    return None if known is None else Decided(known, new=False)


def _require_version(connection: Connection, image_id: str, version: str) -> None:
    if connection.execute(sa.select(images.c.id).where(images.c.id == image_id)).scalar() is None:
        raise InputError(f"there is no image {image_id}", "Take the next one")
    why = connection.execute(sa.select(records.c.withdrawn).where(records.c.id == image_id)).scalar()
    if why is not None:
        raise InputError(f"the record {image_id} was withdrawn: {why}", "To take it back: gatherset record restore")
    if seen_version(connection, image_id) != version:
        raise changed(connection, image_id, version)


def changed(connection: Connection, image_id: str, version: str) -> ChangedError:
    """What has changed about the image since a reviewer saw `version` of it."""
    query = sa.select(decisions).where(decisions.c.image_id == image_id).order_by(decisions.c.id.desc()).limit(1)
    last = connection.execute(query).one_or_none()
    if last is not None and int(version.partition(".")[0] or 0) != last.id:
        what = {ACCEPTED: "has decided about this image", REJECTED: "has rejected this image"}
        what[RETURNED] = "has sent this image back to its annotators"
        return ChangedError(f"{last.decided_by} {what[last.kind]} meanwhile", "Look at it again before you decide")
    return ChangedError(
        "an annotator has answered, or the record was edited, since you looked", "Look at it again before you decide"
    )


def _store(
    connection: Connection,
    image_id: str,
    key: str,
    kind: str,
    answers: Sequence[RowMapping],
    comment: str,
    reviewer: str,
    revision: int | None,
) -> Decided:
    row = sa.insert(decisions).values(
        image_id=image_id,
        key=key,
        kind=kind,
        seen=[answer["id"] for answer in answers],
        revision=revision,
        comment=comment.strip(),
        decided_by=reviewer,
        decided_at=now(),
    )
    made = connection.execute(row.returning(decisions.c.id)).scalar_one()
    return Decided(made, new=True)


def _let_go(connection: Connection, image_id: str) -> None:
    """Forget what all reviewers have begun to decide about the image, and who holds it."""
    review = review_task(connection, image_id)
    connection.execute(sa.delete(drafts).where(drafts.c.task_id == review))
    connection.execute(sa.delete(leases).where(leases.c.task_id == review))
