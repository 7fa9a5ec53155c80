"""Measured parts: Parquet files with a row an image, as bulk work leaves them: it can be stopped, and goes on.

A part holds what was measured, what is said of each image, and the stored copies unless they were left out; so what
many machines have measured needs nothing but the parts to become a workspace: gatherset ingest PARTS.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gatherset.dataset.bulk import Job, Measuring, Row
from gatherset.dataset.candidates import Candidate
from gatherset.dataset.caption_file import Entry
from gatherset.dataset.errors import InputError
from gatherset.dataset.places import Place
from gatherset.dataset.progress import progress
from gatherset.dataset.records import canonical_bytes

PART = 4096  # images a part: all that a kill can cost
ROWS = 64  # images in memory at once, with their stored copies
_TEXTS, _NUMBERS = ("source_sha256", "sha256", "phash", "format", "next_step"), ("width", "height", "bytes")
SCHEMA = pa.schema(
    [
        ("ref", pa.string()),
        ("where", pa.string()),
        ("entry", pa.string()),  # JSON; null where nothing is said of the image
        *((name, pa.string()) for name in _TEXTS),
        *((name, pa.int64()) for name in _NUMBERS),
        ("error", pa.string()),
        ("data", pa.large_binary()),  # the stored copy, or null
    ]
)
Engine = Callable[[Measuring, Iterable[Job]], Generator[Row, None, None]]


def part_name(number: int) -> str:
    return f"part-{number:06d}.parquet"


def is_parts(folder: Path) -> bool:
    """Whether `folder` holds measured parts."""
    return (folder / part_name(0)).is_file()


def write_parts(candidates: Sequence[Candidate], measuring: Measuring, folder: Path, engine: Engine) -> int:
    """Measure the candidates into `folder`, a part at a time; those that are there already stay. The number measured.

    A part that was made of other images, or with other limits, is made again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pieces = [candidates[start : start + PART] for start in range(0, len(candidates), PART)]
    left = [(number, piece) for number, piece in enumerate(pieces) if _digest(folder, number) != _key(piece, measuring)]
    todo = [candidate for _, piece in left for candidate in piece]
    with closing(engine(measuring, (Job(candidate.place) for candidate in todo))) as rows:
        shown = progress(zip(todo, rows, strict=True), total=len(todo), label="measure")
        for number, piece in left:
            write_part(folder, number, islice(shown, len(piece)), _key(piece, measuring))
    for path in folder.glob("part-*.parquet"):
        if path.name not in {part_name(number) for number in range(len(pieces))}:
            path.unlink()  # of an earlier run over more images
    return len(todo)


def write_part(folder: Path, number: int, measured: Iterable[tuple[Candidate, Row]], key: str) -> None:
    """Write one part, whole or not at all; `key` says of what it was made."""
    path = folder / part_name(number)
    partial = path.with_name(f".{path.name}.partial")
    schema = SCHEMA.with_metadata({"gatherset": key})
    source = iter(measured)
    with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
        while some := list(islice(source, ROWS)):
            writer.write_table(pa.Table.from_pylist([_as_row(*one) for one in some], schema))
    os.replace(partial, path)


def _as_row(candidate: Candidate, row: Row) -> dict[str, Any]:
    entry = json.dumps(asdict(candidate.entry)) if candidate.entry else None
    return {"ref": candidate.ref, "where": candidate.where, "entry": entry, **vars(row)}


def count_parts(folder: Path) -> int:
    """The images in the parts. Raises InputError where one is missing or cannot be read."""
    return sum(_metadata(path).num_rows for path in _paths(folder))


def read_parts(folder: Path) -> Iterator[tuple[Candidate, Row]]:
    """The images in the parts, with what was measured. Raises InputError."""
    names = [field.name for field in fields(Row)]
    for path in _paths(folder):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(ROWS):
                    for values in batch.to_pylist():
                        yield _candidate(path, values), Row(**{name: values[name] for name in names})
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
            raise _damaged(path, error) from error


def _candidate(path: Path, values: dict[str, Any]) -> Candidate:
    entry = None
    if values["entry"]:
        said = json.loads(values["entry"])
        entry = Entry(**{**said, "captions": tuple(said["captions"])})
    return Candidate(Place(path), values["where"], values["ref"], entry)


def _paths(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("part-*.parquet"))
    for number, path in enumerate(paths):
        if path.name != part_name(number):
            raise InputError(f"{folder / part_name(number)} is missing", "Measure the images again: it goes on")
    return paths


def _metadata(path: Path) -> Any:
    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is damaged: {error}", "Remove it and measure the images again: it goes on")


def _digest(folder: Path, number: int) -> str | None:
    """Of what the part was made; None where there is none, or it is damaged."""
    try:
        metadata = pq.read_schema(folder / part_name(number)).metadata or {}
    except (pa.ArrowException, OSError):
        return None
    return metadata.get(b"gatherset", b"").decode() or None


def _key(piece: Sequence[Candidate], measuring: Measuring) -> str:
    limits = [measuring.max_pixels, measuring.min_side, measuring.carry]
    content = [
        limits,
        [[str(c.place.path), c.place.offset, c.place.length, c.entry and asdict(c.entry)] for c in piece],
    ]
    return hashlib.sha256(canonical_bytes(content)).hexdigest()
