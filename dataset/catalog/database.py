"""The connection to the catalog: short write transactions, and a schema that is exactly the one this code expects.

The catalog is the file `catalog.db` (SQLite) or, for a team, a schema in a PostgreSQL database. Then the file
`catalog.postgresql` in the workspace names the schema, and $GATHERSET_DATABASE_URL the database: a URL has a password
in it, and a workspace must not. One database can hold the catalogs of many workspaces.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection, event
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from gatherset.dataset.catalog.tables import properties
from gatherset.dataset.errors import WorkspaceError

HEAD = "0008"  # the newest migration in dataset/migrations/versions
MIGRATIONS = Path(__file__).parents[1] / "migrations"
BUSY_SECONDS = 10  # that a writer waits for the others
CONNECT_SECONDS = 10
VARIABLE = "GATHERSET_DATABASE_URL"
FILE, POINTER = "catalog.db", "catalog.postgresql"
_VERSION = sa.text("SELECT version_num FROM alembic_version")
_SCHEMA = re.compile(r"gatherset_[0-9a-f]{16}")
_CACHE = 32  # MB of a connection, as needed: with SQLite's 2, a large catalog's indexes spill within a transaction
_KEPT_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}  # s, s, times: of a dead server


class Catalog:
    """The database of one workspace."""

    def __init__(self, engine: sa.Engine, *, path: Path | None = None, schema: str | None = None) -> None:
        self.engine = engine
        self.path = path  # of the file, in SQLite
        self.schema = schema  # its name, in PostgreSQL
        self._writing = self.engine.execution_options(gatherset_write=True)
        self._turn = Lock()

    @classmethod
    def new(cls, root: Path) -> Catalog:
        """A catalog for a workspace to be made in the folder `root`: in PostgreSQL where the environment says so."""
        return new_schema() if os.environ.get(VARIABLE) else cls.in_file(root / FILE)

    @classmethod
    def of(cls, root: Path) -> Catalog:
        """The catalog of the workspace in the folder `root`. Raises WorkspaceError where it is not said where it is."""
        pointer = root / POINTER
        if not pointer.exists():
            return cls.in_file(root / FILE)
        schema = pointer.read_text(encoding="utf-8").strip()
        if not _SCHEMA.fullmatch(schema):
            raise WorkspaceError(f"{pointer} does not name a schema", "Restore it from a backup")
        return cls.in_postgresql(database_url(), schema)

    @classmethod
    def in_file(cls, path: Path) -> Catalog:
        url, waiting = sa.URL.create("sqlite", database=str(path)), {"timeout": BUSY_SECONDS}
        engine = sa.create_engine(url, connect_args=waiting, json_serializer=_as_json)
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
        return cls(engine, path=path)

    @classmethod
    def in_postgresql(cls, url: sa.URL, schema: str) -> Catalog:
        engine = sa.create_engine(
            url,
            pool_pre_ping=True,  # a connection that died with the server is noticed before it is used, and made anew
            pool_size=10,
            max_overflow=40,  # as many as the threads of the app
            json_serializer=_as_json,
            connect_args={"options": _options(schema), "connect_timeout": CONNECT_SECONDS, **_KEPT_ALIVE},
        )
        event.listen(engine, "begin", _on_begin_in_postgresql)
        return cls(engine.execution_options(gatherset_lock=_lock_number(schema)), schema=schema)

    def __str__(self) -> str:
        if self.path:
            return str(self.path)
        url = self.engine.url
        return f"the catalog {self.schema} in PostgreSQL ({url.host or 'localhost'}, {url.database or url.username})"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection with one consistent view of the catalog."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start, so that what it read is still true when it writes.

        Commits at the end; rolls back on any exception, Ctrl-C included. Raises OperationalError where others write
        for longer than BUSY_SECONDS, and WorkspaceError where a newer Gatherset has changed the catalog meanwhile.
        """
        with self.alone() as connection:
            version = connection.execute(_VERSION).scalar()
            if version is None or version > HEAD:  # said in pages: neither addresses nor names
                raise WorkspaceError(
                    f"the database was changed by a newer Gatherset (schema {version}; this one knows {HEAD})",
                    "Upgrade the app, then start it again",
                )
            yield connection

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """As `write`, whatever version the catalog has: for what makes and upgrades it."""
        # Within a process, writers wait in line: SQLite lets them sleep and try again, and the unlucky one starves.
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise OperationalError("BEGIN", None, TimeoutError(f"others are writing, for {BUSY_SECONDS} s already"))
        try:
            with self._writing.begin() as connection:
                yield connection
        finally:
            self._turn.release()

    def create(self) -> None:
        """Bring an empty or older database to the newest schema."""
        from alembic import command
        from alembic.config import Config

        if self.path and not self.path.exists():
            self.path.touch(mode=0o600)  # it holds names, and what seals are made with
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self.alone() as connection:
            if self.schema:
                connection.execute(sa.schema.CreateSchema(self.schema, if_not_exists=True))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def require_current(self) -> None:
        """Upgrade an older schema. Raises WorkspaceError for a missing or damaged database and for a newer one."""
        if self.path and not self.path.is_file():
            raise WorkspaceError(f"{self.path} is missing", "Restore it from a backup, or make a new workspace")
        try:
            version = self.version()
        except DatabaseError as error:
            raise WorkspaceError(f"{self} cannot be used: {_reason(error)}", _next_step(self)) from error
        if version is None or version > HEAD:
            raise WorkspaceError(
                f"{self} was made by a newer Gatherset (schema {version}; this one knows {HEAD})",
                "Upgrade: pip install -U gatherset",
            )
        if version < HEAD:
            self.create()

    def version(self) -> str | None:
        with self.read() as connection:
            return connection.execute(_VERSION).scalar()

    def property(self, key: str) -> str:
        with self.read() as connection:
            return str(connection.execute(sa.select(properties.c.value).where(properties.c.key == key)).scalar_one())

    def set_property(self, key: str, value: str) -> None:
        with self.write() as connection:
            connection.execute(sa.delete(properties).where(properties.c.key == key))
            connection.execute(sa.insert(properties).values(key=key, value=value))

    def discard(self) -> None:
        """Leave nothing behind in PostgreSQL; a file is its folder's."""
        if self.schema:
            with suppress(DatabaseError), self.alone() as connection:
                connection.execute(sa.schema.DropSchema(self.schema, cascade=True, if_exists=True))
        self.close()

    def close(self) -> None:
        self.engine.dispose()


