"""GS2xx: the stored image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from gatherset.dataset.errors import ImageError
from gatherset.dataset.images import decode
from gatherset.dataset.keys import Keys
from gatherset.dataset.metadata import strip_metadata
from gatherset.dataset.records import Record, numeric_id, record_id, some_ids
from gatherset.dataset.rules.rule import Context, DatasetRule, Rule, Subject, golden, numbered, register

HASH_TOLERANCE = 4  # bits: other versions of the imaging libraries scale a little differently


@lru_cache(maxsize=2)  # all pixel rules look at one record before the next comes
def _stored(path: Path) -> bytes:
    return path.read_bytes()  # what fails is not kept: the file may be mended


@lru_cache(maxsize=2)
def _decoded(path: Path, max_pixels: int) -> tuple[Image.Image, str]:
    return decode(_stored(path), max_pixels=max_pixels)


class PixelRule(Rule):
    """A rule that reads the stored copy."""

    @classmethod
    def applies(cls, context: Context) -> bool:
        return context.store is not None

    def path(self, record: Record) -> Path | None:
        store, image = self.context.store, record["image"]
        return None if store is None else store.path(image["sha256"], image["format"])

    def data(self, record: Record) -> bytes | None:
        """The stored bytes; None where there are none."""
        path = self.path(record)
        try:
            return None if path is None else _stored(path)
        except OSError:
            return None  # GS201 says so

    def decoded(self, record: Record) -> tuple[Image.Image, str] | ImageError | None:
        """The picture and its format, or why it does not decode; None where there are no bytes."""
        path = self.path(record)
        try:
            return None if path is None else _decoded(path, self.context.settings.images.max_pixels)
        except OSError:
            return None
        except ImageError as error:
            return error

    def picture(self, record: Record) -> Image.Image | None:
        """The picture; None where there is none that decodes."""
        decoded = self.decoded(record)
        return decoded[0] if isinstance(decoded, tuple) else None

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return []  # they need files: the tests of the rules make some


@register
class ImageStored(PixelRule):
    id = "GS201"
    level = "error"
    title = "The stored copy of the image is there and can be read."
    next_step = "Ingest its folder again"

    def check(self, record: Record) -> Iterator[str]:
        if self.context.store is not None and self.data(record) is None:
            yield f"the image {record['image']['sha256'][:16]}… is missing from the store, or unreadable"


@register
class ImageBytes(PixelRule):
    id = "GS202"
    level = "error"
    title = "The stored copy has the sha256 and the length that the record names."
    next_step = "Remove the damaged file from the image store and ingest its folder again"

    def check(self, record: Record) -> Iterator[str]:
        data, image = self.data(record), record["image"]
        if data is not None and (len(data) != image["bytes"] or hashlib.sha256(data).hexdigest() != image["sha256"]):
            yield f"the stored bytes are not the {image['bytes']} of sha256 {image['sha256'][:16]}…"


@register
class ImageDecodes(PixelRule):
    """Ingest says the same of a file that it leaves out."""

    id = "GS203"
    level = "error"
    title = "The image decodes, is not animated, and has no more than images.max_pixels."
    next_step = "Fetch it again, or leave it out"

    def check(self, record: Record) -> Iterator[str]:
        decoded = self.decoded(record)
        if isinstance(decoded, ImageError):
            yield decoded.what


@register
class LargeEnough(Rule):
    id = "GS204"
    level = "error"
    title = "Both sides of the image have at least images.min_side pixels."
    next_step = "Leave the image out, or fetch a larger copy"

    def check(self, record: Record) -> Iterable[str]:
        width, height = record["image"]["width"], record["image"]["height"]
        least = self.context.settings.images.min_side
        if width >= least and height >= least:
            return ()
        return (f"{width} x {height} pixels, the least is {least} a side",)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record["image"].update(width=1024, height=40))]]


@register
class UniqueImage(DatasetRule):
    id = "GS206"
    level = "error"
    title = "No two records have the same stored image."
    next_step = "Keep one of them: gatherset record withdraw ID --reason …"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._keys = Keys()

    def remember(self, subjects: Sequence[Subject]) -> None:
        records = [subject.record for subject in subjects]
        images = [int(record["image"]["sha256"][-16:], 16) for record in records]
        self._keys.add_each(images, [numeric_id(record["id"]) for record in records])

    def merge(self, later: UniqueImage) -> None:
        self._keys.extend(later._keys)

    def close(self) -> Iterator[tuple[str, str]]:
        for first, *others in self._keys.shared():
            if others := sorted({*others} - {first}):  # GS103 speaks of equal ids
                yield record_id(first), f"the same picture as {some_ids(others)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        first = numbered(1)
        return [[first, numbered(2, lambda record: record.update(image=first["image"]))]]


@register
class Measured(PixelRule):
    """The perceptual hash may be a few bits off: other versions of the imaging libraries scale a little differently."""

    id = "GS207"
    level = "error"
    title = "Width, height, format and perceptual hash are those of the picture."
    next_step = "Restore the record's image section from an earlier revision"

    def check(self, record: Record) -> Iterator[str]:
        decoded, image = self.decoded(record), record["image"]
        if not isinstance(decoded, tuple):
            return
        picture, image_format = decoded
        if picture.size != (image["width"], image["height"]):
            yield f"the picture is {picture.width} x {picture.height}, not {image['width']} x {image['height']}"
        if image_format != image["format"]:
            yield f"the picture is a {image_format}, not a {image['format']}"
        bits = imagehash.phash(picture) - imagehash.hex_to_hash(image["phash"])
        if bits > HASH_TOLERANCE:
            yield f"the perceptual hash {image['phash']} is {bits} bits from the picture's"


@register
class AspectHeld(Rule):
    id = "GS208"
    level = "warning"
    title = "The longer side is at most images.max_aspect times the shorter."
    next_step = "Look at it: a banner or a strip is seldom a photograph; crop it, or leave it out"

    def check(self, record: Record) -> Iterable[str]:
        width, height = record["image"]["width"], record["image"]["height"]
        longer, shorter = max(width, height), min(width, height)
        if longer <= self.context.settings.images.max_aspect * shorter:
            return ()
        return (f"{width} x {height} pixels is {longer / shorter:.1f} to 1",)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record["image"].update(width=200, height=1000))]]


@register
class NotUniform(PixelRule):
    """Placeholders of image hosts, lens caps and blank scans."""

    id = "GS209"
    level = "warning"
    title = "The picture is not nearly uniform: its grey levels deviate by images.min_contrast or more."
    next_step = "Look at it: a placeholder or a blank page is to be left out"

    def check(self, record: Record) -> Iterator[str]:
        if picture := self.picture(record):
            deviation = float(np.asarray(picture.convert("RGB").convert("L").resize((64, 64))).std())
            if deviation < self.context.settings.images.min_contrast:
                yield f"the grey levels deviate by {deviation:.1f} only"


@register
class CommonColours(PixelRule):
    """Browsers and models read such pictures each in their own way, some not at all."""

    id = "GS210"
    level = "warning"
    title = "The picture has 8 bits a channel, in grey, RGB or a palette: no CMYK, no 16 bits."
    next_step = "Convert it to 8-bit RGB and ingest it anew"

    def check(self, record: Record) -> Iterator[str]:
        picture, data = self.picture(record), self.data(record)
        if picture is None or data is None:
            return
        if picture.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
            yield f"its colours are {picture.mode}"
        elif record["image"]["format"] == "png" and data[24] == 16:  # IHDR's bit depth: Pillow makes 8 bits of 16
            yield "it has 16 bits a channel"


@register
class NoMetadata(PixelRule):
    """Positions, serial numbers and names travel in EXIF, XMP and comments. Ingest removes them; this checks that."""

    id = "GS211"
    level = "error"
    title = "The stored copy carries no metadata: no EXIF with its location, no XMP, no comments."
    next_step = "Remove the file from the image store and ingest its folder again"

    def check(self, record: Record) -> Iterator[str]:
        data, decoded = self.data(record), self.decoded(record)
        if data is None or not isinstance(decoded, tuple):
            return
        try:
            extra = len(data) - len(strip_metadata(data, decoded[1]))
        except ValueError as error:
            yield f"the {decoded[1]} file is damaged: {error}"
            return
        if extra:
            location = ", with a location" if decoded[0].getexif().get_ifd(0x8825) else ""
            yield f"{extra} bytes of metadata{location}"
