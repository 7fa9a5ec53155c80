"""A backup holds what a workspace cannot make again, and says so when it does not."""

import io
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from gatherset.annotate.answer import Answer
from gatherset.annotate.queue import next_task
from gatherset.annotate.submissions import submit
from gatherset.dataset import backup
from gatherset.dataset.backup import back_up, restore
from gatherset.dataset.errors import InputError, WorkspaceError
from gatherset.dataset.progress import progress
from gatherset.dataset.release import build_release
from gatherset.dataset.workspace import Workspace
from tests.dataset.test_moving import ANSWER, held

Fill = Callable[..., None]


@pytest.fixture
def full(workspace: Workspace, fill: Fill) -> Workspace:
    fill(workspace, 12)
    build_release(workspace)
    (workspace.root / "guidelines.md").write_text("Write well.")
    return workspace


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name not in ("catalog.db", "catalog.db-wal", "catalog.db-shm")
    }


def test_what_is_restored_elsewhere_is_the_same_workspace(full: Workspace, tmp_path: Path) -> None:
    size = back_up(full, tmp_path / "mg.tar")
    again = restore(tmp_path / "mg.tar", tmp_path / "elsewhere" / "mg")
    assert size == (tmp_path / "mg.tar").stat().st_size
    assert held(again.catalog) == held(full.catalog)
    assert files(again.root) == files(full.root)
    again.catalog.close()


def test_a_backup_taken_while_annotators_work_is_of_one_moment(full: Workspace, tmp_path: Path) -> None:
    done = threading.Event()
    for name in ("first", "second"):
        full.catalog.set_property(name, "0")

    def write_on() -> None:
        number = 0
        while not done.is_set():
            full.catalog.set_property("first", str(number))
            full.catalog.set_property("second", str(number))
            number += 1

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        back_up(full, tmp_path / "mg.tar")
    finally:
        done.set()
        writer.join()
    again = restore(tmp_path / "mg.tar", tmp_path / "again")
    first, second = int(again.catalog.property("first")), int(again.catalog.property("second"))
    assert first - second in (0, 1)
    again.catalog.close()


def test_a_workspace_in_postgresql_is_backed_up_into_a_file(
    postgresql: object, tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATHERSET_DATABASE_URL", postgresql.url)  # type: ignore[attr-defined]
    there = Workspace.create(tmp_path / "team")
    fill(there, 3)
    back_up(there, tmp_path / "team.tar")
    monkeypatch.delenv("GATHERSET_DATABASE_URL")
    again = restore(tmp_path / "team.tar", tmp_path / "again")
    assert held(again.catalog) == held(there.catalog)
    found = next_task(again, "anna")
    assert found is None or submit(again, found.id, "anna", Answer("event", True, event_type="protest"), key="a" * 8)
    again.catalog.close()
    there.catalog.close()


def test_a_backup_is_not_overwritten(full: Workspace, tmp_path: Path) -> None:
    (tmp_path / "mg.tar").write_text("an older one")
    with pytest.raises(InputError, match="are not overwritten"):
        back_up(full, tmp_path / "mg.tar")
    assert (tmp_path / "mg.tar").read_text() == "an older one"


def test_a_backup_is_not_written_into_what_it_is_of(full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(full.root)
    with pytest.raises(InputError, match="is in the workspace itself"):
        back_up(full, Path("mg.tar"))
    assert not list(full.root.glob("*.tar*"))


def test_what_a_build_or_a_pull_has_not_finished_is_not_in_it(
    full: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(full.root)
    half = full.releases_folder / ".mg-1.1.0.0a1b2c3d.partial" / "captions"
    half.mkdir(parents=True)
    (half / "train.parquet").write_text("half")
    (full.root / "passing.md").write_text("gone before it is read")

    def meanwhile(files: Iterable[Path], *, total: int, label: str) -> Iterator[Path]:
        for file in progress(files, total=total, label=label):
            if file.name == "passing.md":
                file.unlink()
            yield file

    with monkeypatch.context() as patched:
        patched.setattr(backup, "progress", meanwhile)
        back_up(full, tmp_path / "mg.tar")
    again = restore(tmp_path / "mg.tar", tmp_path / "again")
    assert files(again.root) == before
    again.catalog.close()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.98])
def test_half_a_backup_restores_nothing(full: Workspace, tmp_path: Path, share: float) -> None:
    back_up(full, tmp_path / "mg.tar")
    data = (tmp_path / "mg.tar").read_bytes()
    (tmp_path / "mg.tar").write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"no backup|no whole backup"):
        restore(tmp_path / "mg.tar", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_changed_file_in_it_is_named(full: Workspace, tmp_path: Path) -> None:
    back_up(full, tmp_path / "mg.tar")
    with tarfile.open(tmp_path / "mg.tar") as old, tarfile.open(tmp_path / "other.tar", "w") as new:
        for member in old.getmembers():
            file = old.extractfile(member)
            assert file is not None
            data = b"Write badly" if member.name == "guidelines.md" else file.read()
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    with pytest.raises(InputError, match=r"is damaged: guidelines\.md is not what it was"):
        restore(tmp_path / "other.tar", tmp_path / "again")


@pytest.mark.parametrize("about", ["[]", "{}", '{"sha256": null}', '{"format": "2"}', '{"sha256": ["catalog.db"]}'])
def test_a_list_of_no_shape_restores_nothing(tmp_path: Path, about: str) -> None:
    with tarfile.open(tmp_path / "mg.tar", "w") as tar:
        _add(tar, "backup.json", about.encode())
    with pytest.raises(InputError, match="holds no workspace"):
        restore(tmp_path / "mg.tar", tmp_path / "again")


def test_a_file_that_was_put_into_it_is_named(full: Workspace, tmp_path: Path) -> None:
    back_up(full, tmp_path / "mg.tar")
    with tarfile.open(tmp_path / "mg.tar", "a") as tar:
        _add(tar, "event_types.json", b"{}")
    with pytest.raises(InputError, match=r"it holds event_types\.json, which it does not list"):
        restore(tmp_path / "mg.tar", tmp_path / "again")


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def test_a_member_that_points_outside_writes_nothing_there(full: Workspace, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        _add(tar, "../outside.txt", b"bad")
    with pytest.raises(InputError, match="no backup"):
        restore(tmp_path / "evil.tar", tmp_path / "deep" / "again")
    assert not list(tmp_path.rglob("outside.txt"))


def test_a_folder_with_something_in_it_is_not_restored_into(full: Workspace, tmp_path: Path) -> None:
    back_up(full, tmp_path / "mg.tar")
    with pytest.raises(WorkspaceError, match="not empty"):
        restore(tmp_path / "mg.tar", full.root)


def test_an_answer_given_after_a_restore_is_kept(full: Workspace, tmp_path: Path) -> None:
    back_up(full, tmp_path / "mg.tar")
    again = restore(tmp_path / "mg.tar", tmp_path / "again")
    found = next_task(again, "zoe")
    assert found is not None
    assert submit(again, found.id, "zoe", ANSWER, key="after-the-restore").new
    again.catalog.close()
