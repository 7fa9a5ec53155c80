"""Annotators: names inside the workspace, pseudonyms everywhere else."""

from __future__ import annotations

import unicodedata
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.catalog.tables import annotators
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.pseudonyms import new_pseudonym
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

MAX_NAME = 100  # characters
_ALL = sa.select(annotators.c.id, annotators.c.name).order_by(annotators.c.id)
_BY_NAME = _ALL.where(annotators.c.name == sa.bindparam("name"))


def annotator_id(connection: Connection, name: str) -> int:
    """The number of the annotator called `name`, who is entered when seen for the first time."""
    name = checked_name(name)
    if (known := find_annotator(connection, name)) is not None:
        return int(known.id)
    row = {"name": name, "pseudonym": new_pseudonym(), "created_at": now()}
    return int(connection.execute(sa.insert(annotators).values(row).returning(annotators.c.id)).scalar_one())


def known_annotator(connection: Connection, name: str) -> int:
    """The number of an annotator who has been seen before."""
    known = find_annotator(connection, one_name(name))
    assert known is not None, "nobody has ever seen this annotator"
    return int(known.id)


def resting(workspace: Workspace, name: str) -> str | None:
    """Why the queue hands nothing to the annotator called `name`; None where it does."""
    with workspace.catalog.read() as connection:
        query = sa.select(annotators.c.paused, annotators.c.retired)
        row = connection.execute(query.where(annotators.c.name == stored_name(connection, name))).one_or_none()
    return None if row is None else row.retired or row.paused


def stored_name(connection: Connection, name: str) -> str:
    """`name` as the person wrote it when they were first seen: Anna and anna are one person."""
    name = one_name(name)
    known = find_annotator(connection, name)
    return name if known is None else str(known.name)


def find_annotator(connection: Connection, name: str) -> sa.Row[*tuple[Any, ...]] | None:
    """The (id, name) of the annotator called `name`, in whatever case it is written; None for a stranger."""
    found = connection.execute(_BY_NAME, {"name": name}).one_or_none()
    if found is None:  # compared here, because a database folds the case of Latin letters alone
        everybody = connection.execute(_ALL).all()
        found = next((other for other in everybody if other.name.casefold() == name.casefold()), None)
    return found


def checked_name(name: str) -> str:
    """`name` as it is stored. Raises SubmissionError for one that cannot be shown."""
    name = one_name(name)
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise SubmissionError(
            f"'{name[:MAX_NAME]}' cannot name an annotator", f"Use 1 to {MAX_NAME} printable characters"
        )
    return name


def one_name(name: str) -> str:
    """`name` as it is stored: one person is not two by the kind of space between the names."""
    return " ".join(unicodedata.normalize("NFKC", name).split())
