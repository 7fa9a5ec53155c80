"""Keys: 64 bits that stand for a text, so that what is remembered of records does not grow with their text."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest


def key_of(text: str) -> int:
    """64 bits of a text's hash: among 5,000,000 different texts two meet with a probability of 1e-6."""
    return xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


class Keys:
    """64-bit keys, each with the number of its owner: 16 bytes a key."""

    def __init__(self) -> None:
        self._keys = array("Q")
        self._owners = array("Q")

    def add(self, key: int, owner: int) -> None:
        self._keys.append(key)
        self._owners.append(owner)

    def add_each(self, keys: Sequence[int], owners: Sequence[int]) -> None:
        """Add each key with an owner of its own."""
        self._keys.extend(keys)
        self._owners.extend(owners)

    def add_all(self, keys: Collection[int], owner: int) -> None:
        self._keys.extend(keys)
        self._owners.extend([owner] * len(keys))

    def extend(self, later: Keys, offset: int = 0) -> None:
        """Add all keys of `later`, whose owners are numbered from `offset` on here."""
        self._keys.extend(later._keys)
        owners = later._owners
        self._owners.extend(array("Q", (_numbers(owners) + np.uint64(offset)).tobytes()) if offset else owners)

    def shared(self, least: int = 2) -> Iterator[list[int]]:
        """The owners of each key that was added `least` times or more, in the order in which they came."""
        order, starts, ends = self._runs(repeated=least > 1)
        large = ends - starts >= least
        starts, ends = starts[large], ends[large]
        owners = _numbers(self._owners)
        for run in np.argsort(order[starts]):
            yield owners[order[starts[run] : ends[run]]].tolist()

    def across(self, codes: NDArray[np.uint8]) -> list[list[int]]:
        """The owners of one key, for each key of which `codes` (by owner; 0: none) name several splits."""
        order, starts, ends = self._runs(repeated=True)
        if not len(order):
            return []
        owners = _numbers(self._owners)[order]
        found = codes[owners]
        least = np.minimum.reduceat(np.where(found == 0, 255, found), starts)
        most = np.maximum.reduceat(found, starts)
        groups = {tuple(sorted(set(owners[starts[run] : ends[run]].tolist()))) for run in np.flatnonzero(least < most)}
        return [list(group) for group in sorted(groups)]

    def edges(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Pairs of owners that link all who share a key: each with the first of them."""
        order, starts, ends = self._runs(repeated=False)
        owners = _numbers(self._owners)[order]
        return np.repeat(owners[starts], ends - starts), owners

    def _runs(self, *, repeated: bool) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """The places in the order of the keys; where the run of each key starts and ends. `repeated`: of those alone
        whose key was added more than once.
        """
        keys = _numbers(self._keys)
        places = _repeated(keys) if repeated else np.arange(len(keys))
        order = places[np.argsort(keys[places], kind="stable")]
        if not len(order):
            return order, order, order
        changes = np.flatnonzero(np.diff(keys[order])) + 1
        return order, np.append(0, changes), np.append(changes, len(order))


def _repeated(keys: NDArray[np.uint64]) -> NDArray[np.intp]:
    """The places of the keys that stand there more than once: mostly few, and four times as quick as sorting places."""
    ordered = np.sort(keys)
    again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(again):
        return np.zeros(0, dtype=np.intp)
    nearest = np.minimum(np.searchsorted(again, keys), len(again) - 1)
    return np.flatnonzero(again[nearest] == keys)


def _numbers(values: array[int]) -> NDArray[np.uint64]:
    return np.array(values, dtype=np.uint64)  # a copy: an array that is looked into cannot grow
