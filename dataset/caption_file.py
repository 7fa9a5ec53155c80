"""captions.jsonl: one line an image, with the captions and the provenance it came with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding

PARTS = ("filtered", "web", "collected", "synthetic")


@dataclass(frozen=True)
class Entry:
    """What one line says of one image; None where it says nothing."""

    line: int
    image: str  # file name below the images folder
    captions: tuple[str, ...]
    part: str | None
    dataset: str | None
    license: str | None  # an SPDX id or LicenseRef-…
    attribution: str | None
    url: str | None
    retrieved: str | None


def read_caption_file(path: Path) -> tuple[dict[str, Entry], list[Finding]]:
    """The entries of `path` by image name, and a finding for each line that cannot be used.

    Raises InputError where the file cannot be read at all.
    """
    entries: dict[str, Entry] = {}
    findings: list[Finding] = []
    for number, raw in _lines(path):
        where = f"{path}:{number}"
        try:
            entry = _entry(number, _parse(raw))
        except (ValueError, RecursionError) as error:  # JSON and UTF-8 errors are ValueErrors
            findings.append(Finding("GS100", "error", where, f"the line cannot be used: {error}", "Mend the line"))
            continue
        if entry.image in entries:
            first = entries[entry.image].line
            message = f"'{entry.image}' stands in line {first} already; this line is left out"
            findings.append(Finding("GS103", "error", where, message, "Keep one of the two lines"))
            continue
        entries[entry.image] = entry
    return entries, findings


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            yield from ((number, raw) for number, raw in enumerate(file, 1) if raw.strip())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "Check the path and its permissions") from error


def _parse(raw: bytes) -> Any:
    value = json.loads(raw.decode("utf-8-sig"))  # some editors begin a file with a byte order mark
    json.dumps(value, ensure_ascii=False).encode()  # half a character (\ud800) could not be written again: ValueError
    return value


def _entry(line: int, value: Any) -> Entry:
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    image, captions = value.get("image"), value.get("captions", [])
    if not isinstance(image, str) or not image:
        raise ValueError("it names no 'image'")
    if not isinstance(captions, list) or not all(isinstance(text, str) for text in captions):
        raise ValueError(f"'captions' of '{image}' is not a list of texts")
    if value.get("part") not in (None, *PARTS):
        raise ValueError(f"'part' of '{image}' is {value['part']!r}, not one of {', '.join(PARTS)}")
    texts = {}
    for key in ("part", "dataset", "license", "attribution", "url", "retrieved"):
        texts[key] = value.get(key)
        if not isinstance(texts[key], str | None):
            raise ValueError(f"'{key}' of '{image}' is not a text")
    if texts["attribution"] is None and isinstance(value.get("licence"), str):
        texts["attribution"] = value["licence"]  # a licence in words, as some collections have it: kept, not judged
    return Entry(line, image, tuple(text.strip() for text in captions), **texts)
