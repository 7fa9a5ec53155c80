import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from gatherset.dataset.catalog import database
from gatherset.dataset.catalog.database import HEAD, MIGRATIONS, Catalog
from gatherset.dataset.catalog.tables import (
    accounts,
    annotators,
    metadata,
    properties,
    reasons,
    records,
    submissions,
    suggestions,
    suspects,
    tasks,
)
from gatherset.dataset.workspace import Workspace


def test_the_migrations_make_exactly_the_tables(workspace: Workspace) -> None:
    with workspace.catalog.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_newest_migration_is_the_one_this_code_expects(workspace: Workspace) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]
    assert workspace.catalog.version() == HEAD


def test_a_migration_never_reads_the_tables_of_today() -> None:
    for path in (MIGRATIONS / "versions").glob("v*.py"):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert not [node for node in imports if (node.module or "").startswith("gatherset")], path.name


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_write_that_fails_changes_nothing(workspace: Workspace, error: type[BaseException]) -> None:
    def write_half() -> None:
        with workspace.catalog.write() as connection:
            connection.execute(sa.insert(properties).values(key="half", value="written"))
            raise error

    with pytest.raises(error):
        write_half()
    with workspace.catalog.read() as connection:
        assert connection.execute(sa.select(properties.c.key)).scalars().all() == ["pseudonym_key"]


def test_a_writer_does_not_stand_in_line_for_ever(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with workspace.catalog.write(), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(workspace.catalog.set_property, "colour", "red")
        with pytest.raises(DBAPIError, match="others are writing"):
            waiting.result()
    workspace.catalog.set_property("colour", "blue")
    assert workspace.catalog.property("colour") == "blue"


def test_a_reader_sees_one_state_while_another_writes(workspace: Workspace) -> None:
    with workspace.catalog.read() as reader:
        before = reader.execute(sa.select(properties)).all()
        workspace.catalog.set_property("new", "value")
        assert reader.execute(sa.select(properties)).all() == before


def test_a_property_is_set_and_set_again(workspace: Workspace) -> None:
    workspace.catalog.set_property("colour", "red")
    workspace.catalog.set_property("colour", "blue")
    assert workspace.catalog.property("colour") == "blue"


def test_a_record_without_its_image_cannot_be(workspace: Workspace) -> None:
    with pytest.raises(sa.exc.IntegrityError), workspace.catalog.write() as connection:
        connection.execute(sa.insert(records).values(id="gs-0000000000000000", revision=1))


def test_creating_it_again_changes_nothing(tmp_path: Path) -> None:
    catalog = Catalog.in_file(tmp_path / "catalog.db")
    catalog.create()
    catalog.set_property("kept", "yes")
    catalog.create()
    assert catalog.property("kept") == "yes"
    catalog.close()


AN_IMAGE = (
    "INSERT INTO images (id, sha256, phash, width, height, format, bytes, language, captions, source, flags, added_at) "
    "VALUES ('gs-1', 'a', 'b', 1, 1, 'jpeg', 1, 'en', '[]', '{}', '[]', '2026-11-20T10:00:00Z')"
)


def bring_to(connection: sa.Connection, revision: str) -> None:
    """Make the tables of an empty catalog as they were at `revision`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def test_a_catalog_of_the_first_version_is_brought_up_with_all_that_is_in_it(tmp_path: Path) -> None:
    catalog = Catalog.in_file(tmp_path / "catalog.db")
    with catalog.alone() as connection:
        bring_to(connection, "0001")
        connection.exec_driver_sql(AN_IMAGE)
        connection.exec_driver_sql("INSERT INTO tasks VALUES (1, 'gs-1', 'event', 'open', 2, 1, '')")
        connection.exec_driver_sql("INSERT INTO tasks VALUES (2, 'gs-1', 'review', 'open', 1, 0, 'they disagree')")
        connection.exec_driver_sql("INSERT INTO annotators VALUES (1, 'anna', 'a-00000000', '2026-11-20T10:00:00Z')")
        connection.exec_driver_sql(
            "INSERT INTO submissions VALUES (1, 1, 1, 1, 'k', '{\"flags\": []}', NULL, '2026-11-20T10:00:00Z')"
        )
        connection.exec_driver_sql("INSERT INTO records (id, revision) VALUES ('gs-1', 1)")
        connection.exec_driver_sql(
            "INSERT INTO revisions "
            "VALUES ('gs-1', 1, '{\"event\": {\"type\": \"protest\"}}', '[]', '', 'agreement', '')"
        )
    catalog.require_current()
    assert catalog.version() == HEAD
    with catalog.read() as connection:
        assert connection.execute(sa.select(submissions.c.answer)).scalar_one() == {"flags": []}
        assert connection.execute(sa.select(annotators.c.position)).scalar_one() is None
        assert connection.execute(sa.select(records.c.event_type)).scalar_one() == "protest"
        assert connection.execute(sa.select(tasks.c.priority)).scalars().all() == [0, 0]
        assert connection.execute(sa.select(reasons.c.note, reasons.c.settled_at)).all() == [("they disagree", None)]
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    catalog.close()


def test_a_catalog_from_before_suspects_keeps_its_records_and_can_doubt_them(tmp_path: Path) -> None:
    catalog = Catalog.in_file(tmp_path / "catalog.db")
    with catalog.alone() as connection:
        bring_to(connection, "0003")
        connection.exec_driver_sql(AN_IMAGE)
        connection.exec_driver_sql("INSERT INTO records (id, revision) VALUES ('gs-1', 1)")
    catalog.require_current()
    with catalog.write() as connection:
        assert connection.execute(sa.select(records.c.revision)).scalar_one() == 1
        row = {"record_id": "gs-1", "kind": "event", "position": 0, "value": "protest", "score": 0.9}
        row |= {"reason": "r", "run": "r", "state": "open", "found_at": "2026-11-21T10:00:00Z"}
        connection.execute(sa.insert(suspects).values(row))
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(sa.insert(suspects).values(row))
    catalog.close()


def test_a_catalog_from_before_accounts_keeps_its_people_and_takes_accounts(tmp_path: Path) -> None:
    catalog = Catalog.in_file(tmp_path / "catalog.db")
    with catalog.alone() as connection:
        bring_to(connection, "0006")
        connection.exec_driver_sql(
            "INSERT INTO annotators (id, name, pseudonym, created_at) VALUES (7, 'anna', 'a-00000000', 'then')"
        )
    catalog.require_current()
    with catalog.write() as connection:
        row = {"annotator_id": 7, "role": "maintainer", "version": 1, "created_at": "now"}
        connection.execute(sa.insert(accounts).values(row))
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(sa.insert(accounts).values({**row, "annotator_id": 8}))
    catalog.close()


def test_suggestions_from_before_origins_are_those_of_a_model(tmp_path: Path) -> None:
    catalog = Catalog.in_file(tmp_path / "catalog.db")
    with catalog.alone() as connection:
        bring_to(connection, "0006")
        connection.exec_driver_sql(AN_IMAGE)
        connection.exec_driver_sql("INSERT INTO suggestions VALUES (1, 'gs-1', 'caption', 'A crowd.', 'blip', 0.5, '')")
    catalog.require_current()
    with catalog.read() as connection:
        row = connection.execute(sa.select(suggestions)).one()
        assert (row.value, row.origin, row.made_with) == ("A crowd.", "model", None)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    catalog.close()
