"""The review desk: all that lies before a reviewer at once: what each annotator said, what is proposed, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from gatherset.annotate.annotators import annotator_id
from gatherset.annotate.consensus import agreed_captions, current_answers, gathering_votes, majority, type_votes
from gatherset.annotate.desk import image_url, original_url, shown
from gatherset.annotate.drafts import Draft, read_draft
from gatherset.annotate.leases import lease
from gatherset.annotate.queue import SENSITIVE
from gatherset.annotate.reasons import CAUSES, open_reasons, review_task
from gatherset.annotate.review import Verdict, changed, is_settled_since, seen_version
from gatherset.annotate.review_queue import next_review, waiting_reviews
from gatherset.dataset.catalog.tables import annotators, decisions, drafts, images, records, revisions, skips, tasks
from gatherset.dataset.errors import InputError, SubmissionError
from gatherset.dataset.records import Record, current_record
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.submission import caption_findings
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


class NewerVerdictError(SubmissionError):
    """Another tab of the reviewer has saved a newer draft; `revision` and `content` are its."""

    def __init__(self, revision: int, content: dict[str, Any]) -> None:
        self.revision, self.content = revision, content
        super().__init__(
            "this image is open in another tab, which has saved newer text", "Take that text, or keep this one"
        )


def next_review_desk(workspace: Workspace, reviewer: str, *, later: Sequence[int] = ()) -> dict[str, Any]:
    """The desk with the reviewer's next image; `review` is None where nothing is left for them."""
    image_id = next_review(workspace, reviewer, later=later)
    if image_id is None:
        return {"review": None, "waiting": _waiting(workspace)}
    return review_desk(workspace, reviewer, image_id)


def opened_desk(workspace: Workspace, reviewer: str, wanted: str) -> dict[str, Any]:
    """The desk with a record, or any image, at any time: named by its id, or by the name of its file.

    Raises InputError where it is not one image, or a record that was withdrawn.
    """
    with workspace.catalog.write() as connection:
        named = sa.select(images.c.id).where((images.c.id == wanted) | (images.c.ref == wanted)).limit(2)
        found = connection.execute(named).scalars().all()
        if len(found) != 1:
            what = "no image is" if not found else "more than one image is"
            raise InputError(f"{what} called '{wanted}'", "Give its id (gs-…), or the name of its file")
        why = connection.execute(sa.select(records.c.withdrawn).where(records.c.id == found[0])).scalar()
        if why is not None:
            raise InputError(f"the record {found[0]} was withdrawn: {why}", "To take it back: gatherset record restore")
        review_task(connection, found[0])  # a draft needs a task to belong to
    return review_desk(workspace, reviewer, found[0], opened=True)


def review_desk(workspace: Workspace, reviewer: str, image_id: str, *, opened: bool = False) -> dict[str, Any]:
    """The desk with this image; `opened`: the reviewer asked for it, the queue did not hand it out."""
    with workspace.catalog.write() as connection:
        task = review_task(connection, image_id)
        person = annotator_id(connection, reviewer)
        image = connection.execute(sa.select(images).where(images.c.id == image_id)).mappings().one()
        answers = current_answers(connection, image_id)
        record = current_record(connection, image_id)
        version = seen_version(connection, image_id)
        draft = _own_draft(connection, task, person, version)
        desk = {
            "task": task,
            "image_id": image_id,
            "ref": image["ref"],
            "image": image_url(image["sha256"], image["format"]),
            "original": original_url(image["sha256"], image["format"]),
            "sensitive": SENSITIVE in image["flags"],
            "flags": list(image["flags"]),
            "rejected": image["rejected"] is not None,
            "opened": opened,
            "reasons": [{**asdict(one), "title": CAUSES[one.cause]} for one in open_reasons(connection, image_id)],
            "opinions": opinions(answers),
            "skips": _skips(connection, image_id),
            "imported": [entry["text"] for entry in image["captions"]],
            "record": _shown_record(connection, record),
            "history": _history(connection, image_id),
            "proposal": proposal(connection, workspace, image, answers, record).document(),
            "draft": asdict(draft) if draft else None,
            "version": version,
        }
    return {"review": desk, "waiting": _waiting(workspace)}


