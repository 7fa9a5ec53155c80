import numpy as np

from gatherset.dataset.keys import Keys, key_of


def keys(*texts: str, first: int = 0) -> Keys:
    made = Keys()
    for number, text in enumerate(texts, first):
        made.add(key_of(text), number)
    return made


def test_nothing_is_shared_where_nothing_was_added() -> None:
    assert list(Keys().shared()) == Keys().across(np.zeros(0, np.uint8)) == []


def test_owners_of_one_key_are_told_in_the_order_in_which_they_came() -> None:
    assert list(keys("b", "a", "c", "a", "b").shared()) == [[0, 4], [1, 3]]


def test_a_key_must_be_shared_often_enough() -> None:
    assert list(keys("a", "b", "a", "b", "a").shared(3)) == [[0, 2, 4]]


def test_only_keys_that_stand_in_several_splits_are_told() -> None:
    codes = np.array([1, 1, 2, 0, 3], np.uint8)
    assert keys("a", "b", "a", "b", "a").across(codes) == [[0, 2, 4]]


def test_edges_link_all_who_share_a_key() -> None:
    left, right = keys("a", "b", "a", "a").edges()
    assert {pair for pair in zip(left.tolist(), right.tolist(), strict=True) if pair[0] != pair[1]} == {(0, 2), (0, 3)}


def test_two_parts_of_a_file_are_as_one() -> None:
    first = keys("a", "b")
    first.extend(keys("b", "a", "c"), offset=2)
    assert list(first.shared()) == list(keys("a", "b", "b", "a", "c").shared())


def test_a_key_takes_16_bytes_whatever_the_text_is() -> None:
    made = keys("x" * 1_000_000, "y")
    assert len(made._keys.tobytes()) + len(made._owners.tobytes()) == 2 * 16


def test_half_a_character_has_a_key_too() -> None:
    assert list(keys("\ud800", "\ud800").shared()) == [[0, 1]]


def test_all_owners_of_repeated_keys_are_told_among_many_that_stand_alone() -> None:
    made = Keys()
    made.add_each([*range(1000), *range(0, 1000, 100)], range(1010))
    assert list(made.shared()) == [[100 * number, 1000 + number] for number in range(10)]
    assert len(list(made.shared(1))) == 1000
