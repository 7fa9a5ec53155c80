"""Reading a release: `gatherset.load("mg@1.2")["test"][0].captions`, or a folder in the place of the name."""

from __future__ import annotations

import heapq
import json
import re
import threading
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import jsonschema
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from gatherset import schemas
from gatherset.dataset.errors import ReleaseError
from gatherset.dataset.formats import CAPTIONS_SCHEMA, bucket_file, bucket_of, captions_file
from gatherset.dataset.images import opened
from gatherset.dataset.records import SPLITS, Record
from gatherset.dataset.release_folder import MANIFEST, PULLED
from gatherset.dataset.retractions import Retraction, RetractionWarning, folder_retractions
from gatherset.dataset.versions import parse_wanted

if TYPE_CHECKING:
    import pandas

_FOLDER = re.compile(r".+-(\d+)\.(\d+)\.(\d+)")
_ONE_READER = threading.Lock()  # an open Parquet file serves one thread at a time
_GROUPS_KEPT = 8  # row groups in memory, for readers that go through a split in order


@dataclass(frozen=True)
class Example:
    """One image of a release with what the dataset says of it."""

    record: Record  # all of it, as in schemas/record.schema.json
    image_bytes: bytes  # the image file; empty where the release was made or pulled without images

    @property
    def id(self) -> str:
        return str(self.record["id"])

    @property
    def captions(self) -> list[str]:
        return [entry["text"] for entry in self.record["captions"]]

    @property
    def event_type(self) -> str:
        return str(self.record["event"]["type"])

    @property
    def image(self) -> Image.Image:
        """The picture. Raises ReleaseError where there is none."""
        if not self.image_bytes:
            raise ReleaseError(f"{self.id} is here without its image", "Pull the release without --captions-only")
        return opened(self.image_bytes)


class Split(Sequence[Example]):
    """The examples of one split, by id. What is not asked for is not read."""

    def __init__(self, release: Release, name: str) -> None:
        self.release = release
        self.name = name

    @cached_property
    def _path(self) -> Path | None:
        """The captions file; None for a split without records, which has no file."""
        if self.name not in self.release.pulled_splits:
            step = f"Get it: gatherset pull {self.release} --split {self.name}"
            raise ReleaseError(f"{self.release} was pulled without its split '{self.name}'", step)
        if not any(self.release.manifest["counts"].get(self.name, {}).values()):
            return None
        return self.release.path / captions_file(self.name)

    def _column(self, name: str) -> list[Any]:
        """A column of all rows of the captions file, retracted ones as well."""
        return [] if self._path is None else list(_read(self._path, [name])[name].to_pylist())

    @cached_property
    def _all_ids(self) -> list[str]:
        return self._column("id")

    @cached_property
    def _rows(self) -> Sequence[int]:
        """The rows that are shown."""
        hidden = self.release.retracted
        if not hidden:
            return range(len(self._all_ids))
        return [row for row, identity in enumerate(self._all_ids) if identity not in hidden]

    def _shown(self, name: str) -> list[Any]:
        values = self._column(name)
        if len(values) != len(self._all_ids):
            raise _unreadable(self.release.path, ValueError(f"its column {name} is shorter or longer than its ids"))
        return values if len(self._rows) == len(values) else [values[row] for row in self._rows]

    @cached_property
    def ids(self) -> list[str]:
        return [self._all_ids[row] for row in self._rows]

    @cached_property
    def captions(self) -> list[list[str]]:
        return self._shown("captions")

    @cached_property
    def event_types(self) -> list[str]:
        return self._shown("event_type")

    def records(self) -> Iterator[Record]:
        """The records one after the other, in little memory."""
        if self._path is None:
            return
        for table in _row_groups(self._path, ["id", "record"]):
            for identity, text in zip(table["id"].to_pylist(), table["record"].to_pylist(), strict=True):
                if identity not in self.release.retracted:
                    yield _parsed(text, self._path)

    def to_pandas(self) -> pandas.DataFrame:
        """A table of everything but the pixels, a row an image, in the order of `ids`."""
        table = CAPTIONS_SCHEMA.empty_table() if self._path is None else _read(self._path)
        frame: pandas.DataFrame = table.take(pa.array(self._rows, pa.int64())).drop_columns(["record"]).to_pandas()
        return frame

    def image_bytes(self, index: int) -> bytes:
        """The image file of one example; empty where the release was made or pulled without images."""
        return self[index].image_bytes

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        row = self._rows[range(len(self))[index]]  # negative ones count from the end; raises IndexError
        path, place = self._place(row)
        table, start = _group_at(path, place)
        values = table.slice(place - start, 1).to_pylist()
        if not values or values[0]["id"] != self._all_ids[row]:
            message = f"{path} does not hold {self._all_ids[row]} where it should"
            raise ReleaseError(message, "Check it: gatherset validate FOLDER")
        image = values[0].get("image") or {}
        if self.release.has_images and not image.get("bytes"):
            raise _unreadable(path, ValueError(f"it has no image of {self._all_ids[row]}"))
        return Example(_parsed(values[0]["record"], path), image.get("bytes", b""))

    def _place(self, row: int) -> tuple[Path, int]:
        """The file that holds a row, and the row's number in it."""
        if not self.release.has_images:
            assert self._path is not None
            return self._path, row
        buckets = self.release.manifest["buckets"]
        try:
            bucket = bucket_of(self._all_ids[row], buckets)
        except ValueError as error:
            raise _unreadable(self.release.path / captions_file(self.name), error) from error
        return self.release.path / bucket_file(self.name, bucket), row - self._bucket_starts[bucket]

    @cached_property
    def _bucket_starts(self) -> list[int]:
        """The row with which each bucket begins: rows are in the order of ids, and so are buckets."""
        buckets = self.release.manifest["buckets"]
        return [bisect_left(self._all_ids, f"gs-{-(-bucket * 256 // buckets):02x}") for bucket in range(buckets)]


