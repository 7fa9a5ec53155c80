"""Times as text, in UTC to the second: "2026-11-20T10:00:00Z"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def now(*, plus_minutes: float = 0) -> str:
    """The present moment, or one `plus_minutes` later."""
    return (datetime.now(UTC) + timedelta(minutes=plus_minutes)).strftime(FORMAT)


def is_time(text: str) -> bool:
    """Whether `text` is a time as it is written here."""
    try:
        return datetime.strptime(text, FORMAT).strftime(FORMAT) == text
    except ValueError:
        return False


def from_epoch(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(FORMAT)
