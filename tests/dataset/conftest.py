"""Fixtures of the dataset's tests: workspaces that hold records, and image files in memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from gatherset.dataset.catalog.tables import images
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.records import add_revision, make_record
from gatherset.dataset.splits import assign_splits
from gatherset.dataset.workspace import Workspace

Photos = Callable[..., Path]


def picture(number: int = 0, size: tuple[int, int] = (96, 80)) -> Image.Image:
    """Smooth noise, another for each number."""
    noise = np.random.default_rng(number).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


@pytest.fixture
def fill(make_photos: Photos) -> Callable[..., None]:
    """fill(workspace, 6, types=["protest"]) ingests photographs and makes the record of each, types in turn."""

    def fill(
        workspace: Workspace, count: int, *, types: Sequence[str] = ("protest",), split: bool = True, **fields: object
    ) -> None:
        ingest(
            workspace, make_photos(count, retrieved="2026-11-20T10:00:00Z", **fields), Provenance(license="CC-BY-4.0")
        )
        make_all(workspace, types)
        if split:
            assign_splits(workspace)

    return fill


def make_all(workspace: Workspace, types: Sequence[str] = ("protest",)) -> None:
    """Make the record of every image that has none, without asking annotators."""
    with workspace.catalog.write() as connection:
        rows = connection.execute(sa.select(images).order_by(images.c.id)).mappings().all()
        for number, row in enumerate(rows):
            event_type = types[number % len(types)]
            record = make_record(row, event_type, {event_type: 2}, row["captions"])
            known = sa.text("SELECT 1 FROM records WHERE id = :id")
            if connection.execute(known, {"id": row["id"]}).scalar() is None:
                add_revision(connection, record, submissions=[], reason="a test", decided_by="agreement")
