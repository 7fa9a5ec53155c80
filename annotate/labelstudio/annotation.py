"""An annotation as it came back: read, checked by the rules of the app, and stored, or kept with what is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.accounts import digest_of
from gatherset.annotate.annotators import annotator_id, checked_name
from gatherset.annotate.answer import Answer, check_answer
from gatherset.annotate.labelstudio.client import Client, Json
from gatherset.annotate.labelstudio.links import Link
from gatherset.annotate.labelstudio.results import read_results
from gatherset.annotate.labelstudio.states import MENDED, REFUSED, SKIPPED, STORED, SURPLUS
from gatherset.annotate.leases import has_place
from gatherset.annotate.queue import skip_for
from gatherset.annotate.submissions import store
from gatherset.dataset.catalog.tables import labelstudio_annotations, skips, submissions
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.findings import Finding
from gatherset.dataset.submission import captions_wanted
from gatherset.dataset.timestamps import FORMAT, now
from gatherset.dataset.workspace import Workspace

SKIP_REASON = "skipped in Label Studio"


@dataclass
class Pulled:
    read: int = 0  # annotations that were new or changed there
    stored: int = 0  # submissions
    refused: int = 0  # they break a rule
    surplus: int = 0  # their task had no place left
    skipped: int = 0
    sent_back: int = 0  # to their annotators, with the reason
    deleted: int = 0  # annotations that are gone there
    gone: int = 0  # tasks that are gone there
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Annotation:
    """An annotation as it came back."""

    remote: int
    task: int  # its number here
    author: str
    results: Any
    cancelled: bool
    started_at: str | None
    submitted_at: str
    changed_at: str  # to the microsecond, as it is there
    digest: str  # of the results

    @property
    def kept(self) -> Json:
        return {"result": self.results, "was_cancelled": self.cancelled, "submitted_at": self.submitted_at}


def annotations_in(document: Json, task: Any, people: Mapping[int, str], link: Link) -> Iterator[Annotation]:
    """The annotations of a task, the oldest first: where one person gave two, the later one holds."""
    given = document.get("annotations") or ()
    for annotation in sorted(given, key=lambda one: (str(one.get("updated_at")), one["id"])):
        results = annotation.get("result")
        moment = str(annotation.get("updated_at") or annotation.get("created_at") or "")
        submitted = _time(moment)
        lead = annotation.get("lead_time")
        started = None
        if isinstance(lead, int | float) and 0 <= lead < 10**8:
            started = (submitted - timedelta(seconds=lead)).strftime(FORMAT)
        yield Annotation(
            remote=int(annotation["id"]),
            task=task.id,
            author=_author(annotation.get("completed_by"), people, link),
            results=results,
            cancelled=bool(annotation.get("was_cancelled")),
            started_at=started,
            submitted_at=submitted.strftime(FORMAT),
            changed_at=moment,
            digest=hashlib.sha256(json.dumps(results, sort_keys=True).encode()).hexdigest()[:32],
        )


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.now(UTC)
    return moment.astimezone(UTC)


def _author(completed_by: Any, people: Mapping[int, str], link: Link) -> str:
    """The annotator's name here: what the link says of their e-mail, or of its digest (who was erased), else that."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    name = completed_by if isinstance(completed_by, str) else people.get(completed_by, f"Label Studio {completed_by}")
    return link.people.get(name) or link.people.get(digest_of(name), name)


def is_news(known: Any, returned: Annotation) -> bool:
    """Whether the annotation says something else than when it was last pulled."""
    if known is None or known.deleted_at is not None or known.digest != returned.digest:
        return True
    if known.task_id != returned.task:
        return True  # the number of one that was deleted, given again
    if known.state == SURPLUS:
        return not returned.cancelled
    if known.state in (REFUSED, MENDED):
        return not returned.cancelled and known.sent_back_at is not None  # sent back, and given again as it was
    return bool((known.state == SKIPPED) != returned.cancelled)


def check(
    workspace: Workspace, client: Client, link: Link, task: Any, known: Any, returned: Annotation
) -> tuple[Annotation, Answer | None, list[Finding]]:
    """What was returned, the answer that it is, None where it cannot be stored, and what is wrong with it."""
    where = f"annotation {returned.remote} of task {task.remote} in Label Studio ({task.image_id}, {returned.author})"
    try:
        checked_name(returned.author)
    except SubmissionError as error:
        return replace(returned, cancelled=False), None, [Finding("GS101", "error", where, error.what, error.next_step)]
    # What was sent back counts as skipped there. Changed since, it is an answer again, whatever it counts as.
    mended = known is not None and known.state in (REFUSED, MENDED) and known.digest != returned.digest
    if returned.cancelled and not mended:
        return returned, None, []
    wanted = captions_wanted(workspace.settings, link.kind)
    read = read_results(returned.results, link.kind, [entry["text"] for entry in task.captions], where, wanted=wanted)
    if isinstance(read, list):
        return replace(returned, cancelled=False), None, read
    found = [replace(finding, where=where) for finding in check_answer(workspace, read)]
    wrong = [finding for finding in found if finding.level == "error"]
    if returned.cancelled and not wrong:
        client.change_annotation(returned.remote, was_cancelled=False)  # before it is stored: cut off, it comes again
    return replace(returned, cancelled=False), None if wrong else read, wrong


