"""A CSV file of answers, one annotator's or the known ones: image, is_gathering, event_type, confidence."""

from __future__ import annotations

import csv
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate.answer import Answer, check_answer
from gatherset.annotate.gold import set_gold
from gatherset.annotate.submissions import IMPORTED, store
from gatherset.dataset.catalog.tables import images, tasks
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.progress import progress
from gatherset.dataset.workspace import Workspace

BATCH = 100  # rows a transaction
NEEDED = ("image",)
ANSWERS = ("is_gathering", "event_type")
KNOWN = (*NEEDED, *ANSWERS, "confidence")
Tasks = Mapping[str, Sequence[Mapping[str, int]]]  # {image id or name: [{task kind: task id} of each of that name]}


@dataclass
class ImportReport:
    rows: int = 0
    stored: int = 0  # submissions
    present: int = 0  # submissions that say what the annotator said before
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class _Row:
    where: str  # file:line
    image: str
    is_gathering: bool | None
    event_type: str | None
    confidence: int | None
    explanation: str  # why this is the answer, where it is a known one


def import_answers(workspace: Workspace, path: Path, annotator: str) -> ImportReport:
    """Store the answers in the file `path` as those of `annotator`.

    Answers that are there already are left alone, changed ones supersede the earlier ones; a line that cannot be used
    becomes a finding. Raises InputError for a file that cannot be read or has other columns.
    """
    report = ImportReport()
    rows = list(_rows(path, report, KNOWN))
    report.rows = len(rows)
    known = tasks_by_image(workspace)
    shown = iter(progress(rows, total=len(rows), label="import"))
    for start in range(0, len(rows), BATCH):
        with workspace.catalog.write() as connection:
            for row in rows[start : start + BATCH]:
                next(shown)
                _store_row(connection, workspace, row, annotator, known, report)
    return report


def import_gold(workspace: Workspace, path: Path, *, practice: bool) -> ImportReport:
    """Take the answers in the file `path` as the known ones, mixed into the queue or asked in the practice round.

    The column `explanation` is what the practice round tells. Raises InputError as `import_answers` does.
    """
    report = ImportReport()
    rows = list(_rows(path, report, (*KNOWN, "explanation")))
    report.rows = len(rows)
    known = tasks_by_image(workspace)
    for row in rows:
        own = _own_tasks(row, known, report)
        for answer in _known(workspace, row, own, report):
            set_gold(workspace, own[answer.kind], answer, explanation=row.explanation, practice=practice)
            report.stored += 1
    return report


