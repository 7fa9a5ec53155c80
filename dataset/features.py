"""The feature file: the region features of a release, in one file that is read without loading it.

magic           8 bytes  b"GSFEAT01"
header length   uint64, little endian
rows finished   uint64, little endian; smaller than the number of ids while the file is being written
header          JSON, see `Header`
regions         float16 [n, K, D], at the next multiple of 64 bytes
boxes           float32 [n, K, 4], at the next multiple of 64 bytes: x0 y0 x1 y1 relative to the image, 0 to 1
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from gatherset.dataset.errors import FeaturesError

FORMAT = 1
MAGIC = b"GSFEAT01"
_PREFIX = struct.Struct("<8sQQ")
_ALIGNMENT = 64

Float16s = NDArray[np.float16]
Float32s = NDArray[np.float32]


class ReleaseIdentity(Protocol):
    """What tells one release from another; `gatherset.dataset.loading.Release` has it."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def content_hash(self) -> str: ...


@dataclass(frozen=True)
class ExtractorIdentity:
    """What tells one extractor from another: features of two that differ in any of these do not mix."""

    name: str  # as in the registry of extractors: efficientnet_lite0
    settings: dict[str, int | float | str]  # input side, grid, …
    weights_sha256: str  # of the file with the weights

    @property
    def hash(self) -> str:
        """sha256 (hex) of name, settings and weights together."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Header:
    """What the file holds and where it comes from."""

    extractor: ExtractorIdentity  # what made the features
    release_name: str  # "mg"
    release_version: str  # "1.0.0"
    release_hash: str  # content hash of the release, hex
    regions: int  # K, regions an image
    dim: int  # D, numbers a region
    ids: list[str]  # record ids, in the order of the rows

    def to_bytes(self) -> bytes:
        """Canonical JSON: the same header gives the same bytes."""
        document = {
            "format": FORMAT,
            "extractor": {**asdict(self.extractor), "hash": self.extractor.hash},
            "release": {"name": self.release_name, "version": self.release_version, "content_hash": self.release_hash},
            "regions": self.regions,
            "dim": self.dim,
            "dtype": "float16",
            "ids": self.ids,
        }
        return json.dumps(document, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Header:
        """Raise KeyError, TypeError or ValueError where `raw` is not a header of this format."""
        document = json.loads(raw)
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}, this version of Gatherset reads format {FORMAT}")
        extractor, release = document["extractor"], document["release"]
        return cls(
            extractor=ExtractorIdentity(extractor["name"], extractor["settings"], extractor["weights_sha256"]),
            release_name=release["name"],
            release_version=release["version"],
            release_hash=release["content_hash"],
            regions=document["regions"],
            dim=document["dim"],
            ids=document["ids"],
        )


@dataclass(frozen=True)
class _Layout:
    """Where the parts of a file with this header lie, in bytes."""

    regions: int
    boxes: int
    end: int
    region_row: int
    box_row: int

    @classmethod
    def of(cls, header: Header, header_length: int) -> _Layout:
        n, region_row, box_row = len(header.ids), header.regions * header.dim * 2, header.regions * 4 * 4
        regions = _aligned(_PREFIX.size + header_length)
        boxes = _aligned(regions + n * region_row)
        return cls(regions, boxes, boxes + n * box_row, region_row, box_row)


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


def _read_head(file: BinaryIO, path: Path) -> tuple[Header, int, int]:
    """The header, its length in bytes, and the number of finished rows."""
    again = "Make it again with `gatherset features`"
    prefix = file.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size or not prefix.startswith(MAGIC):
        raise FeaturesError(f"{path} is not a feature file", again)
    _, length, rows = _PREFIX.unpack(prefix)
    if length > path.stat().st_size:
        raise FeaturesError(f"{path} has a damaged header", again)
    try:
        return Header.from_bytes(file.read(length)), length, rows
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise FeaturesError(f"{path} has a damaged header: {error}", again) from error


class FeatureFile:
    """A finished feature file, memory-mapped: rows are read from the disk when they are asked for."""

    def __init__(self, path: Path, header: Header, layout: _Layout) -> None:
        self.path = path
        self.header = header
        shape = (len(header.ids), header.regions)
        self._regions = np.memmap(path, np.float16, "r", layout.regions, (*shape, header.dim))
        self._boxes = np.memmap(path, np.float32, "r", layout.boxes, (*shape, 4))
        self._row = {record: row for row, record in enumerate(header.ids)}

    @classmethod
    def open(cls, path: str | Path) -> FeatureFile:
        """Open `path`; FeaturesError where it is missing, damaged or unfinished."""
        path = Path(path)
        try:
            with path.open("rb") as file:
                header, length, rows = _read_head(file, path)
        except OSError as error:
            raise FeaturesError(f"{path}: {error.strerror}", "Make it with `gatherset features`") from error
        layout = _Layout.of(header, length)
        if rows != len(header.ids) or path.stat().st_size != layout.end:
            raise FeaturesError(f"{path} is incomplete", "Run `gatherset features` again: it goes on where it stopped")
        return cls(path, header, layout)

    @property
    def ids(self) -> list[str]:
        """Record ids, in the order of the rows."""
        return self.header.ids

    def regions(self, which: Sequence[str] | slice) -> Float16s:
        """Region features [n, K, D] of the given record ids, or of a slice of rows."""
        return np.asarray(self._regions[self._rows(which)])

    def boxes(self, which: Sequence[str] | slice) -> Float32s:
        """Region boxes [n, K, 4] of the given record ids, or of a slice of rows: x0 y0 x1 y1, relative."""
        return np.asarray(self._boxes[self._rows(which)])

    def _rows(self, which: Sequence[str] | slice) -> slice | list[int]:
        if isinstance(which, slice):
            return which
        try:
            return [self._row[record] for record in which]
        except KeyError as error:
            raise FeaturesError(
                f"{self.path} has no features of record {error.args[0]}", "Make them with `gatherset features`"
            ) from error

    def require(self, release: ReleaseIdentity) -> None:
        """Raise FeaturesError, naming both hashes, unless these are the features of `release`."""
        if self.header.release_hash != release.content_hash:
            raise FeaturesError(
                f"{self.path} holds features of {self.header.release_name}@{self.header.release_version} "
                f"(content {self.header.release_hash}), not of {release.name}@{release.version} "
                f"(content {release.content_hash})",
                f"Run `gatherset features {release.name}@{release.version}`",
            )


class FeatureWriter:
    """Writes a feature file row by row; stopped in the middle, it goes on at the row it had reached.

    Everything goes to `<path>.partial`; leaving the `with` block with all rows written moves that to `path`.
    A partial file with another header (other release, extractor or settings) is begun anew.
    """

    def __init__(self, path: str | Path, header: Header) -> None:
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + ".partial")
        self._total = len(header.ids)
        self._shape = (header.regions, header.dim)
        self._raw_header = header.to_bytes()
        self._layout = _Layout.of(header, len(self._raw_header))
        self.rows = self._rows_of_partial()
        if not self.rows:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.partial.write_bytes(_PREFIX.pack(MAGIC, len(self._raw_header), 0) + self._raw_header)
        self._file = self.partial.open("r+b")

    def append(self, regions: NDArray[np.floating], boxes: NDArray[np.floating]) -> None:
        """Write the next rows: regions [b, K, D] and their boxes [b, K, 4]."""
        if regions.shape[1:] != self._shape or boxes.shape != (len(regions), self._shape[0], 4):
            raise ValueError(f"regions {regions.shape} and boxes {boxes.shape} do not fit [b, K, D] {self._shape}")
        with np.errstate(over="ignore"):
            stored = regions.astype("<f2")
        if not np.isfinite(stored).all():
            raise FeaturesError(f"{self.path}: the extractor gave a value that is not finite in float16", "Check it")
        self._write(self._layout.regions + self.rows * self._layout.region_row, stored.tobytes())
        self._write(self._layout.boxes + self.rows * self._layout.box_row, boxes.astype("<f4").tobytes())
        # The rows must be on the disk before they are counted.
        self._file.flush()
        self.rows += len(regions)
        self._write(0, _PREFIX.pack(MAGIC, len(self._raw_header), self.rows))
        self._file.flush()

    def __enter__(self) -> FeatureWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.rows == self._total:
            self._file.truncate(self._layout.end)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self.partial, self.path)
        self._file.close()

    def _write(self, offset: int, raw: bytes) -> None:
        self._file.seek(offset)
        self._file.write(raw)

    def _rows_of_partial(self) -> int:
        if not self.partial.is_file():
            return 0
        raw = self.partial.open("rb")
        with raw:
            prefix = raw.read(_PREFIX.size)
            if len(prefix) < _PREFIX.size or raw.read(len(self._raw_header)) != self._raw_header:
                return 0
        magic, length, rows = _PREFIX.unpack(prefix)
        return int(rows) if magic == MAGIC and length == len(self._raw_header) else 0


def file_name(release: ReleaseIdentity, extractor: str) -> str:
    """The name of the feature file of `release` by `extractor`: mg-1.0.0-efficientnet_lite0-448.feat."""
    return f"{release.name}-{release.version}-{extractor}.feat"