class Release:
    """An opened, immutable release folder."""

    def __init__(self, path: Path, manifest: dict[str, Any], pulled: Mapping[str, Any], retracted: frozenset[str]):
        self.path = path
        self.manifest = manifest
        self.pulled_splits: tuple[str, ...] = tuple(pulled.get("splits", SPLITS))
        self.has_images: bool = manifest.get("images", True) and not pulled.get("captions_only", False)
        self.retracted = retracted  # ids that are hidden
        self.splits = {name: Split(self, name) for name in SPLITS}

    def hide(self, retractions: Iterable[Retraction]) -> tuple[Retraction, ...]:
        """Leave these records out from now on, before any was read; returns those that it has and had not hidden."""
        here = {identity for split in self.pulled_splits for identity in Split(self, split).ids}
        new = tuple(entry for entry in retractions if entry.id in here)
        self.retracted |= {entry.id for entry in new}
        return new

    @property
    def whole(self) -> bool:
        """Whether all of its files are here."""
        return self.pulled_splits == SPLITS and self.has_images == self.manifest.get("images", True)

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def version(self) -> str:
        return str(self.manifest["version"])

    @property
    def content_hash(self) -> str:
        return str(self.manifest["content_hash"])

    @property
    def event_types(self) -> list[str]:
        return list(self.manifest["event_types"])

    def __getitem__(self, split: str) -> Split:
        if split not in self.splits:
            raise ReleaseError(f"{self} has no split '{split}'", f"There is: {', '.join(SPLITS)}")
        return self.splits[split]

    def __iter__(self) -> Iterator[Record]:
        return self.records()

    def records(self) -> Iterator[Record]:
        """The records of the splits that are here, train first."""
        for split in self.pulled_splits:
            yield from self.splits[split].records()

    def records_by_id(self) -> Iterator[Record]:
        """The records of the splits that are here, whatever their split."""
        return heapq.merge(*(self.splits[split].records() for split in self.pulled_splits), key=lambda r: str(r["id"]))

    def to_pandas(self) -> pandas.DataFrame:
        """A table of everything but the pixels, with a column `split`."""
        import pandas

        return pandas.concat(
            [self.splits[name].to_pandas().assign(split=name) for name in self.pulled_splits], ignore_index=True
        )

    def __repr__(self) -> str:
        return f"{self.name}@{self.version}"


def load(reference: str | Path, *, registry: str | None = None) -> Release:
    """Open a release: the folder `reference`, or the one that "mg@1.2" stands for.

    By name it is pulled from `registry` (default: $GATHERSET_REGISTRY) into the cache; where there is no registry, the
    newest fitting one that was pulled before is taken. Of a folder `registry` is asked for its retractions alone.
    Retracted records are left out, with a RetractionWarning. Raises ReleaseError for a missing or damaged release, and
    for a name that stands for different releases of several registries.
    """
    known: tuple[Retraction, ...] = ()
    # A folder that is no release does not stand in the way of a name: workspaces are often called like their dataset.
    if isinstance(reference, Path) or "/" in reference or (Path(reference) / MANIFEST).is_file():
        release = open_release(Path(reference))
        if registry is not None:
            from gatherset.dataset.registry import Registry

            known = release.hide(Registry(registry).retractions())
    else:
        from gatherset.dataset.pull import pulled_release

        release = pulled_release(parse_wanted(reference), registry)
    known += folder_retractions(release.path)
    if known:
        named = ", ".join(f"{entry.id} ({entry.reason})" for entry in known[:5]) + (", …" if len(known) > 5 else "")
        warnings.warn(f"{release}: {len(known)} retracted records are left out: {named}", RetractionWarning, 2)
    return release


