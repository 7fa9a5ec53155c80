"""A workspace as the first version made it: opened today, it means what it meant, and gives the same release."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.answer_file import import_answers
from gatherset.annotate.queue import next_task
from gatherset.dataset.catalog.database import HEAD, Catalog
from gatherset.dataset.catalog.tables import leases, submissions
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.records import current_records
from gatherset.dataset.release import build_release
from gatherset.dataset.specimens import write_specimens
from gatherset.dataset.targets import validate_target
from gatherset.dataset.workspace import Workspace
from tests.dataset.test_catalog import bring_to


@pytest.fixture
def worked(tmp_path: Path) -> Workspace:
    """A workspace of today with records of two annotators; a third holds an image."""
    write_specimens(tmp_path / "photos", 24, seed=7)
    workspace = Workspace.create(tmp_path / "today" / "mg")
    ingest(workspace, tmp_path / "photos", Provenance())
    some = (tmp_path / "photos" / "annotator_b.csv").read_text("utf-8").splitlines()
    (tmp_path / "some.csv").write_text("\n".join(some[:20]), "utf-8")  # the other images still wait for an answer
    import_answers(workspace, tmp_path / "photos" / "annotator_a.csv", "anna")
    import_answers(workspace, tmp_path / "some.csv", "ben")
    assert next_task(workspace, "cleo") is not None
    return workspace


def as_the_first_version(workspace: Workspace, folder: Path) -> Path:
    """The same workspace in `folder`, with a catalog of the first schema and the rows that this had."""
    workspace.catalog.close()
    shutil.copytree(workspace.root, folder, ignore=shutil.ignore_patterns("catalog.db*"))
    catalog = Catalog.in_file(folder / "catalog.db")
    with catalog.alone() as connection:
        bring_to(connection, "0001")
        columns = {
            table: [column["name"] for column in sa.inspect(connection).get_columns(table)]
            for table in sa.inspect(connection).get_table_names()
            if table != "alembic_version"
        }
    catalog.close()
    with (
        closing(sqlite3.connect(workspace.root / "catalog.db")) as today,
        closing(sqlite3.connect(folder / "catalog.db")) as first,
    ):
        for table, names in columns.items():
            rows = today.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
            marks = ", ".join("?" * len(names))
            first.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)
        first.commit()
    return folder


def meaning(workspace: Workspace) -> tuple[object, ...]:
    with workspace.catalog.read() as connection:
        said = connection.execute(sa.select(submissions).order_by(submissions.c.id)).all()
        held = connection.execute(sa.select(leases).order_by(leases.c.task_id)).all()
        return list(current_records(connection)), said, held


@pytest.mark.in_file
def test_a_workspace_of_the_first_version_means_what_it_meant(worked: Workspace, tmp_path: Path) -> None:
    folder = as_the_first_version(worked, tmp_path / "first" / "mg")
    opened = Workspace.open(folder)
    assert opened.catalog.version() == HEAD
    before, after = meaning(worked), meaning(opened)
    assert after == before
    assert len(before[0]) > 5  # type: ignore[arg-type]
    assert next_task(opened, "cleo") == next_task(worked, "cleo")
    assert validate_target(None, folder).counts == validate_target(None, worked.root).counts
    [one, other] = [build_release(workspace).release for workspace in (worked, opened)]
    assert one is not None
    assert other is not None
    assert (other.path / "SHA256SUMS").read_text() == (one.path / "SHA256SUMS").read_text()
    for workspace in (worked, opened):
        workspace.catalog.close()
