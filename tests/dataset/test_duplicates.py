import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gatherset.dataset import duplicates
from gatherset.dataset.duplicates import duplicate_groups
from gatherset.dataset.errors import InputError

LAW = settings(deadline=None)
# Few bits, so that near ones are frequent; and a few that differ anywhere.
HASHES = st.lists(st.integers(0, 2**12 - 1) | st.integers(0, 2**64 - 1), max_size=30)


def by_hand(hashes: list[int], distance: int) -> set[frozenset[int]]:
    """Union-find, pair by pair."""
    parent = list(range(len(hashes)))

    def root(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    for first, left in enumerate(hashes):
        for second, right in enumerate(hashes):
            if (left ^ right).bit_count() <= distance:
                parent[root(first)] = root(second)
    nodes = range(len(hashes))
    return {frozenset(node for node in nodes if root(node) == root(start)) for start in nodes}


def groups(hashes: list[int], distance: int) -> set[frozenset[int]]:
    labels = duplicate_groups(np.array(hashes, dtype=np.uint64), distance).tolist()
    return {frozenset(i for i, label in enumerate(labels) if label == wanted) for wanted in labels}


@LAW
@given(HASHES, st.integers(0, 8))
def test_the_groups_are_those_found_pair_by_pair(hashes: list[int], distance: int) -> None:
    assert groups(hashes, distance) == by_hand(hashes, distance)


def hard_ones(rng: np.random.Generator, kind: str) -> NDArray[np.uint64]:
    """Hashes whose near ones are known to be hard to find: 2,000 of them."""
    some = rng.integers(0, 2**64, 2000, dtype=np.uint64)
    flips = np.uint64(1) << rng.integers(0, 64, (3, 2000), dtype=np.uint64)
    near = np.bitwise_xor.reduce(flips) ^ np.roll(some, 1)
    if kind == "scattered":
        return np.concatenate([some[:1000], near[:1000]])
    if kind == "many equal":
        return rng.permutation(np.concatenate([some[:700], np.repeat(some[:2], 400), near[:500]]))
    if kind == "one band crowded":
        return np.concatenate([some[:1000], near[:500] & ~np.uint64(0xFFFF), some[1000:1500] & ~np.uint64(0xFFFF)])
    if kind == "bits that never change":
        return some & np.uint64(0x0F0F_0F0F_0000_00FF)
    return np.bitwise_xor.reduce(flips) ^ np.repeat(some[:20], 100)  # clusters


@pytest.mark.parametrize("distance", [1, 6, 8])
@pytest.mark.parametrize("kind", ["scattered", "many equal", "one band crowded", "bits that never change", "clusters"])
@pytest.mark.parametrize("long", [2, 128])
def test_every_way_of_searching_finds_what_all_pairs_give(
    kind: str, distance: int, long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = hard_ones(np.random.default_rng(distance), kind)
    monkeypatch.setattr(duplicates, "LONG", long)
    monkeypatch.setattr(duplicates, "PAIRS", 1 << 12)  # so that crowds are cut again, as in a million
    monkeypatch.setattr(duplicates, "PENDING", 1 << 10)
    found = duplicate_groups(hashes, distance)
    monkeypatch.setattr(duplicates, "_bands", lambda *numbers: None)
    assert same_partition(found, duplicate_groups(hashes, distance))


def same_partition(left: NDArray[np.int32], right: NDArray[np.int32]) -> bool:
    return (
        len(set(zip(left.tolist(), right.tolist(), strict=True))) == len(set(left.tolist())) == len(set(right.tolist()))
    )


@LAW
@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=30), st.integers(1, 8), st.integers(1, 3))
def test_every_number_of_bands_gives_the_same(hashes: list[int], distance: int, shared: int) -> None:
    hashes += [value ^ (2**distance - 1) << index % 48 for index, value in enumerate(hashes)]  # each has a near one
    whole = groups(hashes, distance)
    chosen, duplicates._bands = (
        duplicates._bands,
        lambda count, bits, distance: max(4, distance + shared) if bits > 40 else None,
    )
    try:
        assert groups(hashes, distance) == whole
    finally:
        duplicates._bands = chosen


def test_a_distance_that_would_join_everything_is_refused() -> None:
    with pytest.raises(InputError, match="17 bits is not among 0 to 16"):
        duplicate_groups(np.zeros(2, dtype=np.uint64), 17)


def test_a_chain_of_near_ones_is_one_group() -> None:
    assert groups([0b0, 0b11, 0b1111, 0xFFFF_0000], 2) == {frozenset({0, 1, 2}), frozenset({3})}


def test_no_hashes_are_no_groups() -> None:
    assert duplicate_groups(np.array([], dtype=np.uint64), 6).tolist() == []