def _rows(path: Path, report: ImportReport, known: Sequence[str]) -> Iterator[_Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = reader.fieldnames or []
            if not set(NEEDED) <= set(columns) or not set(ANSWERS) & set(columns):
                raise InputError(
                    f"{path} has the columns {', '.join(columns) or 'none'}",
                    f"It needs 'image' and one of {', '.join(ANSWERS)}; 'confidence' may be there",
                )
            if unknown := set(columns) - set(known):
                message = f"nothing is read from the columns {', '.join(sorted(unknown))}"
                step = f"Those that are read: {', '.join(known)}"
                report.findings.append(Finding("GS100", "warning", str(path), message, step))
            for row in reader:
                where = f"{path}:{reader.line_num}"
                try:
                    yield _parse(where, row)
                except ValueError as error:
                    report.findings.append(Finding("GS100", "error", where, str(error), "Mend the line"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "Check the path and its permissions") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file in UTF-8: {error}", "Save it as CSV (UTF-8)") from error


def _parse(where: str, row: Mapping[str | None, str | None]) -> _Row:
    if None in row or None in row.values():
        raise ValueError("the line has more or fewer fields than the header")
    values = {str(key): (value or "").strip() for key, value in row.items()}
    gathering = {"": None, "1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}
    confidence = {"": None, "1": 1, "2": 2, "3": 3}
    said, sure = values.get("is_gathering", "").lower(), values.get("confidence", "")
    if said not in gathering:
        raise ValueError(f"is_gathering is '{said}', not 1 or 0")
    if sure not in confidence:
        raise ValueError(f"confidence is '{sure}', not 1 (a guess), 2 (fairly sure) or 3 (sure)")
    event_type = values.get("event_type") or None
    if gathering[said] is None and event_type is None:
        raise ValueError("the line answers nothing: is_gathering and event_type are both empty")
    return _Row(where, values["image"], gathering[said], event_type, confidence[sure], values.get("explanation", ""))


def tasks_by_image(workspace: Workspace) -> Tasks:
    query = sa.select(images.c.id, images.c.ref, tasks.c.kind, tasks.c.id.label("task")).join(tasks)
    own: defaultdict[str, dict[str, int]] = defaultdict(dict)
    names: defaultdict[str, set[str]] = defaultdict(set)
    with workspace.catalog.read() as connection:
        for row in connection.execute(query):
            own[row.id][row.kind] = row.task
            names[row.id].add(row.id)
            if row.ref:
                names[row.ref].add(row.id)
    return {name: [own[identity] for identity in sorted(ids)] for name, ids in names.items()}


def _store_row(
    connection: Connection, workspace: Workspace, row: _Row, annotator: str, known: Tasks, report: ImportReport
) -> None:
    own = _own_tasks(row, known, report)
    for answer in _checked(workspace, row, own, report):
        stored = store(connection, workspace, own[answer.kind], annotator, answer, key=f"{IMPORTED}{uuid.uuid4()}")
        report.stored += stored.new
        report.present += not stored.new
        if stored.late:
            message = f"'{row.image}' has become a record; this answer is kept, but changes nothing"
            report.findings.append(Finding("GS402", "warning", row.where, message, "A review can change the record"))


def _own_tasks(row: _Row, known: Tasks, report: ImportReport) -> Mapping[str, int]:
    """{task kind: task id} of the image that the line names; a finding and nothing where that is not one image."""
    found = known.get(row.image, [])
    if len(found) == 1:
        return found[0]
    message = f"no image '{row.image}' in the catalog" if not found else f"{len(found)} images are called '{row.image}'"
    next_step = "Ingest its folder first" if not found else "Name the image by its id (gs-…)"
    report.findings.append(Finding("GS201", "error", row.where, message, next_step))
    return {}


def _checked(workspace: Workspace, row: _Row, own_tasks: Mapping[str, int], report: ImportReport) -> Iterator[Answer]:
    """The answers of a line that may be stored; a finding for what keeps another from it."""
    yield from _without_errors(workspace, row, own_tasks, list(_answers(row, own_tasks)), report)


def _known(workspace: Workspace, row: _Row, own_tasks: Mapping[str, int], report: ImportReport) -> Iterator[Answer]:
    """The same for known answers, which an image that waits for captions takes too: its type alone is judged."""
    answers = list(_answers(row, own_tasks))
    if "caption" not in own_tasks:
        yield from _without_errors(workspace, row, own_tasks, answers, report)
        return
    typed = [Answer("event", row.is_gathering, row.event_type, confidence=row.confidence)]
    for answer in _without_errors(workspace, row, own_tasks, typed, report):
        yield replace(answer, kind="caption")


def _without_errors(
    workspace: Workspace, row: _Row, own_tasks: Mapping[str, int], answers: Sequence[Answer], report: ImportReport
) -> Iterator[Answer]:
    if own_tasks and not answers:
        message = f"'{row.image}' waits for captions; it cannot take this answer"
        report.findings.append(Finding("GS102", "error", row.where, message, "Write its captions in the app"))
    for answer in answers:
        refused = [finding for finding in check_answer(workspace, answer) if finding.level == "error"]
        report.findings += [Finding(f.rule, f.level, row.where, f.message, f.next_step) for f in refused]
        if not refused:
            yield answer


def _answers(row: _Row, own_tasks: Mapping[str, int]) -> Iterator[Answer]:
    """A line answers the screening and the event task of an image; where nobody screens, the event task alone."""
    if "screen" in own_tasks:
        if row.is_gathering is not None:
            yield Answer("screen", is_gathering=row.is_gathering, confidence=row.confidence)
        if row.event_type is not None and "event" in own_tasks:
            yield Answer("event", event_type=row.event_type, confidence=row.confidence)
    elif "event" in own_tasks:
        yield Answer("event", row.is_gathering, row.event_type, confidence=row.confidence)
