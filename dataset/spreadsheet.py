"""Tables that people open in a spreadsheet (CSV), in which no text becomes a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A line for each row; what a row does not have stays empty."""
    file = StringIO(newline="")
    writer = csv.DictWriter(file, columns)  # lines end as RFC 4180 says
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    # A spreadsheet reads an apostrophe before a text as "this is text".
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