def open_release(path: Path) -> Release:
    """The release in the folder `path`. Raises ReleaseError for a missing or damaged manifest."""
    try:
        manifest = read_manifest((path / MANIFEST).read_bytes(), f"{path}/{MANIFEST}")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ReleaseError(f"{path} is not a release: it has no {MANIFEST}", "Name the folder of one") from error
    except OSError as error:
        raise ReleaseError(f"{path}/{MANIFEST} cannot be read: {error}", "Get the release again") from error
    return Release(path, manifest, _pulled(path), frozenset(entry.id for entry in folder_retractions(path)))


def _pulled(path: Path) -> dict[str, Any]:
    """What pull left out, where it did."""
    note = path / PULLED
    try:
        said = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise ReleaseError(f"{note} cannot be read: {error}", "Pull the release again") from error
    if not isinstance(said, dict):
        raise ReleaseError(f"{note} does not say what was pulled", "Pull the release again")
    return said


def read_manifest(data: bytes, where: str) -> dict[str, Any]:
    """The manifest in `data`. Raises ReleaseError, which names `where`, for one that is damaged or of a newer form."""
    try:
        manifest = json.loads(data.decode("utf-8"))
        jsonschema.validate(manifest, schemas.read("release_manifest.schema.json"), jsonschema.Draft202012Validator)
    except (ValueError, RecursionError) as error:
        raise ReleaseError(f"{where} cannot be read: {error}", "Get the release again") from error
    except jsonschema.ValidationError as error:
        message = error.message if len(error.message) < 200 else error.message[:200] + "…"
        text = f"{where}: {error.json_path}: {message}"
        raise ReleaseError(text, "Upgrade Gatherset, or get the release again") from error
    return dict(manifest)


def releases_in(folder: Path) -> dict[tuple[int, int, int], Path]:
    """The release folders in `folder` by version."""
    found = {}
    for path in folder.glob("*") if folder.is_dir() else ():
        if (match := _FOLDER.fullmatch(path.name)) and (path / MANIFEST).is_file():
            major, minor, patch = map(int, match.groups())
            found[major, minor, patch] = path
    return found


def _unreadable(path: Path, error: Exception) -> ReleaseError:
    return ReleaseError(f"{path} cannot be read: {error}", "Check it: gatherset validate FOLDER")


_FIELDS = frozenset(schemas.read("record.schema.json")["required"])


def _parsed(text: Any, path: Path) -> Record:
    """The record in a cell of the column `record`. Raises ReleaseError where there is none."""
    try:
        record = orjson.loads(text)
    except ValueError as error:
        raise _unreadable(path, error) from error
    if isinstance(record, dict) and record.keys() >= _FIELDS:
        return record
    raise _unreadable(path, ValueError("what should be a record is none"))


def _valid(table: pa.Table, columns: Iterable[str] = ()) -> pa.Table:
    """The table; pyarrow.ArrowInvalid where a damaged file made texts of it that are none, or has not these columns."""
    if missing := sorted(set(columns) - set(table.column_names)):
        raise pa.ArrowInvalid(f"it has no column {missing[0]}")
    table.validate(full=True)
    return table


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        return _valid(pq.read_table(path, columns=columns), columns or ())
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _row_groups(path: Path, columns: list[str]) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield _valid(file.read_row_group(number, columns), columns)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


_Stamp = tuple[int, int]  # inode and time of change: a file that a retraction wrote anew is opened anew


@lru_cache(maxsize=64)
def _opened(path: Path, stamp: _Stamp) -> tuple[pq.ParquetFile, list[int]]:
    """The file, and the row with which each of its row groups begins."""
    file = pq.ParquetFile(path, memory_map=True)
    lengths = (file.metadata.row_group(number).num_rows for number in range(file.num_row_groups))
    return file, [0, *accumulate(lengths)]


@lru_cache(maxsize=_GROUPS_KEPT)
def _group(path: Path, stamp: _Stamp, number: int) -> pa.Table:
    file, _ = _opened(path, stamp)
    wanted = [name for name in ("id", "image", "record") if name in file.schema_arrow.names]
    return _valid(file.read_row_group(number, wanted, use_threads=False), ("id", "record"))


def _group_at(path: Path, place: int) -> tuple[pa.Table, int]:
    """The row group that holds row `place` of a file, and the row with which it begins."""
    try:
        status = path.stat()
        stamp = (status.st_ino, status.st_mtime_ns)
        with _ONE_READER:
            starts = _opened(path, stamp)[1]
            number = bisect_left(starts, place + 1) - 1
            if number >= len(starts) - 1:
                return pa.table({"id": []}), place
            return _group(path, stamp, number), starts[number]
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
