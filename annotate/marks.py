"""Marks: places in a text, such as [NAME] or {first}, that are filled with what belongs there."""

from __future__ import annotations

from collections.abc import Mapping


def filled(text: str, values: Mapping[str, object], *, before: str, after: str) -> str:
    """`text` with its marks filled, in one pass: what a person typed must not open further places.

    `before` and `after` are the signs around a mark's name. A name that is not in `values` stays as it is.
    """
    first, *pieces = text.split(before)
    made = [first]
    for piece in pieces:
        name, closed, rest = piece.partition(after)
        made.append(f"{values[name]}{rest}" if closed and name in values else f"{before}{piece}")
    return "".join(made)
