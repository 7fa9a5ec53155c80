"""Outages: what is wrong with the database, in words that may stand in a page. The rest is for the journal."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

_WORDS = {  # a part of what SQLite or PostgreSQL says: how it is told
    "full": "The disk of the server is full",
    "no space left": "The disk of the server is full",
    "readonly": "The database cannot be written",
    "read-only": "The database cannot be written",
    "locked": "The database is busy",
    "others are writing": "The database is busy",
    "lock timeout": "The database is busy",
    "too many": "The database is busy",
    "no such table": "The database was moved or changed: the app has to be started again",
    "does not exist": "The database was moved or changed: the app has to be started again",
}


def in_words(error: DBAPIError) -> str:
    """One sentence without a full stop; no names, addresses or data."""
    said = str(error.orig).lower()
    for part, words in _WORDS.items():
        if part in said:
            return words
    if error.connection_invalidated or isinstance(error, sa.exc.OperationalError):
        return "The database cannot be reached"
    return "The database cannot be used now"
