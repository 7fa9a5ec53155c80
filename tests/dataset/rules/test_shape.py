"""The fast way through the schema must never pass what jsonschema would not."""

import copy
import os
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatherset import schemas
from gatherset.dataset.rules.rule import GOLDEN, Context
from gatherset.dataset.rules.shape import Schema, StrictValidator
from gatherset.dataset.settings import Settings
from gatherset.dataset.taxonomy import load_taxonomy

RULE = Schema(Context(Settings(1, "mg"), load_taxonomy()))
WORDS = StrictValidator(schemas.read("record.schema.json"))
PLAIN = jsonschema.Draft202012Validator(schemas.read("record.schema.json"))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_subnormal=False),  # libraries beside us may have switched them off
    st.text(max_size=8),
    st.sampled_from(["train", "1.0", "gs-3f9a1c0b7d2e4a55", "a81c" * 16, "en\n", "GS301", 1.0, 1024.0, "٣" * 16]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """The golden record with up to three things deleted, replaced, added, or swapped for others of it."""
    record: Any = copy.deepcopy(GOLDEN)
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(record)[1:]))
        parent = record
        for key in path[:-1]:
            parent = parent[key]
        action = draw(st.sampled_from(["delete", "replace", "add", "swap", "append"]))
        if action == "delete":
            del parent[path[-1]]
        elif action == "replace":
            parent[path[-1]] = draw(VALUES)
        elif action == "swap":
            parent[path[-1]] = copy.deepcopy(draw(st.sampled_from([GOLDEN["image"], GOLDEN["captions"], "train", 7])))
        elif action == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(["waivers", "colour", "text"]) | st.text(max_size=4))] = draw(VALUES)
        elif isinstance(parent, list):
            parent.append(draw(VALUES))
        if not record:
            break
    return record


@settings(max_examples=int(os.environ.get("GATHERSET_FUZZ", 500)), deadline=None)
@given(mutated())
def test_the_verdict_on_every_mutated_record_is_that_of_jsonschema(record: dict[str, Any]) -> None:
    assert bool(list(RULE.check(record))) == bool(list(WORDS.iter_errors(record)))


@pytest.mark.parametrize("value", ["gs-3f9a1c0b7d2e4a55\n", "gs-٣f9a1c0b7d2e4a55"])
def test_a_pattern_ends_where_ecma_262_says(value: str) -> None:
    """Python's '$' would let a line break follow, and its digits are those of all scripts."""
    assert list(RULE.check({**GOLDEN, "id": value}))


@settings(max_examples=200, deadline=None)
@given(mutated())
def test_the_strict_validator_only_ever_refuses_more(record: dict[str, Any]) -> None:
    if list(PLAIN.iter_errors(record)):
        assert list(WORDS.iter_errors(record))


def test_half_a_character_in_a_caption_has_a_verdict() -> None:
    record = copy.deepcopy(GOLDEN)
    record["captions"][0]["text"] = "half \ud800"
    assert list(RULE.check(record)) == []  # GS305 speaks of it


def test_a_long_value_is_cut_in_the_message() -> None:
    [message] = RULE.check({**GOLDEN, "language": "x" * 1000})
    assert len(message) < 200


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["image"].update(width=10**400),
        lambda record: record["event"]["votes"].update(protest=10**400),
        lambda record: record["captions"][0].update(text="a" * 2001),
        lambda record: record.update(captions=record["captions"] * 11),
        lambda record: record.update(flags=[[], {}] * 20_000),
    ],
)
def test_what_is_beyond_all_bounds_is_refused_at_once(change: Callable[[dict[str, Any]], object]) -> None:
    record = copy.deepcopy(GOLDEN)
    change(record)
    assert list(RULE.check(record))  # without bounds this takes minutes


def test_a_record_is_complained_about_only_so_often() -> None:
    assert len(list(RULE.check({f"field {number}": 1 for number in range(1000)}))) <= 20
