from gatherset.dataset.records import record_id
from gatherset.dataset.rules.keys import Keys

IDS = [record_id(number) for number in range(6)]


def keys(*texts: str, first: int = 0) -> Keys:
    made = Keys()
    for number, text in enumerate(texts, first):
        made.add(text, IDS[number])
    return made


def test_nothing_is_shared_where_nothing_was_added() -> None:
    assert list(Keys().shared()) == []


def test_records_that_share_a_key_are_told_in_the_order_in_which_they_came() -> None:
    assert list(keys("b", "a", "c", "a", "b").shared()) == [[IDS[0], IDS[4]], [IDS[1], IDS[3]]]


def test_a_key_must_be_shared_often_enough() -> None:
    assert list(keys("a", "b", "a", "b", "a").shared(3)) == [[IDS[0], IDS[2], IDS[4]]]


def test_two_parts_of_a_file_are_as_one() -> None:
    first = keys("a", "b")
    first.extend(keys("b", "a", "c", first=2))
    assert list(first.shared()) == list(keys("a", "b", "b", "a", "c").shared())


def test_a_key_takes_16_bytes_whatever_the_text_is() -> None:
    made = keys("x" * 1_000_000, "y")
    assert len(made._keys.tobytes()) + len(made._owners.tobytes()) == 2 * 16


def test_half_a_character_has_a_key_too() -> None:
    assert list(keys("\ud800", "\ud800").shared()) == [[IDS[0], IDS[1]]]
