"""The content-addressed image store: a file is named after the sha256 of its bytes and never changes."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from gatherset.dataset.errors import ImageError
from gatherset.dataset.images import SUFFIX, thumbnail


class ImageStore:
    """Stored copies in `folder`, thumbnails of them (made when first asked for) in `thumbnails`."""

    def __init__(self, folder: Path, thumbnails: Path) -> None:
        self.folder = folder
        self.thumbnails = thumbnails

    def path(self, sha256: str, image_format: str) -> Path:
        """Where the stored copy with this hash is, or would be."""
        return self.folder / sha256[:2] / f"{sha256}{SUFFIX[image_format]}"

    def add(self, sha256: str, image_format: str, data: bytes) -> None:
        """Store `data`; nothing happens where it is there already."""
        path = self.path(sha256, image_format)
        if not path.exists():
            write_whole(path, data)

    def read(self, sha256: str, image_format: str) -> bytes:
        """The stored copy. Raises ImageError where it is missing."""
        path = self.path(sha256, image_format)
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise ImageError(f"{path} is missing from the image store", "Ingest its folder again") from error

    def thumbnail(self, sha256: str, image_format: str, *, side: int) -> Path:
        """A JPEG of the stored copy, at most `side` pixels wide and high."""
        path = self.thumbnails / sha256[:2] / f"{sha256}-{side}.jpg"
        if not path.exists():
            write_whole(path, thumbnail(self.read(sha256, image_format), side=side))
        return path


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that the file is there whole or not at all, whatever happens meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk does not say which file
        raise
    finally:
        partial.unlink(missing_ok=True)
