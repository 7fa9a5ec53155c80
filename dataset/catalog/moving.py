"""Moving a catalog to another database: all rows, counted and compared, or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.catalog.database import FILE, POINTER, Catalog
from gatherset.dataset.catalog.tables import metadata
from gatherset.dataset.errors import WorkspaceError
from gatherset.dataset.progress import progress

ROWS = 1000  # written at once


@dataclass(frozen=True)
class Content:
    """What a table holds: two tables with the same content have the same numbers, in whatever order the rows come."""

    rows: int
    digest: int  # the sum of the rows' sha256, modulo 2^256


def contents(connection: Connection) -> dict[str, Content]:
    """The content of each table."""
    return {table.name: _content(connection, table) for table in metadata.sorted_tables}


def move(root: Path, target: Catalog) -> dict[str, int]:
    """Move the catalog of the workspace in the folder `root` into the empty `target`; returns rows by table.

    Nobody can write to the old catalog while it is read. It is kept: a file as `catalog.db.moved`, a schema under its
    name with `_moved`; an app that still runs on it is refused, and asks again until it is started anew. Raises
    WorkspaceError where the two differ; the old catalog is the workspace's then, as before.
    """
    source = Catalog.of(root)
    source.require_current()
    pointed = False
    try:
        with source.write() as old:
            if target.path:
                _remove(target.path)  # what a move that was killed has left of it
            target.create()
            found = copy(old, target)
            _retire(source, old)
            _point(root, target)
            pointed = True
    finally:
        source.close()
        if not pointed:
            target.discard()
    if source.path:
        _remove(source.path)
    return {name: content.rows for name, content in found.items()}


def snapshot(catalog: Catalog, path: Path) -> None:
    """Write all that the catalog holds at one moment into the new file `path` (SQLite), while others go on writing."""
    if catalog.path:
        _copy_file(catalog.path, path)
        return
    target = Catalog.in_file(path)
    try:
        target.create()
        with catalog.read() as connection:
            copy(connection, target)
    finally:
        target.close()


def copy(old: Connection, target: Catalog) -> dict[str, Content]:
    """Copy all rows into `target`, whose tables are empty, and compare. Raises WorkspaceError where they differ."""
    with target.write() as new:
        for table in metadata.sorted_tables:
            new.execute(sa.delete(table))
        for table in progress(metadata.sorted_tables, total=len(metadata.sorted_tables), label="tables"):
            found = old.execute(sa.select(table).execution_options(yield_per=ROWS))
            for rows in found.mappings().partitions():
                new.execute(sa.insert(table), [dict(row) for row in rows])
            _go_on_counting(new, table)
        before, after = contents(old), contents(new)
        different = [name for name in before if before[name] != after[name]]
        if different:
            raise WorkspaceError(
                f"the tables {', '.join(different)} did not arrive as they were", "Nothing was moved. Please report it"
            )
    return after


def _content(connection: Connection, table: sa.Table) -> Content:
    rows = digest = 0
    for row in connection.execute(sa.select(table).execution_options(yield_per=ROWS)):
        text = json.dumps(list(row), sort_keys=True)
        digest += int.from_bytes(hashlib.sha256(text.encode()).digest())
        rows += 1
    return Content(rows, digest % 2**256)


def _go_on_counting(connection: Connection, table: sa.Table) -> None:
    """PostgreSQL numbers new rows by a counter, which knows nothing of rows that came with their number."""
    numbered = table.autoincrement_column
    if numbered is None or connection.dialect.name != "postgresql":
        return
    last = sa.select(sa.func.max(numbered)).scalar_subquery()
    counter = sa.func.pg_get_serial_sequence(table.name, numbered.name)
    connection.execute(sa.select(sa.func.setval(counter, sa.func.coalesce(last, 0) + 1, False)))


def _retire(source: Catalog, old: Connection) -> None:
    if source.schema:
        old.exec_driver_sql(f"ALTER SCHEMA {source.schema} RENAME TO {source.schema}_moved")
        return
    assert source.path is not None
    kept = source.path.with_name(f"{source.path.name}.moved")
    _remove(kept)
    # The copy is whole; in the file itself the tables are renamed, for an app that has it open would write on into it.
    _copy_file(source.path, kept)
    for table in metadata.sorted_tables:
        old.exec_driver_sql(f"ALTER TABLE {table.name} RENAME TO moved_{table.name}")


def _copy_file(source: Path, kept: Path) -> None:
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(kept)) as writer:
        reader.backup(writer)


def _point(root: Path, target: Catalog) -> None:
    """From here on the workspace's catalog is the new one."""
    if target.schema:
        partial = root / f"{POINTER}.partial"
        partial.write_text(f"{target.schema}\n", encoding="utf-8")
        os.replace(partial, root / POINTER)
    else:
        assert target.path is not None
        target.close()
        if _log(target.path).exists():  # SQLite keeps it where it could not bring all of it into the file
            raise WorkspaceError(f"{target.path} could not be finished", "Make room, close what reads it, move again")
        _remove(root / FILE)
        os.replace(target.path, root / FILE)
        (root / POINTER).unlink()


def _remove(database: Path) -> None:
    """The log first: one that outlives its file is replayed into the next of that name."""
    for path in (_log(database), Path(f"{database}-shm"), database):
        path.unlink(missing_ok=True)


def _log(database: Path) -> Path:
    return Path(f"{database}-wal")
