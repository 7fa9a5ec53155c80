"""The clock of the machine: times in the catalog must not be of a day that is still to come."""

from __future__ import annotations

import sqlalchemy as sa

from gatherset.dataset.catalog.database import Catalog
from gatherset.dataset.catalog.tables import decisions, submissions
from gatherset.dataset.timestamps import now

SKEW = 5  # minutes that may be between two clocks
_LAST = (
    sa.select(submissions.c.submitted_at).order_by(submissions.c.id.desc()).limit(1),
    sa.select(decisions.c.decided_at).order_by(decisions.c.id.desc()).limit(1),
)
NEXT = "Set the clock (timedatectl), then sign in again: sessions and held images go by it"


def trouble(catalog: Catalog) -> str | None:
    """What is wrong with the clock of this machine, in words; None where nothing is.

    Found by what was written last, whose time must not be in the future, and by the clock of the database's machine.
    """
    ahead = now(plus_minutes=SKEW)
    with catalog.read() as connection:
        latest = max(connection.execute(query).scalar() or "" for query in _LAST)
        if latest > ahead:
            return f"This machine's clock says {now()}, and something was written at {latest} by it. {NEXT}"
        if catalog.schema:
            text = sa.text("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
            there = str(connection.execute(text).scalar_one())
            if not now(plus_minutes=-SKEW) <= there <= ahead:
                return f"This machine's clock says {now()}, and the database's {there}. {NEXT}"
    return None
