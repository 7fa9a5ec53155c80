"""Units: records that must share a split, since they show one picture or come from one source."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gatherset.dataset.keys import key_of
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
        if flickr or dataset:  # else the name says nothing: many cameras write IMG_0001.jpg
            yield key_of(f"flickr\0{flickr[1]}" if flickr else f"{dataset}\0{ref}")
        if series and (found := series.search(ref)):
            yield key_of(f"series\0{dataset}\0{found[1]}")
    if url:
        address = _SCHEME.sub("", url).partition("#")[0].rstrip("/")
        yield key_of(f"url\0{address}")
        name = address.partition("?")[0].rpartition("/")[2]
        if flickr := _FLICKR_FILE.fullmatch(name) or _FLICKR_PAGE.search(address):
            yield key_of(f"flickr\0{flickr[1]}")


def joined(labels: NDArray[np.int32], *edges: tuple[NDArray[np.uint64], NDArray[np.uint64]]) -> NDArray[np.int32]:
    """[n] group numbers where the groups `labels` are joined by `edges` between their members."""
    count = int(labels.max()) + 1 if len(labels) else 0
    left = np.concatenate([labels[left] for left, _ in edges])
    right = np.concatenate([labels[right] for _, right in edges])
    graph = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(count, count))
    groups: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return groups[labels]
