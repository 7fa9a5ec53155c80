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
from gatherset.dataset.loading import Release
from gatherset.dataset.records import add_revision, current_records, make_record
from gatherset.dataset.registry import Registry
from gatherset.dataset.release import build_release
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


@pytest.fixture
def released(workspace: Workspace, fill: Callable[..., None]) -> Release:
    """mg@1.0.0 with 24 records of two types."""
    fill(workspace, 24, types=("protest", "sports_event"))
    return next_release(workspace)


def next_release(workspace: Workspace, version: str | None = None) -> Release:
    made = build_release(workspace, version).release
    assert made is not None
    return made


def correct(workspace: Workspace, text: str = "A corrected caption of the crowd.", number: int = 0) -> str:
    """A new revision of one record, with another first caption; its id."""
    with workspace.catalog.write() as connection:
        record = list(current_records(connection))[number]
        record["captions"][0]["text"] = text
        add_revision(connection, record, submissions=[], reason="a slip", decided_by="eva")
    return str(record["id"])


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """An empty registry in a folder, and a cache of its own for what is pulled."""
    monkeypatch.setenv("GATHERSET_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GATHERSET_REGISTRY", raising=False)
    return Registry(str(tmp_path / "registry"))
