"""captions.jsonl: one line an image, with the captions and the provenance it came with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.licenses import is_license

PARTS = ("filtered", "web", "collected", "synthetic")


@dataclass(frozen=True)
class Entry:
    """What one line (or row, task …) says of one image; None where it says nothing."""

    unit: str
    number: int  # of the unit
    image: str  # file name below the images folder
    captions: tuple[str, ...]
    part: str | None
    dataset: str | None
    license: str | None  # an SPDX id or LicenseRef-…
    attribution: str | None
    url: str | None
    retrieved: str | None

    def where(self, path: Path) -> str:
        return _where(path, self.unit, self.number)


def _where(path: Path, unit: str, number: int) -> str:
    return f"{path}:{number}" if unit == "line" else f"{path}, {unit} {number}"


@dataclass
class Entries:
    """What a file says of its images, by their names, with a finding for each place in it that cannot be used."""

    path: Path
    by_image: dict[str, Entry] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unit: str = "line"  # what the numbers count: line, row, image, task
    incomplete: set[str] = field(default_factory=set)  # images of which something could not be read

    def where(self, number: int) -> str:
        return _where(self.path, self.unit, number)

    def add(self, entry: Entry) -> None:
        """Keep the entry; where its image has one already, a finding instead.

        Where something of it could not be read it is left out, and so is its image: it would never get the rest.
        """
        if entry.image in self.incomplete:
            return
        if there := self.by_image.get(entry.image):
            message = f"'{entry.image}' stands in {self.unit} {there.number} already; this {self.unit} is left out"
            step = f"Keep one of the two {self.unit}s"
            self.findings.append(Finding("GS103", "error", entry.where(self.path), message, step))
        else:
            self.by_image[entry.image] = entry

    def refuse(self, number: int, why: object, image: str | None = None) -> None:
        """A finding; `image` is the one that it is about, where that is known."""
        if image is not None:
            self.incomplete.add(image)
        message = f"the {self.unit} cannot be used: {why}"
        self.findings.append(Finding("GS100", "error", self.where(number), message, f"Mend the {self.unit}"))


def read_caption_file(path: Path) -> tuple[dict[str, Entry], list[Finding]]:
    """The entries of `path` by image name, and a finding for each line that cannot be used.

    Raises InputError where the file cannot be read at all.
    """
    entries = Entries(path)
    for number, raw in lines_of(path):
        try:
            entries.add(as_entry(number, parse(raw)))
        except (ValueError, RecursionError) as error:  # JSON and UTF-8 errors are ValueErrors
            entries.refuse(number, error)
    return entries.by_image, entries.findings


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not empty, with their numbers. Raises InputError where it cannot be read."""
    try:
        with path.open("rb") as file:
            yield from ((number, raw) for number, raw in enumerate(file, 1) if raw.strip())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "Check the path and its permissions") from error


def parse(raw: bytes) -> Any:
    """The JSON value of a line. Raises ValueError or RecursionError for what is none, or could not be written again."""
    with suppress(ValueError):
        return orjson.loads(raw)  # a fifth of the time; what it refuses may be odd and readable all the same
    value = json.loads(raw.decode("utf-8-sig"))  # some editors begin a file with a byte order mark
    json.dumps(value, ensure_ascii=False).encode()  # half a character (\ud800) could not be written again: ValueError
    return value


def as_entry(number: int, value: Any, unit: str = "line") -> Entry:
    """The entry that a JSON object says, in the keys of captions.jsonl. Raises ValueError for anything else."""
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
        if texts[key] is not None and not isinstance(texts[key], str):
            raise ValueError(f"'{key}' of '{image}' is not a text")
    if isinstance(licence := value.get("licence"), str):
        if is_license(licence):
            texts["license"] = texts["license"] or licence
        elif texts["attribution"] is None:
            texts["attribution"] = licence  # in words, as some collections have it: kept, not judged
    # Half a character (\ud800) could not be written again: UnicodeEncodeError, which is a ValueError.
    "".join(filter(None, (image, *captions, *texts.values()))).encode()
    return Entry(unit, number, image, tuple(text.strip() for text in captions), **texts)