def insert_many(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns, straight through the driver: in a third of SQLAlchemy's time."""
    if not rows:
        return
    names = list(rows[0])
    documents = [name for name in names if isinstance(table.c[name].type, sa.JSON)]
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join([mark] * len(names))
    values = ({**row, **{name: _as_json(row[name]) for name in documents}} for row in rows)
    statement = f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'
    connection.exec_driver_sql(statement, [tuple(row.values()) for row in values])


def new_schema() -> Catalog:
    """A catalog that is still to be made, where $GATHERSET_DATABASE_URL says. Raises WorkspaceError."""
    return Catalog.in_postgresql(database_url(), f"gatherset_{secrets.token_hex(8)}")


def database_url() -> sa.URL:
    """What $GATHERSET_DATABASE_URL says. Raises WorkspaceError where it says nothing, or nothing that can be used."""
    text = os.environ.get(VARIABLE)
    if not text:
        raise WorkspaceError(
            "the catalog of this workspace is in PostgreSQL, and nothing says where",
            f"Set {VARIABLE}=postgresql://USER:PASSWORD@HOST/DATABASE",
        )
    try:
        url = sa.make_url(text)
        if url.get_backend_name() != "postgresql":
            raise ArgumentError
        url = url.set(drivername="postgresql+psycopg")
        url.get_dialect()
        import psycopg  # noqa: F401
    except (ArgumentError, ValueError) as error:
        raise WorkspaceError(
            f"{VARIABLE} is no address of a PostgreSQL database", "Write it as postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from error
    except ImportError as error:
        raise WorkspaceError("psycopg is not installed", "Run: pip install 'gatherset[postgresql]'") from error
    return url


def _reason(error: DatabaseError) -> str:
    # PostgreSQL's messages have several lines, of which the first says what.
    return (str(error.orig).strip().splitlines() or ["no reason given"])[0]


def _next_step(catalog: Catalog) -> str:
    if catalog.path:
        return "Check its permissions and what else uses it, or restore it from a backup"
    return f"Check that the server runs and that {VARIABLE} is right, or restore it from a backup"


def _options(schema: str) -> str:
    settings = {
        "search_path": schema,
        # What a writer reads after it has waited for its turn is what is there then, whatever the server's default.
        "default_transaction_isolation": r"read\ committed",
        "lock_timeout": f"{BUSY_SECONDS}s",
        # A machine that is gone gives its lock back after a minute, not after the system's two hours.
        **{f"tcp_{name}": value for name, value in _KEPT_ALIVE.items()},
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def _as_json(value: Any) -> str:
    """What json.dumps writes, but for its spaces, in a fifth of its time."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half a character, or a number of more than 64 bits
        return json.dumps(value)


def _lock_number(schema: str) -> int:
    return int.from_bytes(hashlib.sha256(schema.encode()).digest()[:8], signed=True)


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own: _on_begin does
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", f"cache_size = {-1000 * _CACHE}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("gatherset_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _on_begin_in_postgresql(connection: Connection) -> None:
    options = connection.get_execution_options()
    statement = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
    if options.get("gatherset_write", False):
        # Whoever writes holds this lock to the end of the transaction, on whatever machine: what it has read is still
        # true when it writes, as in SQLite. Writes are short; one lock is simpler to be sure of than many rows'.
        statement = f"SELECT pg_advisory_xact_lock({options['gatherset_lock']})"
    # By the driver itself: SQLAlchemy would do it in the way of the statement to come, which may be one that streams.
    assert connection.dialect.loaded_dbapi is not None
    driver = connection.connection
    try:
        with closing(driver.cursor()) as cursor:
            cursor.execute(statement)
    except connection.dialect.loaded_dbapi.Error as error:  # the others hold the lock, or the server went away
        lost = connection.dialect.is_disconnect(error, driver, None)
        if lost:
            connection.invalidate(error)
        raise OperationalError(statement, {}, error, connection_invalidated=lost) from error
