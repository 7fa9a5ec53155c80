"""Measured parts: Parquet files with a row an image, as bulk work leaves them: it can be stopped, and goes on.

A part holds what was measured, what is said of each image, and the stored copies; so what many machines have measured
needs nothing but the parts to become a workspace: gatherset ingest PARTS. They may have come from anywhere, so a row
is believed only where it is whole and its stored copy has the hash that it names.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gatherset.dataset.bulk import HEAVY, Job, Measuring, Row, pieces
from gatherset.dataset.candidates import Candidate
from gatherset.dataset.caption_file import as_entry, parse
from gatherset.dataset.errors import InputError
from gatherset.dataset.images import SUFFIX
from gatherset.dataset.places import Place
from gatherset.dataset.processes import Workers
from gatherset.dataset.progress import progress
from gatherset.dataset.records import canonical_bytes

PART = 4096  # images a part: all that a kill can cost
ROWS = 1024  # images written, read, and so in memory at once: fewer where their stored copies are HEAVY together
_TEXTS, _NUMBERS = ("source_sha256", "sha256", "phash", "format", "next_step"), ("width", "height", "bytes")
SCHEMA = pa.schema(
    [
        ("ref", pa.string()),
        ("where", pa.string()),
        ("entry", pa.string()),  # JSON; null where nothing is said of the image
        *((name, pa.string()) for name in _TEXTS),
        *((name, pa.int64()) for name in _NUMBERS),
        ("error", pa.string()),
        ("data", pa.large_binary()),  # the stored copy; null where there is an error
    ]
)
GROUPS = 16  # of so many images: about a second's work, from which other processes are worth starting
KEY = "gatherset"  # in a part's schema: of what it was made
_ROW = [field.name for field in fields(Row)]
_PART = re.compile(r"part-\d{6}\.parquet")
_SHA256, _PHASH = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{16}")
Engine = Callable[[Measuring, Iterable[Job]], Generator[Row, None, None]]


def part_name(number: int) -> str:
    return f"part-{number:06d}.parquet"


def is_parts(folder: Path) -> bool:
    """Whether `folder` holds measured parts."""
    return (folder / part_name(0)).is_file()


def write_parts(candidates: Sequence[Candidate], measuring: Measuring, folder: Path, engine: Engine) -> int:
    """Measure the candidates into `folder`, a part at a time; those that are there already stay. The number measured.

    A part that was made of other images, of images that have changed, or with other limits, is made again. Raises
    InputError where the folder holds Parquet files of another making.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = _own_parts(folder)
    batches = [candidates[start : start + PART] for start in range(0, len(candidates), PART)]
    keys = [_key(batch, measuring) for batch in batches]
    left = [(number, piece) for number, piece in enumerate(batches) if _digest(folder, number) != keys[number]]
    todo = [candidate for _, piece in left for candidate in piece]
    with closing(engine(measuring, (Job(candidate.place) for candidate in todo))) as rows:
        shown = progress(zip(todo, rows, strict=True), total=len(todo), label="measure")
        for number, piece in left:
            write_part(folder, number, islice(shown, len(piece)), keys[number])
    for path in before:
        if path.name not in {part_name(number) for number in range(len(batches))}:
            path.unlink()  # of an earlier run over more images
    return len(todo)


def _own_parts(folder: Path) -> list[Path]:
    """The parts that are there, which a run may replace and remove. Raises InputError for anybody else's."""
    paths = sorted(folder.glob("part-*.parquet"))  # Spark and others call theirs so, too
    for path in paths:
        if not _PART.fullmatch(path.name) or KEY.encode() not in (_metadata(path).metadata or {}):
            raise InputError(f"{path} was not made by gatherset measure", "Name an empty folder for the parts")
    return paths


def write_part(folder: Path, number: int, measured: Iterable[tuple[Candidate, Row]], key: str) -> None:
    """Write one part, whole or not at all; `key` says of what it was made."""
    path = folder / part_name(number)
    partial = path.with_name(f".{path.name}.partial")
    schema = SCHEMA.with_metadata({KEY: key})
    with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
        for some in pieces(measured, ROWS, HEAVY, lambda one: len(one[1].data or b"")):
            writer.write_table(pa.Table.from_pylist([_as_row(*one) for one in some], schema))
    os.replace(partial, path)


