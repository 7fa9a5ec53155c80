"""Tables of captions, CSV or Parquet: one row a caption, or one row an image with its captions in a list or in columns.

Read as they are: Kaggle's captions.txt and results.csv, flickr_annotations_30k.csv; others with their columns named.
"""

from __future__ import annotations

import ast
import csv
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gatherset.dataset.caption_file import Entries, Entry, as_entry
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding

NAMES = {  # what Gatherset knows: how tables call it, the surest first
    "image": ("image", "image_name", "filename", "file_name", "file", "image_path", "path", "filepath", "key"),
    "captions": ("captions", "caption", "comment", "sentences", "raw", "description", "text", "sentence"),
    "part": ("part",),
    "dataset": ("dataset",),
    "license": ("license",),
    "licence": ("licence",),  # an id, or words
    "attribution": ("attribution", "author", "photographer", "creator"),
    "url": ("url", "image_url", "original_url"),
    "retrieved": ("retrieved",),
}
_NUMBERED = re.compile(r"(?:caption|sentence|comment|text|description)[_ ]?\d+")
DELIMITERS = (",", "|", "\t", ";")
ROWS = 4096  # of a Parquet file in memory at once
csv.field_size_limit(min(sys.maxsize, 1 << 24))


def is_header(line: str, names: Mapping[str, str]) -> bool:
    """Whether one of a line's columns is the image's, and another holds captions, by its looks or by `names`.

    Raises InputError where it lacks one of `names`.
    """
    try:
        columns = next(csv.reader([line], delimiter=delimiter(line)), [])
    except csv.Error:
        return False
    found = _columns([column.strip() for column in columns], names)
    return "image" in found and "captions" in found


def delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def read_csv(path: Path, names: Mapping[str, str]) -> tuple[dict[str, Entry], list[Finding]]:
    """The entries of a CSV file; see `_read_rows`. Raises InputError."""
    entries = Entries(path)  # the numbers are those of lines: an editor shows them
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter(first), skipinitialspace=True)
            header = [column.strip() for column in next(reader, [])]
            columns = _required(path, header, names)
            place = header.index(columns["image"][0])

            def rows() -> Iterator[tuple[int, Mapping[str, Any]]]:
                for values in reader:
                    if len(values) == len(header):
                        yield reader.line_num, dict(zip(header, values, strict=True))
                    elif values:
                        why = f"it has {len(values)} fields, the header has {len(header)}"
                        entries.refuse(reader.line_num, why, "".join(values[place : place + 1]).strip())

            _read_rows(entries, rows(), columns)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "Check the path and its permissions") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file in UTF-8: {error}", "Save it as CSV (UTF-8)") from error
    return entries.by_image, entries.findings


def read_parquet(path: Path, names: Mapping[str, str]) -> tuple[dict[str, Entry], list[Finding]]:
    """The entries of a Parquet file; see `_read_rows`. Raises InputError."""
    entries = Entries(path, unit="row")
    try:
        with pq.ParquetFile(path) as file:
            columns = _required(path, file.schema_arrow.names, names)
            if not pa.types.is_string(kind := file.schema_arrow.field(columns["image"][0]).type) and not (
                pa.types.is_large_string(kind)
            ):
                raise InputError(
                    f"the column '{columns['image'][0]}' of {path} holds {kind}, not file names",
                    "Name the column that does: --column image=NAME",
                )
            wanted = sorted({column for found in columns.values() for column in found})

            def rows() -> Iterator[tuple[int, Mapping[str, Any]]]:
                number = 0
                for batch in file.iter_batches(ROWS, columns=wanted):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, row

            _read_rows(entries, rows(), columns)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}", "Check the path and the file") from error
    except pa.ArrowException as error:
        raise InputError(f"{path} is not a Parquet file: {error}", "Is it whole? Fetch it again") from error
    return entries.by_image, entries.findings


