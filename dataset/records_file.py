"""A file of records, one JSON object a line: read in parts, so that a large one can be checked by several processes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.records import SCHEMA_VERSION, Record

PART = 8_000_000  # bytes read at once: some 6,000 records
MAX_LINE = 4_000_000  # bytes; a longer line is no record, and is not parsed
FUTURE = "GS105"  # the finding for a record that a newer Gatherset wrote
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})")


@dataclass(frozen=True)
class Part:
    """Whole lines of the file."""

    path: Path
    offset: int  # bytes
    length: int  # bytes
    first_line: int  # counted from 1


def parts(path: Path, size: int = PART) -> list[Part]:
    """`path` in parts of about `size` bytes that end with a line. Raises InputError for what cannot be read."""
    found: list[Part] = []
    offset, line = 0, 1
    try:
        with path.open("rb") as file:
            while piece := _whole_lines(file, size):
                length, lines = piece
                found.append(Part(path, offset, length, line))
                offset, line = offset + length, line + lines
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "Check the path and its permissions") from error
    return found


def _whole_lines(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """(bytes, lines) of the next part, with the position of `file` behind it; None at the end of the file."""
    length = lines = 0
    while block := file.read(size):
        end = block.rfind(b"\n") + 1
        if end:
            file.seek(end - len(block), 1)
            return length + end, lines + block.count(b"\n")
        length += len(block)  # a line longer than a part is not kept in memory
    return (length, lines) if length else None


def read_part(part: Part) -> Iterator[tuple[str, Record | Finding]]:
    """(`file:line id`, the record) of each line that is not empty, or the finding that keeps it from being read."""
    with part.path.open("rb") as file:
        file.seek(part.offset)
        number, end = part.first_line, part.offset + part.length
        while file.tell() < end and (line := file.readline(MAX_LINE)):
            where = f"{part.path}:{number}"
            if len(line) == MAX_LINE and line[-1:] != b"\n":
                while (rest := file.readline(MAX_LINE)) and rest[-1:] != b"\n":
                    pass
                yield where, _unreadable(where, f"the line has more than {MAX_LINE} bytes")
            elif not line.isspace():
                yield _parse(where, line)
            number += 1


def read_records_file(path: Path) -> Iterator[tuple[str, Record | Finding]]:
    """All lines of the file, as `read_part` gives them."""
    for part in parts(path):
        yield from read_part(part)


def _parse(where: str, line: bytes) -> tuple[str, Record | Finding]:
    try:
        record = orjson.loads(line)
    except ValueError:
        try:  # it says better what is wrong, and takes a few odd but readable ones, which the rules then judge
            record = json.loads(line.strip().decode("utf-8-sig"), parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            return where, _unreadable(where, f"the line is not JSON: {error.msg} at character {error.pos + 1}")
        except (ValueError, RecursionError) as error:
            return where, _unreadable(where, f"the line is not JSON: {error}")
    if not isinstance(record, dict):
        return where, _unreadable(where, "the line is not a JSON object")
    if isinstance(record.get("id"), str):
        where = f"{where} {record['id']}"
    version = record.get("schema_version")
    if version != SCHEMA_VERSION and _is_newer(version):
        message = f"the record has the shape {version}; this Gatherset reads {SCHEMA_VERSION}"
        return where, Finding(FUTURE, "error", where, message, "Upgrade: pip install -U gatherset")
    return where, record


def _is_newer(version: Any) -> bool:
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    return match is not None and (int(match[1]), int(match[2])) > tuple(map(int, SCHEMA_VERSION.split(".")))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _unreadable(where: str, message: str) -> Finding:
    return Finding("GS100", "error", where, message, "Mend the line")
