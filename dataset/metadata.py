"""Removing what a camera or an editor wrote into an image file (EXIF, XMP, IPTC, comments) without touching a pixel.

Positions, serial numbers and names travel in there. The container is rewritten piece by piece and the compressed
picture is copied as it is; the colour profile stays, since without it the colours would change.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

# JPEG (ITU-T T.81, B.1.1): what may tell of the photographer stands in APP1, APP3 to APP13, APP15 and COM.
# APP0 (JFIF) and APP14 (Adobe) say how to read the colours; APP2 stays only where it is an ICC profile.
_JPEG_KEEP = {0xE0, 0xEE}
_JPEG_DROP = set(range(0xE0, 0xF0)) - _JPEG_KEEP | {0xFE}
_JPEG_NO_LENGTH = {0x01, *range(0xD0, 0xD9)}
# PNG: every chunk the picture needs, and no other (eXIf, tEXt, zTXt, iTXt, tIME and private ones go).
_PNG_KEEP = {
    b"IHDR",
    b"PLTE",
    b"IDAT",
    b"IEND",
    b"tRNS",
    b"gAMA",
    b"cHRM",
    b"sRGB",
    b"iCCP",
    b"sBIT",
    b"bKGD",
    b"pHYs",
    b"cICP",
}
_WEBP_KEEP = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP"}


def strip_metadata(data: bytes, image_format: str) -> bytes:
    """`data` without metadata; `image_format` is jpeg, png or webp. Raises ValueError for a damaged container."""
    strip: Callable[[bytes], bytes] = {"jpeg": _strip_jpeg, "png": _strip_png, "webp": _strip_webp}[image_format]
    try:
        return strip(data)
    except (IndexError, struct.error) as error:
        raise ValueError("the file ends too early") from error


def _strip_jpeg(data: bytes) -> bytes:
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG start marker")
    kept = [b"\xff\xd8"]
    for marker, piece in _jpeg_segments(data):
        is_profile = marker == 0xE2 and piece[4:16] == b"ICC_PROFILE\x00"
        if marker not in _JPEG_DROP or is_profile:
            kept.append(piece)
    return b"".join(kept)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, its bytes) up to and with the end marker; what stands behind that is not part of the picture."""
    position = 2
    while True:
        while data[position] == 0xFF and data[position + 1] == 0xFF:  # fill bytes
            position += 1
        if data[position] != 0xFF:
            raise ValueError(f"no marker at byte {position}")
        marker = data[position + 1]
        end = position + 2
        if marker not in _JPEG_NO_LENGTH and marker != 0xD9:
            end += struct.unpack_from(">H", data, position + 2)[0]
        if marker == 0xDA:
            end = _jpeg_scan_end(data, end)
        if end > len(data):
            raise ValueError("the file ends too early")
        yield marker, data[position:end]
        if marker == 0xD9:
            return
        position = end


def _jpeg_scan_end(data: bytes, position: int) -> int:
    """Where the entropy-coded data that starts at `position` ends: a marker that is no stuffing and no restart."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0:
            raise ValueError("the file ends too early")
        following = data[position + 1]
        if following != 0x00 and following != 0xFF and not 0xD0 <= following <= 0xD7:
            return position
        position += 1 if following == 0xFF else 2


def _strip_png(data: bytes) -> bytes:
    signature = b"\x89PNG\r\n\x1a\n"
    if data[:8] != signature:
        raise ValueError("no PNG signature")
    kept = [signature]
    position = 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise ValueError("the file ends too early")
        if kind in _PNG_KEEP:
            kept.append(data[position:end])
        if kind == b"IEND":
            return b"".join(kept)
        position = end


def _strip_webp(data: bytes) -> bytes:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("no WebP signature")
    whole = 8 + struct.unpack_from("<I", data, 4)[0]
    if whole > len(data):
        raise ValueError("the file ends too early")
    kept = []
    position = 12
    while position + 8 <= whole:
        kind, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length + length % 2  # chunks are padded to even lengths
        chunk = data[position : min(end, whole)]
        if kind == b"VP8X":  # its flags must not promise the EXIF (bit 3) and XMP (bit 2) chunks that go
            chunk = chunk[:8] + bytes([chunk[8] & ~0b1100]) + chunk[9:]
        if kind in _WEBP_KEEP:
            kept.append(chunk)
        position = end
    body = b"".join(kept)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