def take(
    connection: Connection,
    workspace: Workspace,
    link: Link,
    returned: Annotation,
    answer: Answer | None,
    findings: list[Finding],
    known: Mapping[int, Any],
    counts: Pulled,
) -> None:
    """Store the answer, or keep what was returned and why it is not stored; `known`: what was known of its task."""
    submission, before = None, known.get(returned.remote)
    if returned.cancelled:
        state = SKIPPED
        counts.skipped += 1
        _lay_aside(connection, workspace, returned)
    elif answer is None:
        state = REFUSED
        counts.refused += 1
        counts.findings += findings
    else:
        submission, late = _store(connection, workspace, link, returned, answer, counts)
        state = SURPLUS if submission is None else STORED
        if state == SURPLUS and before is not None and before.state == SURPLUS and before.digest == returned.digest:
            return  # there is still no place for it
        counts.surplus += submission is None
        if state == STORED and (counts.refused or any(row.state == REFUSED for row in known.values())):
            _mend(connection, link, returned)
        if late:
            message = (
                f"{returned.author} contradicts the record of task {returned.task}; it is kept, but changes nothing"
            )
            where = f"annotation {returned.remote} in Label Studio"
            counts.findings.append(Finding("GS402", "warning", where, message, "A review can change the record"))
    counts.read += 1
    values: dict[str, Any] = {
        "task_id": returned.task,
        "author": returned.author,
        "state": state,
        "digest": returned.digest,
        "returned": None if state == STORED else returned.kept,
        "findings": [asdict(finding) for finding in findings],
        "sent_back_at": None,
        "pulled_at": now(),
        "deleted_at": None,
    }
    if submission is not None or before is None or before.task_id != returned.task:
        values["submission_id"] = submission
    if before is None:
        own_row = {"project_id": link.id, "remote": returned.remote, **values}
        connection.execute(sa.insert(labelstudio_annotations), own_row)
    else:
        own = (labelstudio_annotations.c.project_id == link.id, labelstudio_annotations.c.remote == returned.remote)
        connection.execute(sa.update(labelstudio_annotations).where(*own).values(values))


def _lay_aside(connection: Connection, workspace: Workspace, returned: Annotation) -> None:
    """Skip the task for its author, unless they have answered it: a submission stays, and counts."""
    person = annotator_id(connection, returned.author)
    own = (submissions.c.task_id == returned.task, submissions.c.annotator_id == person)
    if connection.execute(sa.select(submissions.c.id).where(*own).limit(1)).scalar() is None:
        skip_for(connection, workspace, returned.task, person, SKIP_REASON)


def _mend(connection: Connection, link: Link, returned: Annotation) -> None:
    """What the author was sent back of this task is settled: they have answered it anew."""
    there = labelstudio_annotations
    own = (there.c.project_id == link.id, there.c.task_id == returned.task, there.c.author == returned.author)
    connection.execute(sa.update(there).where(*own, there.c.state == REFUSED).values(state=MENDED))


_TAKEN_UP = sa.delete(skips).where(
    skips.c.task_id == sa.bindparam("task"),
    skips.c.annotator_id == sa.bindparam("person"),
    skips.c.reason == SKIP_REASON,
)


def _store(
    connection: Connection, workspace: Workspace, link: Link, returned: Annotation, answer: Answer, counts: Pulled
) -> tuple[int | None, bool]:
    """(the submission, whether it contradicts the image's record); None where the annotator has no place."""
    person = annotator_id(connection, returned.author)
    # There, unlike here, who laid an image aside can take it up again.
    connection.execute(_TAKEN_UP, {"task": returned.task, "person": person})
    if not has_place(connection, workspace, returned.task, person):
        return None, False
    stored = store(
        connection,
        workspace,
        returned.task,
        returned.author,
        answer,
        key=f"labelstudio-{link.id}-{returned.remote}-{returned.changed_at}",
        started_at=returned.started_at,
        submitted_at=returned.submitted_at,
    )
    counts.stored += stored.new
    return stored.id, stored.late
