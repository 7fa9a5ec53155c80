from hypothesis import given
from hypothesis import strategies as st

from gatherset.dataset import duplicates
from gatherset.dataset.duplicates import duplicate_groups

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
    labels = duplicate_groups([f"{value:016x}" for value in hashes], distance).tolist()
    return {frozenset(i for i, label in enumerate(labels) if label == wanted) for wanted in labels}


@given(HASHES, st.integers(0, 8))
def test_the_groups_are_those_found_pair_by_pair(hashes: list[int], distance: int) -> None:
    assert groups(hashes, distance) == by_hand(hashes, distance)


@given(st.lists(st.integers(0, 2**12 - 1), min_size=5, max_size=20))
def test_blocks_change_nothing(hashes: list[int]) -> None:
    whole = groups(hashes, 2)
    block, duplicates.BLOCK = duplicates.BLOCK, 3
    try:
        assert groups(hashes, 2) == whole
    finally:
        duplicates.BLOCK = block


def test_a_chain_of_near_ones_is_one_group() -> None:
    assert groups([0b0, 0b11, 0b1111, 0xFFFF_0000], 2) == {frozenset({0, 1, 2}), frozenset({3})}


def test_no_hashes_are_no_groups() -> None:
    assert duplicate_groups([], 6).tolist() == []