def opinions(answers: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """What each annotator says of the image in all of their tasks together, the first to answer first."""
    found: dict[str, dict[str, Any]] = {}
    for row in answers:
        answer = row["answer"]
        one = found.setdefault(
            row["name"],
            {"annotator": row["name"], "is_gathering": None, "event_type": None, "captions": [], "flags": []}
            | {"confidence": None, "note": "", "overruled": [], "submissions": []},
        )
        one["submissions"].append(row["id"])
        one["at"] = row["submitted_at"]
        for name in ("is_gathering", "event_type", "confidence"):
            one[name] = answer[name] if answer[name] is not None else one[name]
        for name in ("captions", "note"):
            one[name] = answer[name] or one[name]
        one["flags"] = sorted({*one["flags"], *answer["flags"]})
        one["overruled"] = [*one["overruled"], *answer.get("overruled", [])]
    return list(found.values())


def proposal(
    connection: Connection,
    workspace: Workspace,
    image: RowMapping,
    answers: Sequence[RowMapping],
    record: Record | None,
) -> Verdict:
    """What the reviewer starts from: the record where there is one, else what most annotators say."""
    count = workspace.settings.captions_per_image

    def filled(texts: Sequence[str]) -> tuple[str, ...]:
        return tuple([*texts, *[""] * count][: max(count, len(texts))])

    if record is not None:
        return Verdict(True, record["event"]["type"], filled([entry["text"] for entry in record["captions"]]))
    has_screen = sa.select(tasks.c.id).where(tasks.c.image_id == image["id"], tasks.c.kind == "screen")
    screened = connection.execute(has_screen).scalar() is not None
    votes = type_votes(answers)
    kind = majority(votes, 1)
    kind = kind if kind in workspace.taxonomy.names else None
    captions = agreed_captions(workspace, image, kind, answers, {})  # their texts alone
    if not captions:
        written = (row["answer"]["captions"] for row in answers if row["answer"]["captions"])
        captions = [{"text": text} for text in next(written, [])]
    gathering = majority(gathering_votes(answers, screened=screened), 1)
    return Verdict(gathering is not False, kind, filled([entry["text"] for entry in captions]))


def save_verdict(
    workspace: Workspace, image_id: str, reviewer: str, verdict: Verdict, *, revision: int, version: str
) -> int:
    """Keep the reviewer's draft, which goes on from the draft `revision` (0: the first); returns its number.

    `version` is what `seen_version` gave when the reviewer looked. Raises NewerVerdictError where another tab was
    quicker, ChangedError where somebody has decided meanwhile.
    """
    with workspace.catalog.write() as connection:
        if connection.execute(sa.select(images.c.id).where(images.c.id == image_id)).scalar() is None:
            raise InputError(f"there is no image {image_id}", "Take the next one")
        if is_settled_since(seen_version(connection, image_id), version):
            raise changed(connection, image_id, version)
        task, person = review_task(connection, image_id), annotator_id(connection, reviewer)
        there = _own_draft(connection, task, person, version)
        if there is not None and there.revision != revision and there.content != verdict.document():
            raise NewerVerdictError(there.revision, there.content)
        number = there.revision + 1 if there else 1
        own = (drafts.c.task_id == task, drafts.c.annotator_id == person)
        connection.execute(sa.delete(drafts).where(*own))
        content = {**verdict.document(), "seen": version}
        row = {"task_id": task, "annotator_id": person, "revision": number, "content": content, "saved_at": now()}
        connection.execute(sa.insert(drafts).values(row))
        if connection.execute(sa.select(tasks.c.state).where(tasks.c.id == task)).scalar() == "open":
            lease(connection, workspace, task, person)
        return number


def _own_draft(connection: Connection, task: int, person: int, version: str) -> Draft | None:
    """The reviewer's draft; None where somebody has decided about the image since it was begun."""
    draft = read_draft(connection, task, person)
    if draft is None or is_settled_since(version, draft.content.get("seen", version)):
        return None
    return replace(draft, content={name: said for name, said in draft.content.items() if name != "seen"})


def verdict_remarks(workspace: Workspace, verdict: Verdict) -> list[dict[str, Any]]:
    """What the rules say of the captions that a record would get, each with the box it belongs under."""
    if not verdict.is_gathering:
        return []
    context = Context(workspace.settings, workspace.taxonomy)
    texts = [text.strip() for text in verdict.captions]
    return shown(caption_findings(texts, context, "the record", wanted=workspace.settings.captions_per_image))


def _waiting(workspace: Workspace) -> list[dict[str, Any]]:
    with workspace.catalog.read() as connection:
        return [{"title": CAUSES[cause], "count": count} for cause, count in waiting_reviews(connection).items()]


def _skips(connection: Connection, image_id: str) -> list[dict[str, str]]:
    query = (
        sa.select(annotators.c.name, skips.c.reason)
        .join(annotators, annotators.c.id == skips.c.annotator_id)
        .join(tasks, tasks.c.id == skips.c.task_id)
        .where(tasks.c.image_id == image_id)
    )
    return [{"annotator": row.name, "reason": row.reason} for row in connection.execute(query)]


def _shown_record(connection: Connection, record: Record | None) -> Mapping[str, Any] | None:
    if record is None:
        return None
    query = sa.select(revisions).where(revisions.c.record_id == record["id"]).order_by(revisions.c.revision.desc())
    row = connection.execute(query.limit(1)).one()
    return {
        "revision": row.revision,
        "decided_by": row.decided_by,
        "reason": row.reason,
        "at": row.created_at,
        "split": record["split"],
        "event_type": record["event"]["type"],
        "captions": [entry["text"] for entry in record["captions"]],
    }


def _history(connection: Connection, image_id: str) -> list[dict[str, str]]:
    query = sa.select(decisions).where(decisions.c.image_id == image_id).order_by(decisions.c.id)
    return [
        {"kind": row.kind, "by": row.decided_by, "at": row.decided_at, "comment": row.comment}
        for row in connection.execute(query)
    ]
