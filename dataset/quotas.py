"""Quotas: how many records of each event type each split should get, so that types and totals both come out right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

# What a record is worth where it goes; the programme makes the sum least.
_FIRST = -100.0  # the first of its type in a split
_WITHIN = -2.0  # within the share of its type, rounded down
_OVER = (1.0, 4.0)  # one over the share rounded up; any more
_TOTAL_OFF = 10.0  # a split's total that is one off: less than an event type missing there
_COUNT_OFF = 1000.0  # the same for a total that was asked for exactly: more than that


def quotas(have: Counts, fresh: Counts, totals: Counts, covered: NDArray[np.bool_], *, exact: bool) -> Counts:
    """[T, S] how many of the `fresh` [T] records of each type go to each split.

    `have` [T, S] are there already, `totals` [S] is what each split should hold in the end; they add up to all records
    or are out of reach where `have` is over them. `covered` [T, S]: cells that should not stay empty. `exact`: the
    totals come before the cover. A transport problem: its matrix is totally unimodular, so the solution is whole.
    """
    from scipy.optimize import linprog  # takes a quarter of a second to import

    types, splits = have.shape
    if not fresh.sum():
        return np.zeros_like(have)
    share = _shares(have, fresh, totals)
    whole, part = np.floor(share), share - np.floor(share)
    first = (covered & (have == 0)).astype(float)
    rest = np.full_like(share, np.inf)
    # Of each cell: (most, cost) of its first record, those within its share, the one of its fraction, and those over.
    steps = [
        (first, np.full_like(share, _FIRST)),
        (np.maximum(0, whole - first), np.full_like(share, _WITHIN)),
        ((part > 0).astype(float), -part),
        (np.ones_like(share), np.full_like(share, _OVER[0])),
        (rest, np.full_like(share, _OVER[1])),
    ]
    cells = types * splits
    off = _COUNT_OFF if exact else _TOTAL_OFF
    cost = np.concatenate([worth.ravel() for _, worth in steps] + [np.full(2 * splits, off)])
    most = np.concatenate([limit.ravel() for limit, _ in steps] + [np.full(2 * splits, np.inf)])
    by_type = np.kron(np.eye(types), np.ones(splits))  # [T, cells]
    by_split = np.kron(np.ones(types), np.eye(splits))  # [S, cells]
    slack = np.hstack([np.eye(splits), -np.eye(splits)])
    equations = np.vstack(
        [
            np.hstack([np.tile(by_type, len(steps)), np.zeros((types, 2 * splits))]),
            np.hstack([np.tile(by_split, len(steps)), slack]),
        ]
    )
    missing = largest_remainders(int(fresh.sum()), np.maximum(0, totals - have.sum(axis=0)).tolist())
    solved = linprog(
        cost,
        A_eq=equations,
        b_eq=np.concatenate([fresh, missing]),
        bounds=np.column_stack([np.zeros_like(most), most]),
        method="highs-ds",
    )
    found: Counts = np.rint(solved.x[: len(steps) * cells]).astype(np.int64).reshape(len(steps), types, splits).sum(0)
    return found


def _shares(have: Counts, fresh: Counts, totals: Counts) -> NDArray[np.float64]:
    """[T, S] the part of the fresh records of each type that each split lacks, with fractions."""
    size = have.sum(axis=1) + fresh
    lack = np.maximum(0, size[:, None] * totals / max(1, totals.sum()) - have)
    scale = fresh / np.maximum(lack.sum(axis=1), 1e-9)
    lacking: NDArray[np.float64] = np.round(lack * scale[:, None], 9)  # 2.9999999999 is 3
    return lacking


def largest_remainders(total: int, ratios: Sequence[int]) -> list[int]:
    """`total` in whole parts as near to `ratios` as can be; all of it to the first where all ratios are 0."""
    if not any(ratios):
        return [total, *[0] * (len(ratios) - 1)]
    counts = [total * ratio // sum(ratios) for ratio in ratios]
    rest = [total * ratio % sum(ratios) for ratio in ratios]
    by_rest = sorted(range(len(ratios)), key=lambda index: (-rest[index], index))
    for index in by_rest[: total - sum(counts)]:
        counts[index] += 1
    return counts
