"""A catalog goes from a file to PostgreSQL and back with everything in it."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from gatherset.annotate.answer import Answer
from gatherset.annotate.queue import next_task
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog import database as catalog_database
from gatherset.dataset.catalog import moving
from gatherset.dataset.catalog.database import VARIABLE, Catalog, new_schema
from gatherset.dataset.catalog.moving import contents, move, snapshot
from gatherset.dataset.catalog.tables import metadata, properties, submissions
from gatherset.dataset.errors import WorkspaceError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.postgresql import Cluster

Photos = Callable[..., Path]
ANSWER = Answer("event", True, event_type="protest")


@pytest.fixture
def used(workspace: Workspace, make_photos: Photos) -> Workspace:
    """A workspace with images, a submission, a lease and a draft."""
    ingest(workspace, make_photos(4), Provenance(license="CC-BY-4.0"))
    submit(workspace, task(workspace, "anna"), "anna", ANSWER, key="first-key")
    task(workspace, "anna")
    return workspace


@pytest.fixture
def database(postgresql: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv(VARIABLE, postgresql.url)
    return postgresql


def task(workspace: Workspace, annotator: str) -> int:
    found = next_task(workspace, annotator)
    assert found is not None
    return found.id


def held(catalog: Catalog) -> dict[str, moving.Content]:
    with catalog.read() as connection:
        return contents(connection)


def test_to_postgresql_and_back_nothing_is_changed(used: Workspace, database: Cluster) -> None:
    before = held(used.catalog)
    used.catalog.close()
    target = new_schema()
    rows = move(used.root, target)
    target.close()
    assert rows["submissions"] == 1
    assert not (used.root / "catalog.db").exists()
    assert (used.root / "catalog.db.moved").is_file()
    there = Workspace.open(used.root)
    assert there.catalog.schema is not None
    assert held(there.catalog) == before
    submit(there, task(there, "ben"), "ben", ANSWER, key="second-key")  # new rows go on counting
    after = held(there.catalog)
    there.catalog.close()
    move(used.root, Catalog.in_file(used.root / "catalog.db.new"))
    back = Workspace.open(used.root)
    assert back.catalog.path is not None
    assert held(back.catalog) == after
    back.catalog.close()


def test_an_app_that_still_runs_on_the_old_catalog_is_refused(used: Workspace, database: Cluster) -> None:
    old = used.catalog
    with old.read() as connection:
        connection.execute(sa.select(submissions)).all()
    target = new_schema()
    move(used.root, target)
    target.close()
    with pytest.raises(DBAPIError):
        submit(used, 1, "carla", ANSWER, key="third-key")
    old.close()


def test_what_stops_half_way_leaves_the_catalog_where_it_was(
    used: Workspace, database: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = held(used.catalog)
    target = new_schema()
    with monkeypatch.context() as patched:
        patched.setattr(moving, "_point", stop)
        with pytest.raises(KeyboardInterrupt):
            move(used.root, target)
    assert held(Workspace.open(used.root).catalog) == before
    with new_schema().engine.connect() as connection:
        assert not connection.dialect.has_schema(connection, target.schema)  # type: ignore[no-untyped-call]


def test_what_a_killed_writer_left_beside_the_file_is_not_replayed_into_the_catalog_that_comes_back(
    used: Workspace, database: Cluster
) -> None:
    used.catalog.set_property("colour", "of old")
    left = (used.root / "catalog.db-wal").read_bytes()
    assert left
    used.catalog.close()
    target = new_schema()
    move(used.root, target)
    target.set_property("colour", "new")
    before = held(target)
    target.close()
    (used.root / "catalog.db-wal").write_bytes(left)
    move(used.root, Catalog.in_file(used.root / "catalog.db.new"))
    back = Workspace.open(used.root)
    assert held(back.catalog) == before
    back.catalog.close()


def test_a_file_whose_log_cannot_be_folded_in_does_not_become_the_catalog(used: Workspace, tmp_path: Path) -> None:
    target = Catalog.in_file(tmp_path / "catalog.db.new")
    target.create()
    with closing(sqlite3.connect(tmp_path / "catalog.db.new")) as other:
        other.execute("SELECT * FROM properties").fetchall()
        with pytest.raises(WorkspaceError, match="could not be finished"):
            moving._point(used.root, target)
    assert held(used.catalog)["images"].rows == 4


def test_a_move_to_a_file_is_repeated_after_a_kill(used: Workspace, database: Cluster) -> None:
    before = held(used.catalog)
    used.catalog.close()
    target = new_schema()
    move(used.root, target)
    target.close()
    half = Catalog.in_file(used.root / "catalog.db.new")
    snapshot(Catalog.of(used.root), used.root / "catalog.db.new")
    half.set_property("colour", "half way")
    half.close()
    move(used.root, Catalog.in_file(used.root / "catalog.db.new"))
    back = Workspace.open(used.root)
    assert held(back.catalog) == before
    back.catalog.close()


def test_a_snapshot_of_postgresql_is_a_file(database: Cluster, tmp_path: Path, make_photos: Photos) -> None:
    there = Workspace.create(tmp_path / "team")
    ingest(there, make_photos(3), Provenance(license="CC-BY-4.0"))
    snapshot(there.catalog, tmp_path / "copy.db")
    copy = Catalog.in_file(tmp_path / "copy.db")
    assert held(copy) == held(there.catalog)
    copy.close()
    there.catalog.close()


def test_of_postgresql_no_table_is_read_at_once(database: Cluster, tmp_path: Path) -> None:
    there = Workspace.create(tmp_path / "team")
    cursors: list[str] = []
    sa.event.listen(
        there.catalog.engine,
        "after_cursor_execute",
        lambda connection, cursor, *_: cursors.append(type(cursor).__name__),
    )
    snapshot(there.catalog, tmp_path / "copy.db")
    there.catalog.close()
    assert len(cursors) >= len(metadata.tables)
    assert set(cursors) == {"ServerCursor"}


def test_without_the_address_it_is_said_what_to_set(
    database: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Workspace.create(tmp_path / "team").catalog.close()
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(WorkspaceError, match=f"is in PostgreSQL, and nothing says where. Set {VARIABLE}="):
        Workspace.open(tmp_path / "team")


def test_in_postgresql_a_writer_gives_up_where_another_does_not_end(
    database: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in SQLite: the page then says so, keeps what was typed, and tries again."""
    monkeypatch.setattr(catalog_database, "BUSY_SECONDS", 1)
    there = Workspace.create(tmp_path / "team")
    another = Catalog.of(there.root)
    with another.write(), pytest.raises(DBAPIError, match="lock timeout"):
        there.catalog.set_property("colour", "red")
    there.catalog.set_property("colour", "blue")
    another.close()
    there.catalog.close()


