"""What goes wrong around Gatherset: nothing is lost, nothing is half written, and it is said in words."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.answer_file import import_answers
from gatherset.annotate.drafts import save_draft
from gatherset.annotate.queue import next_task
from gatherset.annotate.submissions import submit
from gatherset.dataset.backup import back_up, restore
from gatherset.dataset.catalog.database import BUSY_SECONDS
from gatherset.dataset.catalog.tables import drafts, leases, submissions
from gatherset.dataset.clock import trouble
from gatherset.dataset.doctor import examine
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.integrity import integrity_findings
from gatherset.dataset.loading import load
from gatherset.dataset.specimens import write_specimens
from gatherset.dataset.workspace import Workspace
from tests.conftest import ROOT

HERE: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(ROOT)}


def start(*arguments: object, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gatherset.cli", *(str(argument) for argument in arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=cwd, env={**HERE, **environment}, text=True, encoding="utf-8", **pipes)  # type: ignore[call-overload, no-any-return]


def run(*arguments: object, cwd: Path, **environment: str) -> tuple[int, str]:
    process = start(*arguments, cwd=cwd, **environment)
    output, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors, errors
    return process.returncode, output + errors


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("specimens") / "photos"
    write_specimens(folder, 40, seed=7)
    return folder


def recorded(photos: Path, folder: Path) -> Path:
    """A workspace in `folder` with the records of the specimens."""
    workspace = Workspace.create(folder)
    ingest(workspace, photos, Provenance())
    for name in "ab":
        import_answers(workspace, photos / f"annotator_{name}.csv", name)
    workspace.catalog.close()
    return folder


def test_path_locale_and_time_zone_change_no_byte(photos: Path, tmp_path: Path) -> None:
    found = set()
    for place, zone, locale in (("plain", "UTC", "C.UTF-8"), ("mg, ünï & 集会 's", "Asia/Kathmandu", "C")):
        folder = tmp_path / place
        for step in (
            ("init", folder, "--name", "mg"),
            ("ingest", photos, "-w", folder),
            ("submissions", "import", photos / "annotator_a.csv", "--as", "a", "-w", folder),
            ("submissions", "import", photos / "annotator_b.csv", "--as", "b", "-w", folder),
            ("release", "build", "-w", folder),
        ):
            code, said = run(*step, cwd=tmp_path, LC_ALL=locale, TZ=zone)
            assert code == 0, said
        found.add(load(folder / "releases" / "mg-1.0.0").content_hash)
    assert len(found) == 1


def test_of_two_who_build_at_once_one_release_comes_and_it_is_whole(photos: Path, tmp_path: Path) -> None:
    folder = recorded(photos, tmp_path / "mg")
    both = [start("release", "build", "-w", folder, cwd=tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert 0 in {process.returncode for process in both}, said
    assert not any("Traceback" in errors for _, errors in said), said
    releases = sorted((folder / "releases").iterdir())
    assert [path.name for path in releases] == ["mg-1.0.0"]
    assert not list(integrity_findings(load(releases[0])))


def test_a_catalog_that_another_program_holds_is_waited_for_and_then_said(photos: Path, tmp_path: Path) -> None:
    folder = recorded(photos, tmp_path / "mg")
    holder = sqlite3.connect(folder / "catalog.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    code, said = run("split", "-w", folder, cwd=tmp_path)
    holder.execute("ROLLBACK")
    holder.close()
    assert code == 2
    assert str(BUSY_SECONDS) in said or "writing" in said or "locked" in said or "busy" in said
    assert run("split", "-w", folder, cwd=tmp_path)[0] == 0


def damage(path: Path, table: str) -> None:
    """Write nonsense over the first page of a table of the catalog in the file `path`."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek(size * (page - 1))
        file.write(b"\xff" * 64)


def test_a_damaged_catalog_says_to_restore_the_backup_and_that_brings_everything_back(
    photos: Path, tmp_path: Path
) -> None:
    folder = recorded(photos, tmp_path / "mg")
    back_up(Workspace.open(folder), tmp_path / "mg.tar")
    before = contents(folder)
    damage(folder / "catalog.db", "revisions")
    code, said = run("validate", "-w", folder, cwd=tmp_path)
    assert code == 2
    assert "gatherset restore" in said or "from a backup" in said, said
    assert contents(restore(tmp_path / "mg.tar", tmp_path / "again").root) == before