def _required(path: Path, header: Sequence[str], names: Mapping[str, str]) -> dict[str, list[str]]:
    columns = _columns(header, names)
    for ours in ("image", "captions"):
        if not columns.get(ours):
            known = ", ".join(header) or "none"
            raise InputError(
                f"{path} has no column that looks like '{ours}'",
                f"Name it: --column {ours}=NAME. There are: {known}",
            )
    return columns


def _columns(header: Sequence[str], names: Mapping[str, str]) -> dict[str, list[str]]:
    """{what Gatherset knows: the columns it is in}; several for captions alone. Raises InputError for a wrong name."""
    if unknown := [ours for ours in names if ours not in NAMES]:
        raise InputError(f"Gatherset has no use for a column '{unknown[0]}'", f"It knows: {', '.join(NAMES)}")
    if missing := [theirs for theirs in names.values() if theirs not in header]:
        raise InputError(f"there is no column '{missing[0]}'", f"There are: {', '.join(header) or 'none'}")
    found = {}
    for ours, usual in NAMES.items():
        there = [column for name in usual for column in header if column.casefold() == name]
        found[ours] = [names[ours]] if ours in names else there[:1]
    if numbered := [column for column in header if _NUMBERED.fullmatch(column.casefold())]:
        found["captions"] = found["captions"] if "captions" in names else numbered
    return {ours: columns for ours, columns in found.items() if columns}


def _read_rows(
    entries: Entries, rows: Iterator[tuple[int, Mapping[str, Any]]], columns: Mapping[str, Sequence[str]]
) -> None:
    """Add the entries of the rows: those of one image one after the other are taken together, caption by caption.

    An image whose row holds a whole list has one row; a second one is a finding.
    """
    texts: dict[str, list[str]] = {}
    said: dict[str, tuple[int, dict[str, Any], bool]] = {}
    for number, row in rows:
        try:
            image, own, whole = _row(row, columns)
        except ValueError as error:
            entries.refuse(number, error, str(row[columns["image"][0]]).strip())
            continue
        if image not in said:
            fields = {
                ours: _text(row[there[0]]) for ours, there in columns.items() if ours not in ("image", "captions")
            }
            said[image], texts[image] = (number, fields, whole), own
        elif whole or said[image][2]:
            unit = entries.unit
            message = f"'{image}' stands in {unit} {said[image][0]} already; this {unit} is left out"
            entries.findings.append(Finding("GS103", "error", entries.where(number), message, "Keep one of the two"))
        else:
            texts[image] += own
    for image, (number, fields, _) in said.items():
        try:
            entries.add(as_entry(number, {"image": image, "captions": texts[image], **fields}, entries.unit))
        except ValueError as error:
            entries.refuse(number, error)


def _row(row: Mapping[str, Any], columns: Mapping[str, Sequence[str]]) -> tuple[str, list[str], bool]:
    """The image that a row names, its captions, and whether these are all there are."""
    image = _text(row[columns["image"][0]])
    if not image:
        raise ValueError("it names no image")
    if len(columns["captions"]) > 1:
        return image, [text for name in columns["captions"] if (text := _text(row[name]))], True
    value = row[columns["captions"][0]]
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        value = _list(value)
    if isinstance(value, list):
        if not all(isinstance(text, str) for text in value):
            raise ValueError(f"the captions of '{image}' are no texts")
        return image, value, True
    text = _text(value)
    return image, [text] if text else [], False


def _list(text: str) -> Any:
    """A list as JSON or as Python writes it (so does pandas), or the text itself: a caption may begin with a bracket.

    Raises ValueError for what looks like a list and is neither: NumPy's ['one' 'two'] would be read as one caption.
    """
    text = text.strip()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        value = ast.literal_eval(text)
        if repr(value) == text:
            return value
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        pass
    if text[1:2] in ("'", '"') and text.endswith("]"):
        raise ValueError(f"its captions look like a list and are none: {text[:40]}…")
    return text


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str | int):
        raise ValueError(f"{str(value)[:40]!r} is no text")
    return str(value).strip() or None