def test_the_server_soon_notices_that_a_writers_machine_is_gone(database: Cluster) -> None:
    catalog = new_schema()
    with catalog.read() as connection:
        assert connection.exec_driver_sql("SHOW tcp_keepalives_idle").scalar() == "30"
    catalog.close()


def test_what_a_writer_has_read_is_true_whatever_isolation_the_server_gives_by_default(
    database: Cluster, tmp_path: Path
) -> None:
    there = Workspace.create(tmp_path / "team")
    there.catalog.set_property("count", "0")
    another = Catalog.of(there.root)
    with there.catalog.engine.begin() as connection:
        connection.exec_driver_sql("ALTER ROLE tests SET default_transaction_isolation = 'repeatable read'")
    try:
        writer = Thread(target=_count_up, args=(another,))
        with there.catalog.write() as connection:
            writer.start()
            time.sleep(0.5)  # it waits for its turn, with whatever it sees already
            connection.execute(sa.update(properties).where(properties.c.key == "count").values(value="10"))
        writer.join()
        assert there.catalog.property("count") == "11"
    finally:
        with there.catalog.engine.begin() as connection:
            connection.exec_driver_sql("ALTER ROLE tests RESET default_transaction_isolation")
        another.close()
        there.catalog.close()


def _count_up(catalog: Catalog) -> None:
    with catalog.write() as connection:
        mine = properties.c.key == "count"
        value = int(connection.execute(sa.select(properties.c.value).where(mine)).scalar_one())
        connection.execute(sa.update(properties).where(mine).values(value=str(value + 1)))


@pytest.mark.parametrize("address", ["mysql://a@b/c", "http://example.org", "postgresql://a:b@c:port/d"])
def test_an_address_that_is_none_is_refused_without_showing_it(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(WorkspaceError, match="is no address of a PostgreSQL database") as error:
        Workspace.create(tmp_path / "team")
    assert address not in str(error.value)


def test_a_database_that_is_down_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "postgresql://tests:secret@127.0.0.1:1/postgres")
    with pytest.raises(WorkspaceError, match="cannot make the workspace") as error:
        Workspace.create(tmp_path / "team")
    assert "secret" not in str(error.value)
    assert not (tmp_path / "team" / "gatherset.toml").exists()


def test_one_changed_value_changes_the_content(used: Workspace, tmp_path: Path) -> None:
    snapshot(used.catalog, tmp_path / "copy.db")
    copy = Catalog.in_file(tmp_path / "copy.db")
    assert held(copy) == held(used.catalog)
    copy.set_property("pseudonym_key", "another")
    assert held(copy)["properties"] != held(used.catalog)["properties"]
    copy.close()
