"""The doctor says what is wrong with a workspace, and what to do."""

from collections.abc import Callable
from pathlib import Path

from gatherset.dataset.doctor import Check, examine
from gatherset.dataset.workspace import Workspace


def ill(path: Path) -> dict[str, Check]:
    return {check.what: check for check in examine(path) if not check.well}


def test_a_sound_workspace_is_well(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 3)
    assert ill(workspace.root) == {}


def test_an_image_that_is_gone_is_counted(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 3)
    next(path for path in workspace.store.folder.rglob("*") if path.is_file()).unlink()
    assert ill(workspace.root)["images"].found == "1 of 3 are missing from the store"


def test_a_damaged_page_of_the_catalog_is_found(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 12)
    workspace.catalog.close()
    path = workspace.root / "catalog.db"
    data = bytearray(path.read_bytes())
    for start in range(8192, len(data), 4096):  # all but the first two pages
        data[start : start + 64] = b"\xff" * 64
    path.write_bytes(data)
    found = ill(workspace.root)
    assert found
    assert any("gatherset restore" in str(check) or "backup" in str(check) for check in found.values())


def test_a_folder_that_is_no_workspace_is_said(tmp_path: Path) -> None:
    assert "is not a workspace" in ill(tmp_path)["workspace"].found
