"""The body of an answer on its way to a file: unpacked, with its size counted, and given up where it has too much."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

from gatherset.dataset.web.outcome import INVALID, Outcome

PIECE = 1 << 16  # bytes that are unpacked at once: a bomb is noticed after one piece too many
_UNPACKED = frozenset({"", "identity"})
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_MAYBE_IMAGE = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/binary"})


class TooLargeError(Exception):
    """There is more than the limit allows."""


class DamagedError(Exception):
    """It cannot be unpacked."""


def not_an_image(response: httpx.Response, most: int) -> Outcome | None:
    """Why the headers of an answer with status 200 say that no image follows; None where one may."""
    said = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not said.startswith("image/") and said not in _MAYBE_IMAGE:
        kind = "a page" if said in ("text/html", "application/xhtml+xml") else "another type"
        return Outcome(INVALID, kind, f"the answer is {said[:80]}, with status 200")
    coding = _coding(response)
    if coding not in _UNPACKED | _PACKED:
        return Outcome(INVALID, "packed", f"it is packed as {coding[:40]}, which was not asked for")
    length = response.headers.get("content-length", "")
    if length.isascii() and length.isdecimal() and int(length) > most:
        return too_large(most)
    return None


def too_large(most: int) -> Outcome:
    return Outcome(INVALID, "too large", f"more than {most:,} bytes")


def _coding(response: httpx.Response) -> str:
    return str(response.headers.get("content-encoding", "")).strip().lower()


class Unpacker:
    """Pieces of a body as they come, unpacked where they are packed, up to `most` bytes."""

    def __init__(self, response: httpx.Response, most: int) -> None:
        packed = _coding(response) in _PACKED
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed else None
        self._most = most
        self.bytes = 0

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What `data` holds. Raises TooLargeError, DamagedError."""
        if self._zlib is None:
            yield self._counted(data)
            return
        while True:
            try:
                piece = self._zlib.decompress(data, PIECE)
            except zlib.error as error:
                raise DamagedError(f"it cannot be unpacked: {error}") from error
            yield self._counted(piece)
            data = self._zlib.unconsumed_tail
            if self._zlib.eof or (not data and len(piece) < PIECE):
                return  # a full piece may have more behind it, though all of the input is read

    def _counted(self, piece: bytes) -> bytes:
        self.bytes += len(piece)
        if self.bytes > self._most:
            raise TooLargeError
        return piece

    @property
    def whole(self) -> bool:
        """Whether what was packed has come to its end."""
        return self._zlib is None or self._zlib.eof
