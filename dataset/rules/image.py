"""GS2xx: the stored image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from gatherset.dataset.errors import ImageError
from gatherset.dataset.images import decode
from gatherset.dataset.records import Record
from gatherset.dataset.rules.rule import Context, Rule, golden, numbered, register


class PixelRule(Rule):
    """A rule that reads the stored copy; where there is no store it says nothing."""

    def data(self, record: Record) -> bytes | None:
        store, image = self.context.store, record["image"]
        if store is None:
            return None
        try:
            return store.read(image["sha256"], image["format"])
        except ImageError:
            return None  # GS201 says so

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return []  # they need files: the tests of the rules make some


@register
class ImageStored(PixelRule):
    id = "GS201"
    level = "error"
    title = "The stored copy of the image is there."
    next_step = "Ingest its folder again"

    def check(self, record: Record) -> Iterator[str]:
        store, image = self.context.store, record["image"]
        if store is not None and not store.path(image["sha256"], image["format"]).is_file():
            yield f"the image {image['sha256'][:16]}… is missing from the store"


@register
class ImageBytes(PixelRule):
    id = "GS202"
    level = "error"
    title = "The stored copy has the sha256 and the length that the record names, and decodes."
    next_step = "Remove the damaged file from the image store and ingest its folder again"

    def check(self, record: Record) -> Iterator[str]:
        data = self.data(record)
        if data is None:
            return
        if hashlib.sha256(data).hexdigest() != record["image"]["sha256"] or len(data) != record["image"]["bytes"]:
            yield f"the stored bytes are not those of sha256 {record['image']['sha256'][:16]}…"
            return
        try:
            picture, _ = decode(data, max_pixels=self.context.settings.images.max_pixels)
        except ImageError as error:
            yield error.what
            return
        if picture.size != (record["image"]["width"], record["image"]["height"]):
            yield f"the picture is {picture.width} x {picture.height}, not as the record says"


@register
class LargeEnough(Rule):
    id = "GS204"
    level = "error"
    title = "Both sides of the image have at least images.min_side pixels."
    next_step = "Leave the image out, or fetch a larger copy"

    def check(self, record: Record) -> Iterator[str]:
        width, height = record["image"]["width"], record["image"]["height"]
        if min(width, height) < self.context.settings.images.min_side:
            yield f"{width} x {height} pixels, the least is {self.context.settings.images.min_side} a side"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record["image"].update(width=1024, height=40))]]


@register
class UniqueImage(Rule):
    id = "GS206"
    level = "error"
    title = "No two records have the same stored image."
    next_step = "Keep one of them"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._seen: dict[bytes, str] = {}

    def check(self, record: Record) -> Iterator[str]:
        first = self._seen.setdefault(bytes.fromhex(record["image"]["sha256"]), record["id"])
        if first != record["id"]:
            yield f"the same picture as {first}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        first = numbered(1)
        return [[first, numbered(2, lambda record: record.update(image=first["image"]))]]
