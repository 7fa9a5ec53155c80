import json
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatherset.dataset.records import (
    Record,
    add_revision,
    canonical,
    canonical_bytes,
    content_hash,
    current_records,
    newest_change,
)
from gatherset.dataset.rules.rule import numbered
from gatherset.dataset.workspace import Workspace

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=10,
)


def shuffled_keys(value: object, rng: random.Random) -> object:
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled_keys(value[key], rng) for key in keys}
    return value


@given(st.permutations(range(5)), st.randoms(use_true_random=False))
def test_the_content_hash_knows_no_order(order: list[int], rng: random.Random) -> None:
    records = [numbered(number) for number in range(5)]
    mixed = [shuffled_keys(records[number], rng) for number in order]
    assert content_hash(mixed) == content_hash(records)


def test_the_content_hash_sees_every_change() -> None:
    other = numbered(1, lambda record: record["captions"][4].update(verified=False))
    assert content_hash([numbered(1)]) != content_hash([other])


def test_the_content_hash_stays_the_same_across_versions_of_the_tools() -> None:
    expected = "fe01bd8ce872c9f6d14c90966dc65429c66a47af43194af528ccbcc363abd310"
    pair = [numbered(number, lambda record: record["source"].update(ref="march.jpg")) for number in (1, 2)]
    assert content_hash(pair) == expected


@given(JSON)
def test_canonical_json_reads_back(value: object) -> None:
    assert json.loads(canonical(value)) == value


def test_canonical_json_refuses_what_json_has_not() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))


def current(workspace: Workspace) -> list[Record]:
    with workspace.catalog.read() as connection:
        return list(current_records(connection))


def test_a_correction_is_a_new_revision_and_the_current_one(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 2)
    first, second = current(workspace)
    corrected = {**first, "language": "de"}
    with workspace.catalog.write() as connection:
        number = add_revision(connection, corrected, submissions=[], reason="it is German", decided_by="eva")
    assert number == 2
    assert current(workspace) == [corrected, second]


def test_a_correction_does_not_move_a_record(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 1)
    [record] = current(workspace)
    with workspace.catalog.write() as connection:
        add_revision(connection, {**record, "split": "test"}, submissions=[], reason="a slip", decided_by="eva")
    assert current(workspace) == [record]


def test_an_empty_catalog_has_no_newest_change(workspace: Workspace) -> None:
    with workspace.catalog.read() as connection:
        assert newest_change(connection) is None


WHOLE_NUMBERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(WHOLE_NUMBERS)
def test_the_fast_canonical_json_is_the_same(value: object) -> None:
    try:
        expected = canonical(value).encode()
    except UnicodeEncodeError:  # half a character
        with pytest.raises(UnicodeEncodeError):
            canonical_bytes(value)
        return
    assert canonical_bytes(value) == expected
