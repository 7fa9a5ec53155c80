"""Pull: annotations become submissions by the rules of the app; what breaks one is kept, shown, and sent back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.annotators import annotator_id, checked_name
from gatherset.annotate.answer import Answer, check_answer
from gatherset.annotate.labelstudio.client import Client, Json
from gatherset.annotate.labelstudio.links import Link
from gatherset.annotate.labelstudio.project import require_unchanged
from gatherset.annotate.labelstudio.results import read_results
from gatherset.annotate.labelstudio.returned import send_back
from gatherset.annotate.labelstudio.tasks_there import (
    LISTED,
    MENDED,
    REFUSED,
    SKIPPED,
    STORED,
    SURPLUS,
    Page,
    is_ours,
    is_unsure,
    mark_gone,
    pages,
    reconcile,
)
from gatherset.annotate.queue import has_place, skip_for
from gatherset.annotate.submissions import store
from gatherset.dataset.catalog.tables import (
    images,
    labelstudio_annotations,
    labelstudio_tasks,
    skips,
    submissions,
    tasks,
)
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.findings import Finding
from gatherset.dataset.progress import progress
from gatherset.dataset.submission import captions_wanted
from gatherset.dataset.timestamps import FORMAT, now
from gatherset.dataset.workspace import Workspace

BATCH = 100  # tasks with their annotations a request, and a transaction
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
class _Returned:
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


def pull(workspace: Workspace, client: Client, link: Link) -> Pulled:
    """Take over what was annotated there since the last pull. Once more, it changes nothing.

    Raises ServerError, before anything is applied, where the project is gone or asks something else than was set up.
    May be cut off at any moment: what was taken over stays, the rest comes with the next pull.
    """
    there = require_unchanged(client, link)
    pulled = Pulled()
    if is_unsure(workspace, link, there):
        pulled.gone += reconcile(workspace, client, link).gone
    people, total = client.people(), there.get("task_number") or 0
    gone = _pull_pages(workspace, client, link, people, total, pulled)
    pulled.gone += gone
    if gone and reconcile(workspace, client, link).recovered:  # they are there under other numbers
        _pull_pages(workspace, client, link, people, total, pulled)
    pulled.sent_back += send_back(workspace, client, link)
    return pulled


def _pull_pages(
    workspace: Workspace, client: Client, link: Link, people: Mapping[int, str], total: int, pulled: Pulled
) -> int:
    """Take over what was changed in all tasks there; how many that were there are gone."""
    gone = 0
    listed = pages(client, link, "id,data,updated_at,total_annotations,cancelled_annotations")
    for page in progress(listed, total=2 + total // LISTED, label="pull"):
        for documents in _fetched(client, link, _changed(workspace, link, page)):
            _pull_tasks(workspace, client, link, documents, people, pulled)
        gone += mark_gone(workspace, client, link, page)
    return gone


def pull_some(workspace: Workspace, client: Client, link: Link, remote: Sequence[int]) -> Pulled:
    """Take over what was annotated in these tasks there: those that a webhook spoke of."""
    require_unchanged(client, link)
    pulled, people = Pulled(), client.people()
    for documents in _fetched(client, link, remote):
        _pull_tasks(workspace, client, link, documents, people, pulled)
    pulled.sent_back += send_back(workspace, client, link)
    return pulled


def _changed(workspace: Workspace, link: Link, page: Page) -> list[int]:
    """The numbers there of the tasks of a page that were changed since they were last pulled.

    Those with an annotation that had no place come again too: there may be one now.
    """
    waits = sa.exists().where(
        labelstudio_annotations.c.project_id == link.id,
        labelstudio_annotations.c.task_id == labelstudio_tasks.c.task_id,
        labelstudio_annotations.c.state == SURPLUS,
        labelstudio_annotations.c.deleted_at.is_(None),
        tasks.c.state == "open",
    )
    alive = (
        sa.select(sa.func.count())
        .where(
            labelstudio_annotations.c.project_id == link.id,
            labelstudio_annotations.c.task_id == labelstudio_tasks.c.task_id,
            labelstudio_annotations.c.deleted_at.is_(None),
        )
        .scalar_subquery()
    )
    query = (
        sa.select(labelstudio_tasks.c.remote, labelstudio_tasks.c.seen, waits.label("waits"), alive.label("alive"))
        .join(tasks, tasks.c.id == labelstudio_tasks.c.task_id)
        .where(labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.remote > page.after)
    )
    if page.end is not None:
        query = query.where(labelstudio_tasks.c.remote <= page.end)
    with workspace.catalog.read() as connection:
        known = {row.remote: row for row in connection.execute(query)}
    found = []
    for row in page.rows:
        if (own := known.get(row["id"])) is None:
            continue
        count = (row.get("total_annotations") or 0) + (row.get("cancelled_annotations") or 0)
        # Deleting many at once does not touch the time of the task there: the count tells.
        touched = (count or own.alive) and own.seen != row["updated_at"]
        if own.waits or touched or count != own.alive:
            found.append(row["id"])
    return found


def _fetched(client: Client, link: Link, remote: Sequence[int]) -> Iterator[Sequence[Json]]:
    """These tasks with their annotations, a batch at a time; the next one is fetched while a batch is worked on."""
    batches = [remote[start : start + BATCH] for start in range(0, len(remote), BATCH)]
    with ThreadPoolExecutor(1) as ahead:
        coming = [ahead.submit(client.whole_tasks, link.project, batch) for batch in batches[:1]]
        for number in range(len(batches)):
            documents = coming.pop().result()
            coming += [
                ahead.submit(client.whole_tasks, link.project, batch) for batch in batches[number + 1 : number + 2]
            ]
            yield documents


def _pull_tasks(
    workspace: Workspace,
    client: Client,
    link: Link,
    documents: Sequence[Json],
    people: Mapping[int, str],
    pulled: Pulled,
) -> None:
    """Take over the annotations of these tasks in one transaction: all of them, or none."""
    remote = [document["id"] for document in documents]
    with workspace.catalog.read() as connection:
        ours = _ours(connection, link, remote)
        numbers = [one["id"] for document in documents for one in document.get("annotations") or ()]
        known = _known(connection, link, [task.id for task in ours.values()], numbers)
    # The number of a task that was deleted there may be another task's by now.
    documents = [one for one in documents if one["id"] in ours and is_ours(one, ours[one["id"]].id)]
    checked = []
    for document in documents:
        task = ours[document["id"]]
        for returned in _annotations(document, task, people, link):
            if _is_news(known.get(returned.remote), returned):
                checked.append(_checked(workspace, client, link, task, known.get(returned.remote), returned))
    counts = Pulled()
    with workspace.catalog.write() as connection:
        for returned, answer, findings in checked:
            _take(connection, workspace, link, returned, answer, findings, known, counts)
        _finish(connection, link, documents, ours, known, counts)
    _add(pulled, counts)


def _add(total: Pulled, part: Pulled) -> None:
    for name, value in vars(part).items():
        setattr(total, name, getattr(total, name) + value)


def _ours(connection: Connection, link: Link, remote: Sequence[int]) -> dict[int, Any]:
    """{number there: the task here, with the captions that its image came with}."""
    query = (
        sa.select(tasks.c.id, tasks.c.kind, tasks.c.image_id, images.c.captions, labelstudio_tasks.c.remote)
        .join(labelstudio_tasks, labelstudio_tasks.c.task_id == tasks.c.id)
        .join(images, images.c.id == tasks.c.image_id)
        .where(labelstudio_tasks.c.project_id == link.id, labelstudio_tasks.c.remote.in_(remote))
    )
    return {row.remote: row for row in connection.execute(query)}


def _known(connection: Connection, link: Link, ids: Sequence[int], numbers: Sequence[int]) -> dict[int, Any]:
    """{number of an annotation there: what is known of it} of these tasks, and of these numbers."""
    there = labelstudio_annotations
    query = sa.select(there).where(
        there.c.project_id == link.id, there.c.task_id.in_(ids) | there.c.remote.in_(numbers)
    )
    return {row.remote: row for row in connection.execute(query)}


def _annotations(document: Json, task: Any, people: Mapping[int, str], link: Link) -> Iterator[_Returned]:
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
        yield _Returned(
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
    """The annotator's name here: what the link says of their e-mail, else that e-mail."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    name = completed_by if isinstance(completed_by, str) else people.get(completed_by, f"Label Studio {completed_by}")
    return link.people.get(name, name)


