"""The connection to the catalog: short write transactions, and a schema that is exactly the one this code expects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, event
from sqlalchemy.exc import DatabaseError

from gatherset.dataset.catalog.tables import properties
from gatherset.dataset.errors import WorkspaceError

HEAD = "0006"  # the newest migration in dataset/migrations/versions
MIGRATIONS = Path(__file__).parents[1] / "migrations"
BUSY_SECONDS = 10


class Catalog:
    """The database of one workspace (SQLite, WAL)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_SECONDS}
        )
        event.listen(self.engine, "connect", _on_connect)
        event.listen(self.engine, "begin", _on_begin)
        self._writing = self.engine.execution_options(gatherset_write=True)
        self._turn = Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection with one consistent view of the catalog."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start, so that what it read is still true when it writes.

        Commits at the end; rolls back on any exception, Ctrl-C included.
        """
        # Within a process, writers wait in line: SQLite lets them sleep and try again, and the unlucky one starves.
        with self._turn, self._writing.begin() as connection:
            yield connection

    def create(self) -> None:
        """Bring an empty or older database to the newest schema."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def require_current(self) -> None:
        """Upgrade an older schema. Raises WorkspaceError for a missing or damaged database and for a newer one."""
        if not self.path.is_file():
            raise WorkspaceError(f"{self.path} is missing", "Restore it from a backup, or make a new workspace")
        try:
            version = self.version()
        except DatabaseError as error:
            raise WorkspaceError(
                f"{self.path} cannot be used: {error.orig}",
                "Check its permissions and what else uses it, or restore it from a backup",
            ) from error
        if version is None or version > HEAD:
            raise WorkspaceError(
                f"{self.path} was made by a newer Gatherset (schema {version}; this one knows {HEAD})",
                "Upgrade: pip install -U gatherset",
            )
        if version < HEAD:
            self.create()

    def version(self) -> str | None:
        with self.read() as connection:
            return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()

    def property(self, key: str) -> str:
        with self.read() as connection:
            return str(connection.execute(sa.select(properties.c.value).where(properties.c.key == key)).scalar_one())

    def set_property(self, key: str, value: str) -> None:
        with self.write() as connection:
            connection.execute(sa.delete(properties).where(properties.c.key == key))
            connection.execute(sa.insert(properties).values(key=key, value=value))

    def close(self) -> None:
        self.engine.dispose()


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own: _on_begin does
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("gatherset_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
