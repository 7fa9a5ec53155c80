"""Near-duplicate images: groups of 64-bit perceptual hashes within a Hamming distance, found without all pairs.

Cut the bits into m bands. Two hashes that differ in at most d bits differ in at most d bands, so they are equal in
some m - d of them: whoever shares no such set of bands need not be compared. Distance 6 with 8 bands: any 2 of 8, 28
sortings by a key of 16 bits. Which m is quickest follows from the number of hashes; the answer is exact for every m.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gatherset.dataset.errors import InputError

MAX_DISTANCE = 16  # bits; unrelated photographs differ in 32 on average, so more would join everything
CHUNK = 1 << 15  # sorted hashes compared at once: what a core's cache holds
LONG = 128  # hashes that share a key; more are a crowd, which is not compared pair by pair at first
LINKS = 8  # neighbours that are compared in a crowd before asking whom it still has to compare
PENDING = 1 << 20  # near pairs kept before they are joined: what bounds the memory
PAIRS = 1 << 22  # pairs of a crowd compared one by one; above it the crowd is cut into bands of its own

Hashes = NDArray[np.uint64]
Indices = NDArray[np.intp]


def duplicate_groups(hashes: Hashes, distance: int) -> NDArray[np.int32]:
    """[n] group numbers: two images share one where a chain of steps of at most `distance` bits joins them.

    `hashes` [n] uint64. Exact. A million takes seconds up to distance 6, and about 100 bytes a hash.
    Raises InputError for a distance over MAX_DISTANCE.
    """
    if not 0 <= distance <= MAX_DISTANCE:
        raise InputError(
            f"a distance of {distance} bits is not among 0 to {MAX_DISTANCE}", "Mend rules.near_duplicate_distance"
        )
    distinct, which = np.unique(hashes, return_inverse=True)
    groups = _Groups(distinct, distance)
    if distance and len(distinct) > 1:
        _search(np.arange(len(distinct)), groups)
    return groups.labels(1)[which]


class _Groups:
    """Union of near pairs among `hashes`, in bounded memory."""

    def __init__(self, hashes: Hashes, distance: int) -> None:
        self.hashes = hashes
        self.distance = distance
        self._labels = np.arange(len(hashes), dtype=np.int32)
        self._left: list[Indices] = []
        self._right: list[Indices] = []
        self._pending = 0

    def join(self, left: Indices, right: Indices) -> None:
        self._left.append(left)
        self._right.append(right)
        self._pending += len(left)
        self.labels(PENDING)

    def labels(self, pending: int) -> NDArray[np.int32]:
        """[n] the group of each hash; fewer than `pending` near pairs may still wait, since joining takes a while."""
        if self._pending >= pending:
            count = int(self._labels.max()) + 1
            left, right = (self._labels[np.concatenate(side)] for side in (self._left, self._right))
            graph = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(count, count))
            self._labels = connected_components(graph, directed=False)[1][self._labels]
            self._left, self._right, self._pending = [], [], 0
        return self._labels


def _search(members: Indices, groups: _Groups) -> None:
    """Join all near pairs among the hashes numbered `members`."""
    hashes = groups.hashes[members]
    # A bit that is the same in all of them tells nothing apart.
    varying = int(np.bitwise_or.reduce(hashes) & ~np.bitwise_and.reduce(hashes))
    bits = [bit for bit in range(64) if varying >> bit & 1]
    bands = _bands(len(hashes), len(bits), groups.distance)
    if bands is None:
        _compare(members, members, groups)
        return
    for key in _keys(hashes, bits, bands, bands - groups.distance):
        order = np.argsort(key, kind="stable")  # by radix for 16 bits
        _sweep(members[order], key[order], groups)


def _bands(count: int, bits: int, distance: int) -> int | None:
    """The number of bands that is quickest for `count` hashes of so many bits; None: comparing all pairs is."""
    # Nanoseconds, measured: a pair of a run 5, a hash sorted 40 (over 16 bits 120), a key 100 µs whatever its size.
    best, choice = 1.5 * count**2, None
    for bands in range(max(4, distance + 1), min(bits, distance + 10) + 1):
        shared = bands - distance
        key_bits = shared * (bits // bands)
        sorting = 40 if key_bits <= 16 else 120
        cost = comb(bands, shared) * (1e5 + count * sorting + 2.5 * count**2 / 2.0**key_bits)
        if cost < best:
            best, choice = cost, bands
    return choice


def _keys(hashes: Hashes, bits: list[int], bands: int, shared: int) -> Iterator[NDArray[np.unsignedinteger]]:
    """[n] the bits of each choice of `shared` bands. A band takes every so-manieth bit: neighbours in a hash agree."""
    chosen = [bits[band::bands] for band in range(bands)]
    values = []
    for band_bits in chosen:
        value = np.zeros(len(hashes), dtype=np.uint16)
        for place, bit in enumerate(band_bits):
            value |= ((hashes >> np.uint64(bit)) & np.uint64(1)).astype(np.uint16) << np.uint16(place)
        values.append(value)
    for choice in combinations(range(bands), shared):
        width = sum(len(chosen[band]) for band in choice)
        dtype = np.dtype(np.uint16 if width <= 16 else np.uint32 if width <= 32 else np.uint64)
        key: NDArray[np.unsignedinteger] = np.zeros(len(hashes), dtype=dtype)
        for band in choice:
            key = (key << dtype.type(len(chosen[band]))) | values[band].astype(dtype)
        yield key


def _sweep(members: Indices, key: NDArray[np.unsignedinteger], groups: _Groups) -> None:
    """Join the near pairs within each run of equal keys; `members` are in the order of `key`."""
    hashes = groups.hashes[members]
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    ends = np.append(starts[1:], len(key))
    lengths = ends - starts
    following = np.repeat(ends, lengths) - np.arange(len(key)) - 1  # members of the run behind each one
    crowds = np.flatnonzero(lengths > LONG)
    if len(crowds):
        crowded = np.repeat(lengths > LONG, lengths)
        following[crowded] = np.minimum(following[crowded], LINKS)
    for start in range(0, len(key), CHUNK):
        active = start + np.flatnonzero(following[start : start + CHUNK])
        step = 1
        while len(active):
            near = np.bitwise_count(hashes[active] ^ hashes[active + step]) <= groups.distance
            if near.any():
                hits = active[near]
                groups.join(members[hits], members[hits + step])
            step += 1
            active = active[following[active] >= step]
    if len(crowds):
        groups.labels(PENDING >> 4)
    for crowd in crowds:
        _crowd(members[starts[crowd] : ends[crowd]], groups)


def _crowd(members: Indices, groups: _Groups) -> None:
    """Join the near pairs of a long run: whoever is in its largest group already is not compared within it."""
    labels = groups.labels(PENDING)[members]
    names, counts = np.unique(labels, return_counts=True)
    others = members[labels != names[counts.argmax()]]
    if len(others) * len(members) > PAIRS:
        _search(members, groups)
    elif len(others):
        _compare(others, members, groups)


def _compare(some: Indices, members: Indices, groups: _Groups) -> None:
    """Join the near pairs of one of `some` and one of `members`."""
    all_hashes = groups.hashes[members]
    rows = max(1, PENDING // len(members))
    for start in range(0, len(some), rows):
        block = some[start : start + rows]
        near = np.bitwise_count(groups.hashes[block][:, None] ^ all_hashes[None, :]) <= groups.distance
        left, right = np.divmod(np.flatnonzero(near), len(members))
        groups.join(block[left], members[right])
