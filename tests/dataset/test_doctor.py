"""The doctor says what is wrong with a workspace, and what to do."""

import tomllib
from collections.abc import Callable
from pathlib import Path

from gatherset.dataset.doctor import EXTRAS, Check, examine
from gatherset.dataset.workspace import Workspace
from tests.conftest import ROOT


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


def test_of_a_damaged_table_everything_else_is_still_said(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 12)
    with workspace.catalog.read() as connection:
        page = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'images'").scalar_one()
    workspace.catalog.close()
    with (workspace.root / "catalog.db").open("r+b") as file:
        file.seek(4096 * (page - 1))
        file.write(b"\xff" * 64)
    checks = {check.what: check for check in examine(workspace.root)}
    assert checks["folder"].well
    assert not checks["catalog"].well
    assert not checks["images"].well
    assert "gatherset restore" in str(checks["images"])


def test_every_extra_is_looked_for_by_a_package_that_it_brings() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(project) - {"all", "test", "scale"}
    for extra, (package, _) in EXTRAS.items():
        assert any(requirement.startswith(package) for requirement in project[extra]), extra


def test_a_folder_that_is_no_workspace_is_said(tmp_path: Path) -> None:
    assert "is not a workspace" in ill(tmp_path)["workspace"].found
