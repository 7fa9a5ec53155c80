"""mAP@R: how many of the R first items are right, and how early they come, where a query has R right items.

Musgrave, Belongie and Lim, "A Metric Learning Reality Check" (2020), section 4.2. Unlike R@K it asks for all right
items; and what is right may be more than one's own image: any of the same event type.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 64

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]


def map_at_r(scores: NDArray[np.floating], of_query: Integers, of_item: Integers) -> float:
    """In per cent, of scores [queries, items]; an item is right where its label is that of the query.

    Tied items count as if they came in random order: the expected value over all orders. A query without a right item
    is left out; 0 where all are.
    """
    values = np.concatenate(
        [
            _expected(scores[start : start + ROWS_AT_ONCE], of_query[start : start + ROWS_AT_ONCE], of_item)
            for start in range(0, len(scores), ROWS_AT_ONCE)
        ]
    )
    asked = np.isin(of_query, of_item)
    return float(100 * values[asked].mean()) if asked.any() else 0.0


def _expected(scores: NDArray[np.floating], of_query: Integers, of_item: Integers) -> Floats:
    """The expected average precision at R of each row.

    At place i (from 1) of a group of n tied items with r right ones, after C right ones, at offset k in the group: the
    item is right with probability p = r/n, and together with an earlier one of the group with q = r(r-1)/(n(n-1)). So
    the expected P(i)·rel(i) is (p (1 + C) + k q) / i.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores, order, 1)
    right = (of_item[order] == of_query[:, None]).astype(np.float64)
    rows, n_items = ranked.shape
    begins = np.ones(ranked.shape, bool)
    begins[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    group = np.cumsum(begins.ravel()) - 1  # of every place; a row begins a group
    size = np.bincount(group)
    of_group = np.bincount(group, right.ravel())
    first = np.flatnonzero(begins.ravel())
    before = (np.cumsum(of_group) - of_group) - np.repeat(np.cumsum(right.sum(1)) - right.sum(1), _groups(begins))
    p, q = of_group / size, of_group * (of_group - 1) / np.maximum(size * (size - 1), 1)
    offset = np.arange(rows * n_items) - first[group]
    gain = (p * (1 + before))[group] + offset * q[group]
    place = np.tile(np.arange(1, n_items + 1), rows)
    wanted = right.sum(1)
    gain = (gain / place).reshape(rows, n_items) * (np.arange(n_items) < wanted[:, None])
    total: Floats = gain.sum(1) / np.maximum(wanted, 1)
    return total


def _groups(begins: NDArray[np.bool_]) -> Integers:
    """How many groups of tied items each row has."""
    counts: Integers = begins.sum(1)
    return counts
