"""An export of a Label Studio project that Gatherset never made: JSON or JSON_MIN, with a mapping of its names."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from gatherset.annotate.answer import Answer, check_answer, read_answer
from gatherset.annotate.answer_file import Tasks, tasks_by_image
from gatherset.annotate.submissions import IMPORTED, store
from gatherset.dataset.errors import GathersetError, InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.progress import progress
from gatherset.dataset.records import canonical
from gatherset.dataset.sources.labelstudio import file_name
from gatherset.dataset.timestamps import FORMAT
from gatherset.dataset.workspace import Workspace

FIELDS = ("image", "event_type", "is_gathering", "captions", "note")  # what Gatherset has a use for
BATCH = 100  # annotations a transaction
_GATHERING = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_MINIMAL = {
    "id",
    "annotator",
    "annotation_id",
    "created_at",
    "updated_at",
    "lead_time",
}  # beside the fields, in JSON_MIN


@dataclass(frozen=True)
class Names:
    """What they call what Gatherset knows."""

    fields: Mapping[str, Sequence[str]]  # {one of FIELDS: their names; several for captions alone}
    values: Mapping[str, str] = field(default_factory=dict)  # {their choice: yes, no, or an event type}
    people: Mapping[str, str] = field(default_factory=dict)  # {their number or e-mail: annotator here}


@dataclass
class Imported:
    annotations: int = 0
    stored: int = 0  # submissions
    present: int = 0  # submissions that were there already
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class _Annotation:
    where: str
    image: str  # the file name in its address there
    values: Mapping[str, Sequence[str]]  # {their name: what was chosen or written}
    author: str
    started_at: str | None
    submitted_at: str | None
    key: str  # the same for the same annotation with the same content


def import_export(workspace: Workspace, path: Path, names: Names) -> Imported:
    """Store the annotations in the export `path`; those that are there already are left alone.

    Images are found by the file name that they came with, or by their id. What cannot be used becomes a finding.
    Raises InputError, and stores nothing, for what is no such export, or has none of the names.
    """
    annotations = list(_read(path, names))
    _require_names(path, annotations, names)
    done = Imported(annotations=len(annotations))
    known = tasks_by_image(workspace)
    shown = iter(progress(annotations, total=len(annotations), label="import"))
    for start in range(0, len(annotations), BATCH):
        with workspace.catalog.write() as connection:
            for _ in annotations[start : start + BATCH]:
                _take(connection, workspace, next(shown), names, known, done)
    return done


def _read(path: Path, names: Names) -> Iterator[_Annotation]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "Check the path and its permissions") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}", "Export the project as JSON or JSON-MIN") from error
    tasks = document if isinstance(document, list) else []
    if not tasks or not all(isinstance(task, dict) for task in tasks):
        raise InputError(f"{path} is no list of tasks", "Export the project from Label Studio as JSON or JSON-MIN")
    for number, task in enumerate(tasks, 1):
        if "data" in task and isinstance(task.get("annotations"), list) and isinstance(task["data"], dict):
            yield from _of_task(f"{path}, task {task.get('id', number)}", task, names)
        elif "annotation_id" in task:
            yield _minimal(f"{path}, task {task.get('id', number)}", task, names)
        else:
            raise InputError(
                f"{path} is not an export of Label Studio: entry {number} has no annotations",
                "Export the project from Label Studio as JSON or JSON-MIN",
            )


def _of_task(where: str, task: Mapping[str, Any], names: Names) -> Iterator[_Annotation]:
    """The annotations of a task in a JSON export."""
    image = file_name(task["data"].get(names.fields["image"][0]))
    for annotation in task["annotations"]:
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        values: dict[str, list[str]] = {}
        for result in annotation.get("result") or ():
            if isinstance(result, dict):
                values.setdefault(str(result.get("from_name")), []).extend(_texts(result.get("value")))
        yield _annotation(where, image, values, annotation, annotation.get("completed_by"), names)


def _minimal(where: str, task: Mapping[str, Any], names: Names) -> _Annotation:
    """The one annotation of an entry in a JSON_MIN export."""
    values = {name: _texts(value) for name, value in task.items() if name not in _MINIMAL}
    image = file_name(task.get(names.fields["image"][0]))
    return _annotation(where, image, values, task, task.get("annotator"), names)


def _annotation(
    where: str, image: str, values: Mapping[str, Sequence[str]], entry: Mapping[str, Any], author: Any, names: Names
) -> _Annotation:
    if isinstance(author, dict):
        author = author.get("email") or author.get("id")
    name = str(author) if isinstance(author, str) else f"Label Studio {author}"
    submitted, lead = _time(entry.get("updated_at") or entry.get("created_at")), entry.get("lead_time")
    started = None
    if submitted and isinstance(lead, int | float) and 0 <= lead < 10**8:
        started = (submitted - timedelta(seconds=lead)).strftime(FORMAT)
    number = entry.get("annotation_id", entry.get("id"))
    content = canonical([number, image, name, {key: list(value) for key, value in values.items()}])
    return _Annotation(
        where,
        image,
        values,
        names.people.get(str(author), name),
        started,
        submitted.strftime(FORMAT) if submitted else None,
        f"{IMPORTED}labelstudio-{hashlib.sha256(content.encode('utf-8', 'backslashreplace')).hexdigest()}",
    )


def _texts(value: Any) -> list[str]:
    """The texts or choices in the value of a result, in whichever of the export's shapes."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for entry in value for text in _texts(entry)]
    if isinstance(value, dict):
        return [text for name in ("choices", "text") for text in _texts(value.get(name, []))]
    return []


