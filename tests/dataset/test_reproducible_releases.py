"""The same catalog gives the same bytes, whatever the machine is like."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from gatherset.dataset.catalog.tables import metadata
from gatherset.dataset.loading import open_release
from gatherset.dataset.workspace import Workspace
from tests.conftest import ROOT


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def build(root: Path, **environment: str) -> dict[str, bytes]:
    """Build in a process of its own; the files of the release."""
    command = [sys.executable, "-m", "gatherset.cli", "release", "build", "-w", str(root)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=root)
    return files(root / "releases" / "mg-1.0.0")


def insert_in_another_order(workspace: Workspace) -> None:
    """Every row of the catalog once more, the last one first."""
    with workspace.catalog.write() as connection:
        connection.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        for table in reversed(metadata.sorted_tables):
            rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            connection.execute(sa.delete(table))
            if rows:
                connection.execute(sa.insert(table), rows[::-1])


def test_two_machine_states_give_the_same_bytes(
    workspace: Workspace, fill: Callable[..., None], tmp_path: Path
) -> None:
    fill(workspace, 20, types=("protest", "sports_event"), split=False)
    other = tmp_path / "anderswo ü" / "copy"
    shutil.copytree(workspace.root, other)
    copy = Workspace.open(other)
    insert_in_another_order(copy)
    copy.catalog.close()
    shutil.rmtree(other / "thumbnails", ignore_errors=True)
    first = build(workspace.root, PYTHONHASHSEED="1", LC_ALL="C", TZ="UTC", OMP_NUM_THREADS="1")
    time.sleep(1.1)  # another second on the clock
    second = build(other, PYTHONHASHSEED="2", LC_ALL="C.UTF-8", TZ="Asia/Kathmandu", OMP_NUM_THREADS="2")
    assert [name for name in first if first[name] != second.get(name)] == []
    assert first.keys() == second.keys()
    assert len(first) > 15


def test_a_release_holds_no_metadata_of_a_camera(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 3)
    build(workspace.root)
    for split in open_release(workspace.root / "releases" / "mg-1.0.0").splits.values():
        for example in split:
            assert len(example.image.getexif()) == 0
            assert b"Exif" not in example.image_bytes