def contents(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of a catalog in a file."""
    with closing(sqlite3.connect(folder / "catalog.db")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def test_a_clock_that_is_set_back_an_hour_takes_nobodys_place_and_loses_no_answer(photos: Path, tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "mg")
    ingest(workspace, photos, Provenance())
    first = next_task(workspace, "anna")
    assert first is not None
    begun = Answer("event", True, "protest")
    save_draft(workspace, first.id, "anna", begun, revision=0, version=0)
    submit(workspace, 2, "anna", begun, key="before it was set back")
    hour = timedelta(hours=1)
    with workspace.catalog.write() as connection:  # what was written before is now of an hour that is still to come
        for table, column in ((leases, "expires_at"), (submissions, "submitted_at"), (drafts, "saved_at")):
            [at, *_] = connection.execute(sa.select(table.c[column])).scalars()
            ahead = (datetime.fromisoformat(at) + hour).strftime("%Y-%m-%dT%H:%M:%SZ")
            connection.execute(sa.update(table).values({column: ahead}))
    assert "timedatectl" in (trouble(workspace.catalog) or "")
    again = next_task(workspace, "anna")
    assert again is not None
    assert again.id == first.id
    others = [next_task(workspace, name) for name in ("ben", "cleo", "dora", "emil")]
    assert [task is not None and task.id == first.id for task in others].count(True) == 1  # the place beside anna's
    submit(workspace, 2, "anna", Answer("event", True, "sports_event"), key="after it", version=1)
    submit(workspace, first.id, "anna", begun, key="what was begun", version=0)
    with workspace.catalog.read() as connection:
        rows = connection.execute(sa.select(submissions.c.key, submissions.c.version).order_by(submissions.c.id)).all()
    assert rows == [("before it was set back", 1), ("after it", 2), ("what was begun", 1)]
    workspace.catalog.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB; only root can make one."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("a file system of its own needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_ends_an_ingest_in_words_and_it_goes_on_when_there_is_room(photos: Path, small_disk: Path) -> None:
    folder = small_disk / "mg"
    assert run("init", folder, cwd=small_disk)[0] == 0
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1_700_000))
    code, said = run("ingest", photos, "-w", folder, cwd=small_disk)
    assert code == 2, said
    assert "space" in said or "full" in said
    assert not list(folder.rglob("*.partial"))
    subprocess.run(["mount", "-o", "remount,size=40m", small_disk], check=True)
    ballast.unlink()
    code, said = run("ingest", photos, "-w", folder, cwd=small_disk)
    assert (code, "40 images" in said) == (0, True)
    assert all(check.well for check in examine(folder) if check.what in ("catalog", "images"))


def test_a_full_disk_loses_no_answer_that_was_acknowledged(photos: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    folder = small_disk / "mg"
    assert run("init", folder, cwd=small_disk)[0] == 0
    assert run("ingest", photos, "-w", folder, cwd=small_disk)[0] == 0
    workspace = Workspace.open(folder)
    free = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - 150_000)))
    acknowledged = []
    for task in range(1, 41):
        for name in "abc":
            try:
                key = f"{task}-{name}"
                stored = submit(workspace, task, name, Answer("event", True, "protest"), key=key)
            except Exception as error:  # the disk is full: whatever it is called, it is not acknowledged
                assert "full" in str(error) or "disk" in str(error)  # noqa: PT017
                break
            acknowledged.append(stored.id)
    workspace.catalog.close()
    (small_disk / "ballast").unlink()
    again = Workspace.open(folder)
    with again.catalog.read() as connection:
        there = {row[0] for row in connection.exec_driver_sql("SELECT id FROM submissions")}
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert there == set(acknowledged)
    again.catalog.close()


def test_a_read_only_disk_is_said(photos: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=40m", small_disk], check=True)
    folder = recorded(photos, small_disk / "mg")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for command in (("split",), ("release", "build"), ("ingest", photos)):
        code, said = run(*command, "-w", folder, cwd=small_disk)
        assert code == 2, said
        assert "read-only" in said.lower() or "readonly" in said.lower() or "permission" in said.lower()
