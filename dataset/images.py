"""Images as received and as stored: safe decoding, measurements, and the copy that is kept."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass

import imagehash
from PIL import Image, UnidentifiedImageError

from gatherset.dataset.errors import ImageError
from gatherset.dataset.metadata import strip_metadata

FORMATS = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp"}  # Pillow's name: ours
SUFFIX = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")  # of the files that ingest looks at
TOO_HUNGRY = ("it takes more memory than an image may", "Leave it out, or convert it with another program")
_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {  # what undoes each orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class MeasuredImage:
    """An image ready to be stored: the bytes of its stored copy and what was measured on it."""

    source_sha256: str  # of the bytes as received
    sha256: str  # of the stored copy
    phash: str  # 64-bit perceptual hash (DCT), 16 hex digits
    width: int
    height: int
    format: str  # jpeg, png, webp
    data: bytes  # the stored copy

    @property
    def id(self) -> str:
        return image_id(self.source_sha256)


def image_id(source_sha256: str) -> str:
    """The id of the image whose bytes as received have this sha256."""
    return f"gs-{source_sha256[:16]}"


def measure(data: bytes, *, max_pixels: int, source_sha256: str | None = None) -> MeasuredImage:
    """Decode and measure the image file `data`, and make its stored copy: no metadata, upright.

    The compressed picture is kept as it is; only an image that its EXIF turns is encoded anew, upright.
    `source_sha256` is the hash of `data`, where it is known. Raises ImageError for bytes that are no JPEG, PNG or
    WebP, are damaged, animated, or have more than `max_pixels`.
    """
    picture, image_format = decode(data, max_pixels=max_pixels)
    try:
        turn = _UPRIGHT.get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing about the picture; Pillow raises many kinds here
        turn = None
    if turn is not None:
        picture = picture.transpose(turn)
        data_upright = _encode(picture, image_format)
    try:
        stored = strip_metadata(data if turn is None else data_upright, image_format)
    except ValueError as error:
        raise ImageError(f"the {image_format} file is damaged: {error}", "Fetch it again, or leave it out") from error
    return MeasuredImage(
        source_sha256=source_sha256 or hashlib.sha256(data).hexdigest(),
        sha256=hashlib.sha256(stored).hexdigest(),
        phash=str(imagehash.phash(picture)),
        width=picture.width,
        height=picture.height,
        format=image_format,
        data=stored,
    )


def opened(data: bytes) -> Image.Image:
    """The picture in an image file, not decoded yet. Raises OSError for one that is no JPEG, PNG or WebP.

    Pillow left to itself reads fifty formats more, and hands one of them to another program.
    """
    return Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP"))


def decode(data: bytes, *, max_pixels: int) -> tuple[Image.Image, str]:
    """The decoded picture and its format. The size is checked before a pixel is decoded. Raises ImageError."""
    if not data:
        raise ImageError("the file is empty", "Fetch it again, or leave it out")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large images; the limit here is the workspace's
            picture = opened(data)
            if picture.width * picture.height > max_pixels:
                raise _too_large(f"{picture.width} x {picture.height}", max_pixels)
            if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
                raise ImageError("the image is animated", "Keep one frame of it")
            picture.load()
    except Image.DecompressionBombError as error:
        raise _too_large("far too large", max_pixels) from error
    except UnidentifiedImageError as error:
        raise ImageError("not a JPEG, PNG or WebP image", "Convert it, or leave it out") from error
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(*TOO_HUNGRY) from error
    except Exception as error:  # a damaged file makes Pillow's decoders raise almost anything
        raise ImageError(f"the image cannot be decoded: {error}", "Fetch it again, or leave it out") from error
    return picture, FORMATS[picture.format or ""]


def _too_large(size: str, max_pixels: int) -> ImageError:
    return ImageError(
        f"the image is {size}, which is over the limit of {max_pixels} pixels (a decompression bomb?)",
        "Scale it down, or raise images.max_pixels in gatherset.toml",
    )


def thumbnail(data: bytes, *, side: int) -> bytes:
    """The image file `data` as a JPEG whose longer side is at most `side` pixels."""
    with opened(data) as picture:
        picture.draft("RGB", (side, side))
        small = picture.convert("RGB")
        small.thumbnail((side, side))
    return _encode(small, "jpeg", quality=88)


def _encode(picture: Image.Image, image_format: str, *, quality: int = 95) -> bytes:
    buffer = io.BytesIO()
    options = {"jpeg": {"quality": quality}, "png": {}, "webp": {"quality": quality}}[image_format]
    # exif=b"": a turned picture must not say that it is still to be turned.
    picture.save(buffer, image_format.upper(), exif=b"", icc_profile=picture.info.get("icc_profile"), **options)
    return buffer.getvalue()
