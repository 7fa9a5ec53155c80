import sqlite3
from pathlib import Path

import pytest

from gatherset.dataset.errors import ReleaseError, WorkspaceError
from gatherset.dataset.workspace import Workspace


@pytest.fixture
def root(workspace: Workspace) -> Path:
    workspace.catalog.close()
    return workspace.root


def test_a_new_workspace_opens(root: Path) -> None:
    opened = Workspace.open(root)
    assert (opened.settings.name, opened.settings.queue.overlap) == ("mg", 2)
    assert len(opened.taxonomy.names) == 10


@pytest.mark.parametrize("name", ["mit Leerzeichen", "Ünïcode 空", "100% done?#&", "new\nline"])
def test_a_workspace_may_have_any_path(tmp_path: Path, name: str) -> None:
    Workspace.create(tmp_path / name / "mg")
    assert Workspace.open(tmp_path / name / "mg").catalog.path.is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_it_is_found_from_a_folder_below(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "images" / "deep").mkdir(parents=True)
    monkeypatch.chdir(root / "images" / "deep")
    assert Workspace.open().root == root


def test_the_environment_names_it_and_the_option_goes_first(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Workspace.create(tmp_path / "other")
    monkeypatch.setenv("GATHERSET_WORKSPACE", str(root))
    monkeypatch.chdir(other.root)
    assert Workspace.open().root == root
    assert Workspace.open(other.root).root == other.root


def test_where_there_is_none_it_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkspaceError, match="gatherset init"):
        Workspace.open()
    with pytest.raises(WorkspaceError, match="gatherset init"):
        Workspace.open(tmp_path / "nowhere")


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mg").mkdir()
    (tmp_path / "mg" / "thesis.doc").write_text("important")
    with pytest.raises(WorkspaceError, match="not empty"):
        Workspace.create(tmp_path / "mg")
    assert [path.name for path in (tmp_path / "mg").iterdir()] == ["thesis.doc"]


def test_a_workspace_is_never_made_twice(root: Path) -> None:
    before = (root / "catalog.db").read_bytes()
    with pytest.raises(WorkspaceError, match="is a workspace already"):
        Workspace.create(root)
    assert (root / "catalog.db").read_bytes() == before


def test_an_empty_folder_may_become_one(tmp_path: Path) -> None:
    (tmp_path / "mg").mkdir()
    assert Workspace.create(tmp_path / "mg").settings.name == "mg"


def test_below_a_file_none_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="cannot make the workspace"):
        Workspace.create(tmp_path / "file" / "mg")


@pytest.mark.parametrize(("name", "language"), [("My Data", "en"), ("mg", 'en"\nname = "x'), ("mg", "English")])
def test_a_name_or_language_that_cannot_be_makes_no_folder(tmp_path: Path, name: str, language: str) -> None:
    with pytest.raises(WorkspaceError, match=r"cannot name a dataset|not a language tag"):
        Workspace.create(tmp_path / "mg", name, language=language)
    assert not (tmp_path / "mg").exists()


def test_what_stops_half_way_leaves_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", stop)
        with pytest.raises(KeyboardInterrupt):
            Workspace.create(tmp_path / "mg")
    assert Workspace.create(tmp_path / "mg").settings.name == "mg"


def test_a_workspace_of_a_newer_version_is_not_touched(root: Path) -> None:
    (root / "gatherset.toml").write_text('format = 2\nname = "mg"\n')
    with pytest.raises(WorkspaceError, match="made by a newer Gatherset"):
        Workspace.open(root)


def test_a_catalog_of_a_newer_version_is_not_touched(root: Path) -> None:
    with sqlite3.connect(root / "catalog.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.close()
    with pytest.raises(WorkspaceError, match=r"made by a newer Gatherset \(schema 0999"):
        Workspace.open(root)


def test_a_missing_catalog_is_not_made_anew(root: Path) -> None:
    (root / "catalog.db").unlink()
    with pytest.raises(WorkspaceError, match="is missing"):
        Workspace.open(root)
    assert not (root / "catalog.db").exists()


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\x00" + bytes(5000)])
def test_a_damaged_catalog_says_so(root: Path, content: bytes) -> None:
    (root / "catalog.db").write_bytes(content)
    with pytest.raises(WorkspaceError, match=r"catalog\.db cannot be used"):
        Workspace.open(root)


def test_without_releases_it_says_how_to_build_one(workspace: Workspace) -> None:
    with pytest.raises(ReleaseError, match="gatherset release build"):
        workspace.release()
