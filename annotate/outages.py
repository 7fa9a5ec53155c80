"""Outages: what is wrong with the database, in words that may stand in a page. The rest is for the journal."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

FULL = "The disk of the server is full"
READ_ONLY = "The database cannot be written"
BUSY = "The database is busy"
CHANGED = "The database was moved or changed: the app has to be started again"
AWAY = "The database cannot be reached"
UNKNOWN = "The database cannot be used now"
# PostgreSQL says it in the language of its server, and with data in it: its number goes first, from the longest.
_STATES = {
    "42P01": CHANGED,  # undefined table
    "42703": CHANGED,  # undefined column
    "3F": CHANGED,  # undefined schema
    "53100": FULL,
    "53": BUSY,  # out of memory, of connections
    "25006": READ_ONLY,  # a replica, or told to be
    "55P03": BUSY,  # a lock that others hold
    "57P": AWAY,  # being stopped or started
    "08": AWAY,
    "40": BUSY,  # two were in each other's way
}
_WORDS = {  # a part of what SQLite says, or PostgreSQL where no connection came about: how it is told
    "full": FULL,
    "no space left": FULL,
    "readonly": READ_ONLY,
    "read-only": READ_ONLY,
    "locked": BUSY,
    "others are writing": BUSY,
    "too many": BUSY,
    "no such table": CHANGED,
    "no such column": CHANGED,
    "has no column": CHANGED,
}


def in_words(error: DBAPIError) -> str:
    """One sentence without a full stop; no names, addresses or data."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return next((words for part, words in _STATES.items() if state.startswith(part)), UNKNOWN)
    said = str(error.orig).lower()
    for part, words in _WORDS.items():
        if part in said:
            return words
    if error.connection_invalidated or isinstance(error, sa.exc.OperationalError):
        return AWAY
    return UNKNOWN