def _time(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return moment.astimezone(UTC)


def _require_names(path: Path, annotations: Sequence[_Annotation], names: Names) -> None:
    seen = Counter(name for annotation in annotations for name in annotation.values)
    for ours, theirs in names.fields.items():
        if ours != "image" and not any(name in seen for name in theirs):
            known = ", ".join(sorted(seen)) or "none"
            raise InputError(
                f"no annotation in {path} has the field '{theirs[0]}' that --field {ours} names",
                f"There are: {known}",
            )
    if annotations and not any(annotation.image for annotation in annotations):
        raise InputError(
            f"no task in {path} has an image under '{names.fields['image'][0]}'", "Say where it is: --field image=NAME"
        )


def _take(
    connection: Connection, workspace: Workspace, annotation: _Annotation, names: Names, known: Tasks, done: Imported
) -> None:
    for task, answer in _answers(workspace, annotation, names, known, done):
        wrong = [finding for finding in check_answer(workspace, answer) if finding.level == "error"]
        done.findings += [replace(finding, where=annotation.where) for finding in wrong]
        if wrong:
            continue
        try:
            stored = store(
                connection,
                workspace,
                task,
                annotation.author,
                answer,
                key=f"{annotation.key}-{answer.kind}",
                started_at=annotation.started_at,
                submitted_at=annotation.submitted_at,
            )
        except GathersetError as error:  # a name that nobody can have
            done.findings.append(Finding("GS101", "error", annotation.where, error.what, error.next_step))
            continue
        done.stored += stored.new
        done.present += not stored.new


def _answers(
    workspace: Workspace, annotation: _Annotation, names: Names, known: Tasks, done: Imported
) -> Iterator[tuple[int, Answer]]:
    """The answers that an annotation gives to the tasks of its image, with their numbers."""

    def complain(rule: str, message: str, step: str) -> None:
        done.findings.append(Finding(rule, "error", annotation.where, message, step))

    found = known.get(annotation.image, []) or known.get(annotation.image.partition(".")[0], [])
    if len(found) != 1:
        many = f"{len(found)} images are called" if found else "no image in the catalog is called"
        complain("GS201", f"{many} '{annotation.image}'", "Ingest its folder first, under the names that it has there")
        return
    [own] = found
    said = [names.values.get(value, value) for value in _of(annotation, names, "is_gathering")]
    if said and said[0].casefold() not in _GATHERING:
        complain("GS101", f"'{said[0]}' is neither yes nor no", f"Say which: --value '{said[0]}=no'")
        return
    gathering = _GATHERING[said[0].casefold()] if said else None
    chosen = _of(annotation, names, "event_type")
    if len(chosen) > 1:
        complain("GS401", f"{len(chosen)} event types are chosen: {', '.join(chosen)}", "Choose one there")
        return
    event_type = _event_type(workspace, chosen[0], names) if chosen and gathering is not False else None
    if chosen and gathering is not False and event_type is None:
        complain("GS401", f"there is no event type '{chosen[0]}'", f"Say which it is: --value '{chosen[0]}=protest'")
        return
    document = {"is_gathering": gathering, "event_type": event_type, "note": "\n".join(_of(annotation, names, "note"))}
    captions = [text for text in _of(annotation, names, "captions") if text.strip()]
    kinds: list[tuple[str, dict[str, Any]]] = []
    if "caption" in own:
        kinds = [("caption", {**document, "captions": captions})]
    else:
        if "screen" in own and gathering is not None:
            kinds.append(("screen", {"is_gathering": gathering}))
        if "event" in own and (event_type is not None or "screen" not in own):
            kinds.append(("event", {**document, "captions": captions}))
    if not kinds:
        complain("GS101", f"it answers nothing that is asked about '{annotation.image}'", "Map more fields: --field")
    for kind, answer in kinds:
        try:
            yield own[kind], read_answer({"kind": kind, **answer})
        except InputError:
            complain("GS101", "a text is too long or holds half a character", "Shorten it")


def _of(annotation: _Annotation, names: Names, ours: str) -> list[str]:
    """What the annotation says in the fields that are called `ours` here."""
    return [value for theirs in names.fields.get(ours, ()) for value in annotation.values.get(theirs, ())]


def _event_type(workspace: Workspace, chosen: str, names: Names) -> str | None:
    """The event type that they call `chosen`, by the mapping, its name, or its title; None where there is none."""
    mapped = names.values.get(chosen, chosen)
    for kind in workspace.taxonomy.types:
        if mapped.casefold() in (kind.name.casefold(), kind.title.casefold()):
            return kind.name
    return None
