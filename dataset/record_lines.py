"""The records of a release on their way into it: lines of canonical JSON, by id, in a file that has no name."""

from __future__ import annotations

import hashlib
import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import orjson

from gatherset.dataset.records import Record, canonical_bytes

_ODD = b" "  # what a line begins with that orjson cannot read


class RecordLines:
    """Records that are read several times, in parts: from the catalog they would come slowly, in memory not fit.

    The file is on the disk of `folder` (None: a temporary one); it is gone with the process, even a killed one.
    """

    def __init__(self, records: Iterable[Record], folder: Path | None = None) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._starts = array("Q", [0])  # of each line, and the end
        digest = hashlib.sha256()
        for record in records:
            line = _line(record)
            digest.update(line.removeprefix(_ODD))
            self._starts.append(self._starts[-1] + self._file.write(line))
        self.content_hash = digest.hexdigest()

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[Record]:
        for chunk in self.chunks(500):
            yield from records_in(chunk)

    def chunks(self, size: int) -> Iterator[bytes]:
        """The lines, `size` of them at a time; see `records_in`."""
        for first in range(0, len(self), size):
            start, end = self._starts[first], self._starts[min(first + size, len(self))]
            self._file.seek(start)
            yield self._file.read(end - start)

    def close(self) -> None:
        self._file.close()


def records_in(chunk: bytes) -> Iterator[Record]:
    """The records of whole lines."""
    for line in chunk.split(b"\n")[:-1]:
        yield json.loads(line) if line.startswith(_ODD) else orjson.loads(line)


def _line(record: Record) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a number of more than 64 bits, or half a character: the rules will have something to say
        pass
    try:
        return _ODD + canonical_bytes(record) + b"\n"
    except UnicodeEncodeError:
        return _ODD + json.dumps(record).encode() + b"\n"
