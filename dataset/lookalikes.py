"""Look-alikes: images whose features point in nearly one direction. The second signal, for what a hash misses."""

from __future__ import annotations

import tempfile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from gatherset.dataset.features import FeatureFile

ROWS = 512  # images whose regions are read at once: 94 MB for 36 regions of 1,280 numbers
BLOCK = 2048  # images compared with as many others at once: 40 MB


def lookalikes(features: FeatureFile, cosine: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs (left, right) of rows of the feature file, left < right, whose pooled features have at least this cosine.

    An image is the mean of its regions [K, D] -> [D], less the mean of all images, with length 1. Memory is bounded by
    the blocks; the pooled features, 2 D bytes an image, go to a temporary file. The time grows with n².
    """
    with tempfile.TemporaryFile() as file:
        pooled = _pooled(features, file)
        left, right = [], []
        for start in range(0, len(pooled), BLOCK):
            some = pooled[start : start + BLOCK].astype(np.float32)
            for other in range(start, len(pooled), BLOCK):
                alike = some @ pooled[other : other + BLOCK].astype(np.float32).T  # [b, b]
                rows, columns = np.divmod(np.flatnonzero(alike >= cosine), alike.shape[1])
                later = rows + start < columns + other
                left.append(rows[later] + start)
                right.append(columns[later] + other)
    nothing = np.empty(0, dtype=np.intp)
    return np.concatenate([nothing, *left]), np.concatenate([nothing, *right])


def _pooled(features: FeatureFile, file: IO[bytes]) -> NDArray[np.float16]:
    """[n, D] one direction an image, in `file`."""
    count, dim = len(features.ids), features.header.dim
    if not count:
        return np.empty((0, dim), dtype=np.float16)
    pooled: NDArray[np.float16] = np.memmap(file, np.float16, "w+", shape=(count, dim))
    total = np.zeros(dim)
    blocks = [slice(start, start + ROWS) for start in range(0, count, ROWS)]
    for rows in blocks:
        mean = features.regions(rows).mean(axis=1, dtype=np.float32)
        total += mean.sum(axis=0, dtype=np.float64)
        pooled[rows] = mean
    for rows in blocks:
        centred = pooled[rows] - (total / count).astype(np.float32)
        pooled[rows] = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    return pooled
