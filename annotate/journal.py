"""The journal: a line of JSON on standard error for each event, for systemd or a container to keep.

It says who by the annotator's number, never by name, and what by the numbers of tasks and images; no caption, comment
or password comes near it. On a terminal it is silent: whoever sits there sees the pages.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from functools import partial
from threading import Lock
from typing import Any

from gatherset.dataset.timestamps import now

_LOG = logging.getLogger("gatherset")
QUIET = 10.0  # seconds
_turn = Lock()
_told: dict[str, float] = {}  # when an event was last written
_count: dict[str, int] = {}  # how often it has happened since
FOREIGN = ("streamlit", "uvicorn", "authlib", "asyncio", "sqlalchemy")


def record(event: str, **fields: Any) -> None:
    """Write that `event` happened."""
    _LOG.info("", extra={"fields": {"event": event, **fields}})


def record_trouble(event: str, **fields: Any) -> None:
    """Likewise, for what happens to everybody at once: a line every ten seconds says how often."""
    with _turn:
        _count[event] = _count.get(event, 0) + 1
        if time.monotonic() - _told.get(event, -QUIET) < QUIET:
            return
        _told[event], times = time.monotonic(), _count.pop(event)
    record(event, **fields, times=times)


class _Lines(logging.Formatter):
    """One line an event. What others log is kept to where and what kind: their words may hold anything."""

    def format(self, entry: logging.LogRecord) -> str:
        fields = getattr(entry, "fields", None)
        if fields is None:
            fields = {"event": "log", "level": entry.levelname, "logger": entry.name, "where": _where(entry)}
        return json.dumps({"time": now(), **fields}, ensure_ascii=True)


def _where(entry: logging.LogRecord) -> str:
    """The kind of error and where it was raised, or the line that wrote the entry."""
    if entry.exc_info and entry.exc_info[1] is not None:
        error, last = entry.exc_info[1], entry.exc_info[2]
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        at = f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last else ""
        return f"{type(error).__name__} at {at}"
    return f"{entry.pathname}:{entry.lineno}"


def begin() -> None:
    """Write the journal from now on, and what Streamlit and the web server log as lines of it; not on a terminal."""
    if sys.stderr.isatty():
        return
    _take(_LOG, logging.INFO)
    # Each module of Streamlit has a logger with a handler of its own, which it gives to further ones while it runs.
    known = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in FOREIGN]
    for name in (*FOREIGN, *known):
        _take(logging.getLogger(name), logging.WARNING)
    if "streamlit.logger" in sys.modules:
        sys.modules["streamlit.logger"].__dict__["setup_formatter"] = partial(_take, level=logging.WARNING)


def _take(logger: logging.Logger, level: int) -> None:
    """Have `logger` write lines of the journal, and nothing below `level`, whatever is said of it later."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    handler.setLevel(level)  # of the others: what they tell about themselves in good days is of no use
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)
