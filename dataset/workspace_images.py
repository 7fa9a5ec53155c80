"""The images of a workspace in the form that features are made of: for look-alikes and suggestions before a release."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from gatherset.dataset.catalog.tables import images, records
from gatherset.dataset.workspace import Workspace


class AllImages:
    """Images by id, with the bytes of each."""

    def __init__(self, workspace: Workspace, rows: list[tuple[str, str, str]]) -> None:
        self.ids = [identity for identity, _, _ in rows]
        self._files = [(sha256, image_format) for _, sha256, image_format in rows]
        self._store = workspace.store

    def image_bytes(self, index: int) -> bytes:
        """The stored copy. Raises ImageError where it is missing."""
        return self._store.read(*self._files[index])


class WorkspaceImages:
    """All images that are records or may become some, as a release whose first split holds them all."""

    version = "workspace"

    def __init__(self, workspace: Workspace) -> None:
        query = (
            sa.select(images.c.id, images.c.sha256, images.c.format)
            .outerjoin(records, records.c.id == images.c.id)
            .where(images.c.rejected.is_(None), records.c.withdrawn.is_(None))
            .order_by(images.c.id)
        )
        with workspace.catalog.read() as connection:
            rows = [(row.id, row.sha256, row.format) for row in connection.execute(query)]
        self.name = workspace.settings.name
        self.content_hash = hashlib.sha256("".join(f"{row}\n" for row in rows).encode()).hexdigest()
        self._splits = {"train": AllImages(workspace, rows)}
        self._empty = AllImages(workspace, [])

    def __getitem__(self, split: str) -> AllImages:
        return self._splits.get(split, self._empty)