def _is_news(known: Any, returned: _Returned) -> bool:
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


def _checked(
    workspace: Workspace, client: Client, link: Link, task: Any, known: Any, returned: _Returned
) -> tuple[_Returned, Answer | None, list[Finding]]:
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


def _take(
    connection: Connection,
    workspace: Workspace,
    link: Link,
    returned: _Returned,
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


def _lay_aside(connection: Connection, workspace: Workspace, returned: _Returned) -> None:
    """Skip the task for its author, unless they have answered it: a submission stays, and counts."""
    person = annotator_id(connection, returned.author)
    own = (submissions.c.task_id == returned.task, submissions.c.annotator_id == person)
    if connection.execute(sa.select(submissions.c.id).where(*own).limit(1)).scalar() is None:
        skip_for(connection, workspace, returned.task, person, SKIP_REASON)


def _mend(connection: Connection, link: Link, returned: _Returned) -> None:
    """What the author was sent back of this task is settled: they have answered it anew."""
    there = labelstudio_annotations
    own = (there.c.project_id == link.id, there.c.task_id == returned.task, there.c.author == returned.author)
    connection.execute(sa.update(there).where(*own, there.c.state == REFUSED).values(state=MENDED))


def _store(
    connection: Connection, workspace: Workspace, link: Link, returned: _Returned, answer: Answer, counts: Pulled
) -> tuple[int | None, bool]:
    """(the submission, whether it contradicts the image's record); None where the annotator has no place."""
    person = annotator_id(connection, returned.author)
    own = (skips.c.task_id == returned.task, skips.c.annotator_id == person)
    # There, unlike here, who laid an image aside can take it up again.
    connection.execute(sa.delete(skips).where(*own, skips.c.reason == SKIP_REASON))
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


def _finish(
    connection: Connection,
    link: Link,
    documents: Sequence[Json],
    ours: Mapping[int, Any],
    known: Mapping[int, Any],
    counts: Pulled,
) -> None:
    """Mark the annotations of these tasks that are gone there, and up to when the tasks were seen."""
    present = {annotation["id"] for document in documents for annotation in document.get("annotations") or ()}
    looked_at = {ours[document["id"]].id for document in documents}
    missing = [
        row.remote
        for row in known.values()
        if row.task_id in looked_at and row.deleted_at is None and row.remote not in present
    ]
    if missing:
        own = (labelstudio_annotations.c.project_id == link.id, labelstudio_annotations.c.remote.in_(missing))
        connection.execute(sa.update(labelstudio_annotations).where(*own).values(deleted_at=now()))
        counts.deleted += len(missing)
    if documents:
        seen = [{"number": document["id"], "moment": document["updated_at"]} for document in documents]
        connection.execute(_SEEN, [{"link": link.id, **one} for one in seen])


_SEEN = (
    sa.update(labelstudio_tasks)
    .where(labelstudio_tasks.c.project_id == sa.bindparam("link"), labelstudio_tasks.c.remote == sa.bindparam("number"))
    .values(seen=sa.bindparam("moment"))
)
