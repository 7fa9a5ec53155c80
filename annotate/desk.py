"""The desk: all that lies before an annotator at once: the task, what they have typed, and what helps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gatherset.annotate.annotators import known_annotator, resting
from gatherset.annotate.answer import Answer, box_of, findings_so_far
from gatherset.annotate.drafts import own_version, read_draft
from gatherset.annotate.gold import practice_place
from gatherset.annotate.own_work import kept_drafts, past_work, progress_of
from gatherset.annotate.queue import Task, next_task, read_task, task_after
from gatherset.annotate.returns import returned
from gatherset.annotate.suggestions import suggestions_for
from gatherset.dataset.findings import Finding
from gatherset.dataset.images import SUFFIX
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


def image_url(sha256: str, image_format: str) -> str:
    """Where the image route has the thumbnail of a stored image, seen from a page: the app may be under a sub-path."""
    return f"img/{sha256}{SUFFIX[image_format]}"


def original_url(sha256: str, image_format: str) -> str:
    """Likewise the stored image itself, for a close look."""
    return f"original/{sha256}{SUFFIX[image_format]}"


def next_desk(workspace: Workspace, annotator: str) -> dict[str, Any]:
    """The desk with the annotator's next task; `task` is None where nothing is left for them."""
    task = next_task(workspace, annotator)
    if task is None:
        return {"task": None, "rest": resting(workspace, annotator), **_standing(workspace, annotator)}
    desk = _desk(workspace, annotator, task)
    with workspace.catalog.read() as connection:
        back = returned(connection, task.id, known_annotator(connection, annotator))
    if back is None:
        return desk
    # What a reviewer sent back is corrected like any earlier answer, with the comment beside it. Who has taken it over
    # from somebody else may have none.
    for past in past_work(workspace, annotator, task=task.id, limit=1):
        desk |= {"correcting": past.submission, "answer": past.answer}
    return {**desk, "returned": asdict(back)}


def earlier_desk(workspace: Workspace, annotator: str, *, before: int | None = None) -> dict[str, Any] | None:
    """The desk with the annotator's last submission, to be corrected; None where there is none (before `before`)."""
    past = past_work(workspace, annotator, before=before, limit=1)
    if not past:
        return None
    with workspace.catalog.read() as connection:
        task = read_task(connection, past[0].task)
    desk = _desk(workspace, annotator, task)
    return {**desk, "correcting": past[0].submission, "answer": past[0].answer}


def _desk(workspace: Workspace, annotator: str, task: Task) -> dict[str, Any]:
    with workspace.catalog.read() as connection:
        person = known_annotator(connection, annotator)
        draft = read_draft(connection, task.id, person)
        version = own_version(connection, task.id, person)
        suggestions = suggestions_for(connection, workspace, task.image_id)
        place = practice_place(connection, annotator) if task.practice else None
    after = task_after(workspace, annotator, task.id)
    return {
        "task": {
            "id": task.id,
            "kind": task.kind,
            "image": image_url(task.sha256, task.format),
            "original": original_url(task.sha256, task.format),
            "width": task.width,
            "height": task.height,
            "captions": list(task.captions),
            "sensitive": task.sensitive,
        },
        "draft": asdict(draft) if draft else None,
        "version": version,
        "suggestions": [asdict(suggestion) for suggestion in suggestions],
        "practice": {"number": place[0] + 1, "of": place[1]} if place else None,
        "ahead": image_url(after.sha256, after.format) if after else None,
        "started_at": now(),
        **_standing(workspace, annotator),
    }


def _standing(workspace: Workspace, annotator: str) -> dict[str, Any]:
    with workspace.catalog.read() as connection:
        return {
            "progress": asdict(progress_of(connection, annotator)),
            "kept": len(kept_drafts(connection, annotator)),
        }


def remarks(workspace: Workspace, answer: Answer) -> list[dict[str, Any]]:
    """What the rules say about an answer that is still being written, each with the box it belongs under."""
    if answer.kind == "screen" or answer.says_no:
        return []
    return shown(findings_so_far(workspace, answer.captions))


def shown(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings as the page shows them."""
    return [
        {
            "rule": finding.rule,
            "level": finding.level,
            "caption": box_of(finding),
            "message": finding.message,
            "next_step": finding.next_step,
        }
        for finding in findings
    ]
