import gzip
import zlib

import httpx
import pytest

from gatherset.dataset.web.content import PIECE, DamagedError, TooLargeError, Unpacker


def unpacker(most: int = 10**9) -> Unpacker:
    return Unpacker(httpx.Response(200, headers={"Content-Encoding": "gzip"}), most)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 258])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_what_was_packed_comes_out_whole_however_it_is_cut(size: int, pack) -> None:  # type: ignore[no-untyped-def]
    packed = pack(bytes(size))
    for step in (1, 7, len(packed)):
        opened = unpacker()
        parts = [piece for at in range(0, len(packed), step) for piece in opened.pieces(packed[at : at + step])]
        assert b"".join(parts) == bytes(size)
        assert opened.whole


def test_more_than_the_limit_is_noticed_within_a_piece() -> None:
    opened = unpacker(most=PIECE)
    with pytest.raises(TooLargeError):
        list(opened.pieces(gzip.compress(bytes(100 * PIECE))))
    assert opened.bytes <= 2 * PIECE


def test_what_is_not_packed_is_damaged() -> None:
    with pytest.raises(DamagedError):
        list(unpacker().pieces(b"\xff\xd8\xff no gzip"))
