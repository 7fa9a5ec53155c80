"""Units: records that must share a split, since they show one picture or come from one source."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gatherset.dataset.records import Record

# The file name that Flickr gives a photograph, with its number; the same one in whatever collection it came.
_FLICKR_FILE = re.compile(r"(\d{5,12})_[0-9a-f]{8,10}(?:_[a-z0-9]{1,2})?\.[a-z]{3,4}", re.IGNORECASE)
_FLICKR_PAGE = re.compile(r"flickr\.com/photos/[^/]+/(\d+)", re.IGNORECASE)
_SCHEME = re.compile(r"^https?://(?:www\.)?", re.IGNORECASE)


def source_keys(record: Record, series: re.Pattern[str] | None) -> Iterator[int]:
    """64-bit numbers: two records that have one in common come from one photograph, URL or upload series.

    `series` finds the name of the series in source.ref, as its first group.
    """
    source = record["source"]
    dataset, ref, url = source["dataset"], source["ref"], source["url"]
    if ref:
        flickr = _FLICKR_FILE.fullmatch(ref.rpartition("/")[2])
        yield key_of(f"flickr\0{flickr[1]}" if flickr else f"{dataset}\0{ref}")
        if series and (found := series.search(ref)):
            yield key_of(f"series\0{dataset}\0{found[1]}")
    if url:
        address = _SCHEME.sub("", url).partition("#")[0].rstrip("/")
        yield key_of(f"url\0{address}")
        name = address.partition("?")[0].rpartition("/")[2]
        if flickr := _FLICKR_FILE.fullmatch(name) or _FLICKR_PAGE.search(address):
            yield key_of(f"flickr\0{flickr[1]}")


def key_of(text: str) -> int:
    """64 bits of a text's hash: among 5,000,000 different texts two meet with a probability of 1e-6."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


class OwnedKeys:
    """64-bit keys and the number of the record each belongs to: 12 bytes a key."""

    def __init__(self) -> None:
        self._keys = array("Q")
        self._owners = array("I")

    def add(self, key: int, owner: int) -> None:
        self._keys.append(key)
        self._owners.append(owner)

    def extend(self, later: OwnedKeys, offset: int) -> None:
        """Add all keys of `later`, whose records are numbered from `offset` on here."""
        self._keys.extend(later._keys)
        self._owners.extend(array("I", (np.array(later._owners, dtype=np.uint32) + np.uint32(offset)).tobytes()))

    def across(self, codes: NDArray[np.uint8]) -> list[list[int]]:
        """The numbers of the records with one key, for each key of which `codes` (0: none) name several splits."""
        owners, _, starts, ends = self._runs()
        if not len(owners):
            return []
        found = codes[owners]
        least = np.minimum.reduceat(np.where(found == 0, 255, found), starts)
        most = np.maximum.reduceat(found, starts)
        groups = {tuple(sorted(set(owners[starts[run] : ends[run]].tolist()))) for run in np.flatnonzero(least < most)}
        return [list(group) for group in sorted(groups)]

    def edges(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Pairs of records that link all who share a key: each with the first of them."""
        owners, lengths, starts, _ = self._runs()
        return np.repeat(owners[starts], lengths), owners

    def _runs(self) -> tuple[NDArray[np.uint32], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """The owners in the order of the keys; how long the run of each key is, where it starts and ends."""
        keys = np.array(self._keys, dtype=np.uint64)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        owners = np.array(self._owners, dtype=np.uint32)[order]
        starts = np.flatnonzero(np.concatenate((np.ones(min(len(keys), 1), dtype=bool), keys[1:] != keys[:-1])))
        ends = np.append(starts[1:], len(keys))
        return owners, ends - starts, starts, ends


def joined(labels: NDArray[np.int32], *edges: tuple[NDArray[np.uint32], NDArray[np.uint32]]) -> NDArray[np.int32]:
    """[n] group numbers where the groups `labels` are joined by `edges` between their members."""
    count = int(labels.max()) + 1 if len(labels) else 0
    left = np.concatenate([labels[left] for left, _ in edges])
    right = np.concatenate([labels[right] for _, right in edges])
    graph = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(count, count))
    groups: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return groups[labels]
