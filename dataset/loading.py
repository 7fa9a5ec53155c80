"""Reading a release: `gatherset.load("releases/mg-1.0.0")["test"][0].captions`."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, overload

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from gatherset import schemas
from gatherset.dataset.errors import ReleaseError
from gatherset.dataset.formats import bucket_file, bucket_of, captions_file
from gatherset.dataset.records import SPLITS, Record

_FOLDER = re.compile(r".+-(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Example:
    """One image of a release with what the dataset says of it."""

    record: Record  # all of it, as in schemas/record.schema.json
    image_bytes: bytes  # the image file

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
        return Image.open(io.BytesIO(self.image_bytes))


class Split(Sequence[Example]):
    """The examples of one split, by id. Captions are in memory, pixels are read when asked for."""

    def __init__(self, release: Release, name: str) -> None:
        self.release = release
        self.name = name

    @cached_property
    def _table(self) -> pa.Table:
        path = self.release.path / captions_file(self.name)
        # A split without records has no file: Parquet readers of other tools stumble over empty ones.
        if not any(self.release.manifest["counts"].get(self.name, {}).values()):
            return None
        return _read(path)

    def _column(self, name: str) -> list[Any]:
        return [] if self._table is None else list(self._table[name].to_pylist())

    @cached_property
    def ids(self) -> list[str]:
        return self._column("id")

    @cached_property
    def captions(self) -> list[list[str]]:
        return self._column("captions")

    @cached_property
    def event_types(self) -> list[str]:
        return self._column("event_type")

    def records(self) -> Iterator[Record]:
        return (json.loads(text) for text in self._column("record"))

    def image_bytes(self, index: int) -> bytes:
        identity = self.ids[index]
        bucket = bucket_of(identity, self.release.manifest["buckets"])
        return _bucket(self.release.path / bucket_file(self.name, bucket))[identity]

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        position = range(len(self))[index]  # negative ones count from the end; raises IndexError
        return Example(json.loads(self._table["record"][position].as_py()), self.image_bytes(position))


class Release:
    """An opened, immutable release folder."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        self.splits = {name: Split(self, name) for name in SPLITS}

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

    def records(self) -> Iterator[Record]:
        for split in self.splits.values():
            yield from split.records()

    def __repr__(self) -> str:
        return f"{self.name}@{self.version}"


def load(reference: str | Path) -> Release:
    """Open the release in the folder `reference`. Raises ReleaseError for a missing or damaged manifest."""
    path = Path(reference)
    try:
        manifest = json.loads((path / "release.json").read_text(encoding="utf-8"))
        jsonschema.validate(manifest, schemas.read("release_manifest.schema.json"), jsonschema.Draft202012Validator)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ReleaseError(f"{path} is not a release: it has no release.json", "Name the folder of one") from error
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{path}/release.json cannot be read: {error}", "Get the release again") from error
    except jsonschema.ValidationError as error:
        where = f"{path}/release.json: {error.json_path}: {error.message}"
        raise ReleaseError(where, "Upgrade Gatherset, or get the release again") from error
    return Release(path, manifest)


def releases_in(folder: Path) -> dict[tuple[int, int, int], Path]:
    """The release folders in `folder` by version."""
    found = {}
    for path in folder.glob("*") if folder.is_dir() else ():
        if (match := _FOLDER.fullmatch(path.name)) and (path / "release.json").is_file():
            major, minor, patch = map(int, match.groups())
            found[major, minor, patch] = path
    return found


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise ReleaseError(f"{path} cannot be read: {error}", "Check it: gatherset validate FOLDER") from error


@lru_cache(maxsize=32)
def _bucket(path: Path) -> dict[str, bytes]:
    """The image files of one bucket by id. A release never changes, so what was read stays true."""
    table = _read(path, ["id", "image"])
    images = table["image"].combine_chunks().field("bytes")
    return dict(zip(table["id"].to_pylist(), images.to_pylist(), strict=True))