def _as_row(candidate: Candidate, row: Row) -> dict[str, Any]:
    entry = json.dumps(asdict(candidate.entry)) if candidate.entry else None
    return {"ref": candidate.ref, "where": candidate.where, "entry": entry, **vars(row)}


def count_parts(folder: Path) -> int:
    """The images in the parts. Raises InputError where one is missing or cannot be read."""
    return sum(_metadata(path).num_rows for path in _paths(folder))


def read_parts(folder: Path, *, pixels: bool = True) -> Iterator[tuple[Candidate, Row]]:
    """The images in the parts, with what was measured; a row that cannot be true has an error. Raises InputError.

    Without `pixels` a row is believed without its stored copy: of specimens, say, which can be drawn at any time.
    """
    groups = [(path, number) for path in _paths(folder) for number in range(_metadata(path).num_row_groups)]
    workers = Workers(pixels, len(groups) // GROUPS)
    try:
        with closing(workers.in_order(_read_group, groups)) as found:
            for rows in found:
                yield from rows
    finally:
        workers.close()


def _read_group(pixels: bool, group: tuple[Path, int]) -> list[tuple[Candidate, Row]]:
    """The images of one group of a part: what was written together, and so is not too heavy together."""
    path, number = group
    try:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(ROWS, row_groups=[number], columns=SCHEMA.names)
            return [_measured(path, values, pixels) for batch in batches for values in _rows(batch)]
    except (pa.ArrowException, OSError, KeyError) as error:
        raise _damaged(path, error) from error


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """What `batch.to_pylist` gives, by columns: in a tenth of its time."""
    names = batch.schema.names
    columns = [_values(batch.column(name)) for name in names]
    return (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))


def _values(column: pa.Array) -> list[Any]:
    whole = pa.types.is_integer(column.type) and not column.null_count  # NumPy has no whole number that is missing
    if whole or column.type in (pa.string(), pa.large_binary()):
        return list(column.to_numpy(zero_copy_only=False).tolist())
    return list(column.to_pylist())


def _measured(path: Path, values: dict[str, Any], pixels: bool) -> tuple[Candidate, Row]:
    where, ref = str(values["where"] or path), str(values["ref"] or "")
    entry = None
    row = Row(*[values[name] for name in _ROW])
    try:
        if values["entry"]:
            said = parse(values["entry"].encode())
            entry = as_entry(0, said)  # its place in its file is in `where`
        if not ref:
            raise ValueError("it has no name")
        if row.error is None:
            _require_true(row, pixels)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        row = Row(error=f"its row in {path.name} cannot be used: {error}", next_step="Measure the image again")
    return Candidate(Place(path), where, ref, entry), row


def _require_true(row: Row, pixels: bool) -> None:
    """Raise ValueError for what cannot have been measured: the names of the files in the store are made of it."""
    if not _SHA256.fullmatch(row.source_sha256) or not _SHA256.fullmatch(row.sha256):
        raise ValueError("a sha256 has 64 hex digits")
    if not _PHASH.fullmatch(row.phash) or row.format not in SUFFIX or min(row.width, row.height) < 1:
        raise ValueError(
            f"no image is {row.width} x {row.height}, '{row.format}', with the perceptual hash {row.phash}"
        )
    if row.data is None and not pixels:
        return
    if row.data is None:
        raise ValueError("its stored copy is not in it")
    if len(row.data) != row.bytes or hashlib.sha256(row.data).hexdigest() != row.sha256:
        raise ValueError("its stored copy is not the one that was measured")


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
    return metadata.get(KEY.encode(), b"").decode() or None


def _key(piece: Sequence[Candidate], measuring: Measuring) -> str:
    content = [
        [measuring.max_pixels, measuring.min_side],
        [[*_place(c), c.entry and asdict(c.entry)] for c in piece],
    ]
    return hashlib.sha256(canonical_bytes(content)).hexdigest()


def _place(candidate: Candidate) -> list[Any]:
    """Where the image lies, and what a file shows that was written anew."""
    place = candidate.place
    try:
        state = place.path.stat()
        written = [state.st_size, state.st_mtime_ns]
    except OSError:  # measuring it says why
        written = []
    return [str(place.path), place.offset, place.length, *written]
