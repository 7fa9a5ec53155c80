"""Near-duplicate images: groups of 64-bit perceptual hashes within a Hamming distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

BLOCK = 1024  # hashes compared with all others at once: 8 MB for every thousand


def duplicate_groups(phashes: Sequence[str], distance: int) -> NDArray[np.int32]:
    """[n] group numbers: two images share one where a chain of steps of at most `distance` bits joins them.

    `phashes` are n texts of 16 hex digits. Exact; the time grows with n².
    """
    hashes = np.array([int(text, 16) for text in phashes], dtype=np.uint64)
    rows, columns = [], []
    for start in range(0, len(hashes), BLOCK):
        block = hashes[start : start + BLOCK]
        bits = np.bitwise_count(block[:, None] ^ hashes[None, start:])  # only later ones: the relation is symmetric
        near_rows, near_columns = np.nonzero(bits <= distance)
        rows.append(near_rows + start)
        columns.append(near_columns + start)
    if not rows:
        return np.empty(0, dtype=np.int32)
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(row), dtype=bool), (row, column)), shape=(len(hashes), len(hashes)))
    labels: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels
