"""Places: where the bytes of an image lie, in a file of its own or within a larger one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    path: Path
    offset: int = 0  # bytes before it
    length: int | None = None  # bytes; None: to the end of the file

    def size(self) -> int:
        """The bytes, as many as a file says that it has; 0 where it is not there."""
        if self.length is not None:
            return self.length
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def read(self) -> bytes:
        """The bytes. Raises OSError."""
        if self.length is None:
            return self.path.read_bytes()
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)
