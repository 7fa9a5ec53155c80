"""An export of a Label Studio project (JSON or JSON_MIN): its images, and the captions that were written there.

The event types that were chosen there come afterwards, as answers: gatherset labelstudio import.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from gatherset.dataset.caption_file import Entries, Entry, as_entry
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding

_CAPTION = ("caption", "sentence", "description", "text")  # in the name of a field of JSON_MIN, which tells no kinds


def read(path: Path, document: Any, names: Mapping[str, str]) -> tuple[dict[str, Entry], list[Finding]]:
    """The entries of an export: the texts of each task's first annotation that has any.

    `names` says where the image is (image=photo) and which field alone holds captions; else every text does. Raises
    InputError for what is no such export.
    """
    if not isinstance(document, list) or not all(isinstance(task, dict) for task in document):
        raise InputError(f"{path} is no list of tasks", "Export the project as JSON or JSON-MIN")
    image_field, wanted = names.get("image", "image"), names.get("captions")
    entries = Entries(path, unit="task")
    found: dict[str, tuple[int, list[str]]] = {}
    for number, task in enumerate(document, 1):
        data = task.get("data", task)
        image = file_name(data.get(image_field) if isinstance(data, dict) else None)
        if not image:
            entries.refuse(number, f"it has no image under '{image_field}'; say where it is: --column image=NAME")
            continue
        texts = next(filter(None, (_texts(one, wanted) for one in _annotations(task, image_field))), [])
        if image not in found or not found[image][1]:  # JSON_MIN has an entry for each annotation of a task
            found[image] = (number, texts)
        elif "annotation_id" not in task:
            message = f"'{image}' stands in task {found[image][0]} already; this task is left out"
            entries.findings.append(Finding("GS103", "error", entries.where(number), message, "Keep one of the two"))
    for image, (number, texts) in found.items():
        try:
            entries.add(as_entry(number, {"image": image, "captions": texts}, entries.unit))
        except ValueError as error:
            entries.refuse(number, error)
    return entries.by_image, entries.findings


def _annotations(task: Mapping[str, Any], image_field: str) -> list[dict[str, Any]]:
    """{field: value} of each annotation of the task that was not cancelled."""
    if not isinstance(task.get("annotations"), list):
        return [{name: task[name] for name in task if name != image_field and any(c in name.lower() for c in _CAPTION)}]
    found = []
    for annotation in task["annotations"]:
        if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            fields: dict[str, Any] = {}
            results = annotation.get("result")
            for result in results if isinstance(results, list) else ():
                if isinstance(result, dict) and isinstance(value := result.get("value"), dict) and "text" in value:
                    fields.setdefault(str(result.get("from_name")), []).append(value)
            found.append(fields)
    return found


def _texts(fields: Mapping[str, Any], wanted: str | None) -> list[str]:
    """The captions of an annotation, by the names of their fields: caption1 before caption2."""
    return [text for name in sorted(fields) if wanted in (None, name) for text in _in(fields[name])]


def _in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for entry in value for text in _in(entry)]
    return _in(value["text"]) if isinstance(value, dict) and "text" in value else []


def file_name(address: Any) -> str:
    """The file name in the address of an image: …/?d=photos/1.jpg, s3://bucket/1.jpg, /data/upload/1/1.jpg."""
    if not isinstance(address, str):
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    [inner, *_] = parse_qs(parts.query, keep_blank_values=True).get("d", [unquote(parts.path)])
    return PurePosixPath(inner).name
